// Values and the heap: construction, JSON in, equality, order, membership, budget.
#include "engine/text/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace engine::jinja {

bool Value::truthy() const {
  switch (kind) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
      return b;
    case Kind::integer:
      return i != 0;
    case Kind::real:
      return d != 0;
    case Kind::string:
      return !text->bytes.empty();
    case Kind::list:
      return !list->items.empty();
    case Kind::dict:
      return !dict->entries.empty();
    case Kind::ns:
    case Kind::loop:
    case Kind::function:
      return true;
  }
  return false;
}

const char* kind_name(const Value& v) {
  switch (v.kind) {
    case Kind::undefined:
      return "undefined";
    case Kind::none:
      return "none";
    case Kind::boolean:
      return "boolean";
    case Kind::integer:
      return "integer";
    case Kind::real:
      return "float";
    case Kind::string:
      return "string";
    case Kind::list:
      return v.list->tuple ? "tuple" : "list";
    case Kind::dict:
      return "dict";
    case Kind::ns:
      return "namespace";
    case Kind::loop:
      return "loop";
    case Kind::function:
      return "function";
  }
  return "value";
}

Value Args::get(size_t position, std::string_view name) const {
  if (position < positional.size()) return positional[position];
  for (const auto& [key, value] : named)
    if (key == name) return value;
  return {};
}

Value Heap::fail(std::string message, Errc code) {
  if (!failed_) {
    failed_ = true;
    error_ = Error{code, std::move(message)};
  }
  return {};
}

bool Heap::spend_steps(size_t n) {
  steps_ += n;
  if (steps_ > static_cast<size_t>(limits_.steps)) fail("the chat template takes too many steps");
  return !failed_;
}

bool Heap::spend_bytes(size_t n) {
  if (n > limits_.bytes - std::min(bytes_, limits_.bytes)) {
    fail("the chat template uses too much memory");
    return false;
  }
  bytes_ += n;
  return !failed_;
}

bool Heap::spend_loop(size_t n) {
  const auto limit = static_cast<size_t>(limits_.loop_iterations);
  if (n > limit - std::min(loops_, limit)) {
    fail(fmt::format("the chat template loops more than {} times", limits_.loop_iterations));
    return false;
  }
  loops_ += n;
  return !failed_;
}

Value Heap::string(std::string s, bool input) {
  if (!spend_bytes(s.size() + sizeof(Text))) return {};
  std::string& owned = buffers_.emplace_back(std::move(s));
  Text& t = texts_.emplace_back();
  t.bytes = owned;
  if (input && !owned.empty()) t.input = {{0, owned.size()}};
  return Value::string(&t);
}

Value Heap::string(TextBuilder& builder) {
  if (!spend_bytes(builder.size() + sizeof(Text))) return {};
  Text& t = texts_.emplace_back();
  t.bytes = buffers_.emplace_back(std::move(builder.bytes()));
  t.input = std::move(builder.ranges());
  return Value::string(&t);
}

Value Heap::part(const Text& source, size_t begin, size_t end) {
  if (!spend_bytes(sizeof(Text))) return {};
  Text& t = texts_.emplace_back();
  t.bytes = source.bytes.substr(begin, end - begin);
  for (const Range& r : source.input) {
    const size_t b = std::max(r.begin, begin), e = std::min(r.end, end);
    if (b < e) t.input.push_back({b - begin, e - begin});
  }
  return Value::string(&t);
}

Value Heap::part(const Text& source, std::string_view piece) {
  const auto begin = piece.empty() ? 0 : static_cast<size_t>(piece.data() - source.bytes.data());
  return part(source, begin, begin + piece.size());
}

Value Heap::list(std::vector<Value> items, bool tuple) {
  if (!spend_bytes(sizeof(List) + items.size() * sizeof(Value)) || !spend_steps(items.size()))
    return {};
  lists_.push_back({std::move(items), tuple});
  return Value::of_list(&lists_.back());
}

Value Heap::dict(Kind kind) {
  if (!spend_bytes(sizeof(Dict))) return {};
  return Value::of_dict(&dicts_.emplace_back(), kind);
}

Value Heap::function(Function f) {
  if (!spend_bytes(sizeof(Function))) return {};
  functions_.push_back(f);
  return Value::of_function(&functions_.back());
}

Value Heap::from_json(const Json& json, bool input, int depth) {
  if (depth > kMaxNesting) return fail("the variables of the chat template are nested too deeply");
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case Json::value_t::number_unsigned: {
      const auto v = json.get<uint64_t>();
      return v <= INT64_MAX ? Value::integer(static_cast<int64_t>(v))
                            : Value::real(static_cast<double>(v));
    }
    case Json::value_t::number_float:
      return Value::real(json.get<double>());
    case Json::value_t::string:
      return string(json.get_ref<const std::string&>(), input);
    case Json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const Json& e : json) items.push_back(from_json(e, input, depth + 1));
      return list(std::move(items));
    }
    case Json::value_t::object: {
      const Value v = dict();
      if (failed_ || !spend_bytes(json.size() * 2 * sizeof(Value))) return {};
      v.dict->entries.reserve(json.size());
      for (const auto& [key, e] : json.items()) {
        const Value k = string(key, input);  // keys of a JSON object are unique
        const Value item = from_json(e, input, depth + 1);
        v.dict->entries.emplace_back(k, item);
      }
      return v;
    }
    default:
      return Value::none();
  }
}

Value Heap::get(const Dict& d, std::string_view key, bool* found) {
  if (found) *found = false;
  if (!spend_steps(1 + d.entries.size() / 16)) return {};
  for (const auto& [k, v] : d.entries) {
    if (!k.is(Kind::string) || k.str() != key) continue;
    if (found) *found = true;
    return v;
  }
  return {};
}

Value Heap::get(const Dict& d, const Value& key, bool* found) {
  if (key.is(Kind::string)) return get(d, key.str(), found);
  if (found) *found = false;
  for (const auto& [k, v] : d.entries) {
    if (k.is(Kind::string) || !equal(k, key)) continue;
    if (found) *found = true;
    return v;
  }
  return {};
}

void Heap::set(Dict& d, const Value& key, const Value& value) {
  if (key.is(Kind::dict) || (key.is(Kind::list) && !key.list->tuple)) {
    fail(fmt::format("{} cannot be the key of a dict", kind_name(key)));
    return;
  }
  if (!spend_steps(1 + d.entries.size() / 16) || !spend_bytes(2 * sizeof(Value))) return;
  for (auto& [k, v] : d.entries) {
    const bool same =
        key.is(Kind::string) ? k.is(Kind::string) && k.str() == key.str() : equal(k, key);
    if (same) {
      v = value;
      return;
    }
  }
  d.entries.emplace_back(key, value);
}

bool Heap::equal(const Value& a, const Value& b, int depth) {
  if (!spend_steps(1)) return false;
  if (a.number() && b.number()) {
    if (a.whole() && b.whole()) return a.as_int() == b.as_int();
    return a.as_real() == b.as_real();
  }
  if (a.kind != b.kind) return false;
  if (depth > kMaxNesting) return fail("values are nested too deeply to be compared"), false;
  switch (a.kind) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::string:
      return a.str() == b.str();
    case Kind::list: {
      const auto &x = a.list->items, &y = b.list->items;
      if (x.size() != y.size() || a.list->tuple != b.list->tuple) return false;
      for (size_t i = 0; i < x.size(); ++i)
        if (!equal(x[i], y[i], depth + 1)) return false;
      return true;
    }
    case Kind::dict: {
      if (a.dict == b.dict) return true;
      if (a.dict->entries.size() != b.dict->entries.size()) return false;
      for (const auto& [k, v] : a.dict->entries) {
        bool found = false;
        const Value other = get(*b.dict, k, &found);
        if (!found || !equal(v, other, depth + 1)) return false;
      }
      return true;
    }
    case Kind::ns:
      return a.dict == b.dict;
    case Kind::loop:
      return a.loop == b.loop;
    case Kind::function:
      return a.function == b.function;
    default:
      return false;
  }
}

int Heap::compare(const Value& a, const Value& b, int depth) {
  if (!spend_steps(1)) return 0;
  if (a.number() && b.number()) {
    if (a.whole() && b.whole()) return a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int();
    return a.as_real() < b.as_real() ? -1 : a.as_real() > b.as_real();
  }
  // bytes order as code points do
  if (a.is(Kind::string) && b.is(Kind::string)) return a.str().compare(b.str());
  if (a.is(Kind::list) && b.is(Kind::list) && depth <= kMaxNesting) {
    const auto &x = a.list->items, &y = b.list->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!equal(x[i], y[i])) return failed_ ? 0 : compare(x[i], y[i], depth + 1);
    return x.size() < y.size() ? -1 : x.size() > y.size();
  }
  fail(fmt::format("cannot order {} and {}", kind_name(a), kind_name(b)));
  return 0;
}

bool Heap::contains(const Value& container, const Value& item) {
  switch (container.kind) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::string:
      if (item.missing()) return false;
      if (!item.is(Kind::string))
        return fail(fmt::format("{} cannot be in a string", kind_name(item))), false;
      spend_steps(1 + container.str().size() / 64);
      return container.str().find(item.str()) != std::string_view::npos;
    case Kind::list:
      for (const Value& v : container.list->items)
        if (equal(v, item)) return true;
      return false;
    case Kind::dict: {
      bool found = false;
      get(*container.dict, item, &found);
      return found;
    }
    default:
      return fail(fmt::format("'in' needs a container, not {}", kind_name(container))), false;
  }
}

bool Heap::iterate(const Value& v, std::vector<Value>* out) {
  switch (v.kind) {
    case Kind::undefined:
      return true;
    case Kind::list:
      if (!spend_steps(v.list->items.size()) || !spend_bytes(v.list->items.size() * sizeof(Value)))
        return false;
      *out = v.list->items;
      return true;
    case Kind::dict:
    case Kind::ns:
      if (v.is(Kind::ns)) break;
      if (!spend_steps(v.dict->entries.size()) ||
          !spend_bytes(v.dict->entries.size() * sizeof(Value)))
        return false;
      for (const auto& [key, value] : v.dict->entries) out->push_back(key);
      return true;
    case Kind::string:
      for (size_t i = 0; i < v.str().size() && spend_steps(1);) {
        const size_t n = utf8_size_at(v.str(), i);
        out->push_back(part(*v.text, i, i + n));
        i += n;
      }
      return !failed_;
    default:
      break;
  }
  fail(fmt::format("{} cannot be iterated", kind_name(v)));
  return false;
}

}  // namespace engine::jinja
