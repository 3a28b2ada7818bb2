// Methods of strings, lists, dicts and loops, as in Python.
#include <fmt/format.h>

#include <algorithm>

#include "engine/text/jinja/builtins.h"
#include "engine/text/jinja/interpreter.h"

namespace engine::jinja {
namespace {

bool need_string(Heap& heap, const Value& v, std::string_view method) {
  if (v.is(Kind::string)) return true;
  heap.fail(fmt::format("{} needs a string, not {}", method, kind_name(v)));
  return false;
}

// ---- strings ----

Value filtered(Interpreter& in, const Value& self, std::string_view filter) {
  return in.apply_filter(filter, self, {});
}
Value string_upper(Interpreter& in, const Value& s, const Args&) {
  return filtered(in, s, "upper");
}
Value string_lower(Interpreter& in, const Value& s, const Args&) {
  return filtered(in, s, "lower");
}
Value string_title(Interpreter& in, const Value& s, const Args&) {
  return filtered(in, s, "title");
}
Value string_capitalize(Interpreter& in, const Value& s, const Args&) {
  return filtered(in, s, "capitalize");
}
Value string_replace(Interpreter& in, const Value& s, const Args& args) {
  return in.apply_filter("replace", s, args);
}
Value string_format(Interpreter& in, const Value& s, const Args& args) {
  return format_braces(in.heap(), *s.text, args);
}

template <bool Left, bool Right>
Value string_strip(Interpreter& in, const Value& self, const Args& args) {
  std::string_view s = self.str();
  const Value chars = args.get(0, "chars");
  if (!chars.missing() && !need_string(in.heap(), chars, "strip")) return {};
  in.heap().spend_steps(1 + s.size() / 64 * (chars.missing() ? 1 : 1 + chars.str().size()));
  if (chars.missing()) {
    if (Right) s = strip_right(s);
    if (Left) s = strip_left(s);
  } else {
    if (Right) s = strip_right(s, chars.str());
    if (Left) s = strip_left(s, chars.str());
  }
  return in.heap().part(*self.text, s);
}

// startswith and endswith take a string or a tuple of them.
template <bool Start>
Value string_has_end(Interpreter& in, const Value& self, const Args& args) {
  const Value what = args.get(0, "prefix");
  std::vector<Value> options = {what};
  if (what.is(Kind::list)) options = what.list->items;
  for (const Value& option : options) {
    if (!need_string(in.heap(), option, Start ? "startswith" : "endswith")) return {};
    if (Start ? self.str().starts_with(option.str()) : self.str().ends_with(option.str()))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

template <bool Last>
Value string_find(Interpreter& in, const Value& self, const Args& args) {
  const Value what = args.get(0, "sub");
  if (!need_string(in.heap(), what, "find")) return {};
  in.heap().spend_steps(1 + self.str().size() / 16);
  const std::string_view s = self.str();
  const auto from =
      utf8_offset(s, static_cast<size_t>(std::max<int64_t>(int_or(args.get(1, "start"), 0), 0)));
  size_t at = Last ? s.rfind(what.str()) : s.find(what.str(), from);
  if (at != s.npos && at < from) at = s.npos;
  return Value::integer(at == s.npos ? -1 : static_cast<int64_t>(utf8_length(s.substr(0, at))));
}

Value string_count(Interpreter& in, const Value& self, const Args& args) {
  const Value what = args.get(0, "sub");
  if (!need_string(in.heap(), what, "count")) return {};
  in.heap().spend_steps(1 + self.str().size() / 16);
  const std::string_view s = self.str(), w = what.str();
  if (w.empty()) return Value::integer(static_cast<int64_t>(utf8_length(s)) + 1);
  int64_t n = 0;
  for (size_t at = s.find(w); at != s.npos; at = s.find(w, at + w.size())) ++n;
  return Value::integer(n);
}

Value string_isdigit(Interpreter&, const Value& self, const Args&) {
  const std::string_view s = self.str();
  return Value::boolean(!s.empty() && s.find_first_not_of("0123456789") == s.npos);
}

Value string_join(Interpreter& in, const Value& self, const Args& args) {
  Args join;
  join.positional = {self};
  return in.apply_filter("join", args.get(0, "iterable"), join);
}

// Pieces between runs of whitespace; at most `limit` splits when limit >= 0.
Value split_whitespace(Heap& heap, const Text& t, int64_t limit, bool from_right) {
  std::vector<Value> pieces;
  std::string_view rest = from_right ? strip_right(t.bytes) : strip_left(t.bytes);
  while (!rest.empty() && heap.spend_steps(1)) {
    std::string_view piece = rest;
    if (limit != 0) {
      if (from_right) {
        size_t cut = 0;  // behind the last whitespace
        for (size_t i = 0; i < rest.size(); i += utf8_size_at(rest, i))
          if (is_space(utf8_at(rest, i))) cut = i + utf8_size_at(rest, i);
        heap.spend_steps(rest.size() / 64);
        piece = rest.substr(cut);
        rest = strip_right(rest.substr(0, cut));
      } else {
        size_t end = 0;
        while (end < rest.size() && !is_space(utf8_at(rest, end))) end += utf8_size_at(rest, end);
        piece = rest.substr(0, end);
        rest = strip_left(rest.substr(end));
      }
      --limit;
    } else {
      rest = {};  // the remainder keeps its inner and far whitespace
    }
    pieces.push_back(heap.part(t, piece));
  }
  if (from_right) std::reverse(pieces.begin(), pieces.end());
  return heap.list(std::move(pieces));
}

template <bool FromRight>
Value string_split(Interpreter& in, const Value& self, const Args& args) {
  Heap& heap = in.heap();
  const Value separator = args.get(0, "sep");
  int64_t limit = int_or(args.get(1, "maxsplit"), -1);
  if (separator.missing()) return split_whitespace(heap, *self.text, limit, FromRight);
  if (!need_string(heap, separator, "split")) return {};
  const std::string_view s = self.str(), w = separator.str();
  if (w.empty()) return heap.fail("split needs a separator that is not empty");
  std::vector<Value> pieces;
  size_t begin = 0, end = s.size();
  while (limit != 0 && heap.spend_steps(1)) {
    const size_t at = FromRight ? s.substr(0, end).rfind(w) : s.find(w, begin);
    if (at == s.npos) break;
    pieces.push_back(FromRight ? heap.part(*self.text, at + w.size(), end)
                               : heap.part(*self.text, begin, at));
    FromRight ? end = at : begin = at + w.size();
    --limit;
  }
  pieces.push_back(heap.part(*self.text, begin, end));
  if (FromRight) std::reverse(pieces.begin(), pieces.end());
  return heap.list(std::move(pieces));
}

Value string_splitlines(Interpreter& in, const Value& self, const Args& args) {
  const std::string_view s = self.str();
  const bool keep = args.get(0, "keepends").truthy();
  std::vector<Value> lines;
  size_t begin = 0;
  for (size_t i = 0; i < s.size();) {
    const uint32_t c = utf8_at(s, i);
    size_t n = utf8_size_at(s, i);
    const bool is_break =
        (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (c == '\r' && s.substr(i + 1, 1) == "\n") n = 2;
    if (is_break) {
      if (!in.heap().spend_steps(1)) return {};
      lines.push_back(in.heap().part(*self.text, begin, keep ? i + n : i));
      begin = i + n;
    }
    i += n;
  }
  if (begin < s.size()) lines.push_back(in.heap().part(*self.text, begin, s.size()));
  return in.heap().list(std::move(lines));
}

constexpr NativeRow kStringMethods[] = {
    {"split", string_split<false>},
    {"rsplit", string_split<true>},
    {"splitlines", string_splitlines},
    {"strip", string_strip<true, true>},
    {"lstrip", string_strip<true, false>},
    {"rstrip", string_strip<false, true>},
    {"startswith", string_has_end<true>},
    {"endswith", string_has_end<false>},
    {"find", string_find<false>},
    {"rfind", string_find<true>},
    {"count", string_count},
    {"isdigit", string_isdigit},
    {"join", string_join},
    {"replace", string_replace},
    {"format", string_format},
    {"upper", string_upper},
    {"lower", string_lower},
    {"title", string_title},
    {"capitalize", string_capitalize},
};

// ---- lists ----

// Growing a list is paid for; a tuple cannot change.
bool may_change(Heap& heap, const Value& list, size_t more) {
  if (list.list->tuple) return heap.fail("a tuple cannot be changed"), false;
  return heap.spend_bytes(more * sizeof(Value)) && heap.spend_steps(1);
}

Value list_append(Interpreter& in, const Value& self, const Args& args) {
  if (may_change(in.heap(), self, 1)) self.list->items.push_back(args.get(0, "object"));
  return Value::none();
}
Value list_extend(Interpreter& in, const Value& self, const Args& args) {
  std::vector<Value> more;
  if (!in.heap().iterate(args.get(0, "iterable"), &more) ||
      !may_change(in.heap(), self, more.size()))
    return {};
  self.list->items.insert(self.list->items.end(), more.begin(), more.end());
  return Value::none();
}
Value list_insert(Interpreter& in, const Value& self, const Args& args) {
  auto& items = self.list->items;
  const auto n = static_cast<int64_t>(items.size());
  int64_t at = int_or(args.get(0, "index"), 0);
  at = std::clamp<int64_t>(at < 0 ? at + n : at, 0, n);
  if (may_change(in.heap(), self, 1) && in.heap().spend_steps(items.size() / 64))
    items.insert(items.begin() + at, args.get(1, "object"));
  return Value::none();
}
Value list_pop(Interpreter& in, const Value& self, const Args& args) {
  auto& items = self.list->items;
  const auto n = static_cast<int64_t>(items.size());
  int64_t at = int_or(args.get(0, "index"), -1);
  if (at < 0) at += n;
  if (at < 0 || at >= n) return in.heap().fail("pop from outside of the list");
  if (!may_change(in.heap(), self, 0) || !in.heap().spend_steps(items.size() / 64)) return {};
  const Value v = items[static_cast<size_t>(at)];
  items.erase(items.begin() + at);
  return v;
}
Value list_index(Interpreter& in, const Value& self, const Args& args) {
  const auto& items = self.list->items;
  for (size_t i = 0; i < items.size(); ++i)
    if (in.heap().equal(items[i], args.get(0, "value")))
      return Value::integer(static_cast<int64_t>(i));
  return in.heap().fail("index: the value is not in the list");
}
Value list_count(Interpreter& in, const Value& self, const Args& args) {
  int64_t n = 0;
  for (const Value& v : self.list->items) n += in.heap().equal(v, args.get(0, "value"));
  return Value::integer(n);
}
Value list_reverse(Interpreter& in, const Value& self, const Args&) {
  if (may_change(in.heap(), self, 0) && in.heap().spend_steps(self.list->items.size()))
    std::reverse(self.list->items.begin(), self.list->items.end());
  return Value::none();
}

constexpr NativeRow kListMethods[] = {
    {"append", list_append}, {"extend", list_extend}, {"insert", list_insert},   {"pop", list_pop},
    {"index", list_index},   {"count", list_count},   {"reverse", list_reverse},
};

// ---- dicts ----

Value dict_get(Interpreter& in, const Value& self, const Args& args) {
  bool found = false;
  const Value v = in.heap().get(*self.dict, args.get(0, "key"), &found);
  if (found) return v;
  const Value fallback = args.get(1, "default");
  return fallback.undefined() ? Value::none() : fallback;
}
Value dict_items(Interpreter& in, const Value& self, const Args&) {
  return filtered(in, self, "items");
}
Value dict_keys(Interpreter& in, const Value& self, const Args&) {
  std::vector<Value> keys;
  in.heap().iterate(self, &keys);
  return in.heap().list(std::move(keys));
}
Value dict_values(Interpreter& in, const Value& self, const Args&) {
  std::vector<Value> values;
  for (const auto& [key, value] : self.dict->entries) values.push_back(value);
  return in.heap().list(std::move(values));
}
Value dict_pop(Interpreter& in, const Value& self, const Args& args) {
  Heap& heap = in.heap();
  bool found = false;
  const Value key = args.get(0, "key");
  const Value v = heap.get(*self.dict, key, &found);
  if (!found) {
    if (args.positional.size() > 1 || !args.get(1, "default").undefined())
      return args.get(1, "default");
    return heap.fail("pop: the key is not in the dict");
  }
  auto& entries = self.dict->entries;
  const auto at = std::find_if(entries.begin(), entries.end(),
                               [&](const auto& e) { return heap.equal(e.first, key); });
  if (at != entries.end() && heap.spend_steps(1 + entries.size() / 16)) entries.erase(at);
  return v;
}
Value dict_update(Interpreter& in, const Value& self, const Args& args) {
  const Value from = args.get(0, "other");
  if (from.is(Kind::dict)) {
    const auto entries = from.dict->entries;  // a copy: a dict may update itself
    in.heap().spend_steps(entries.size());
    for (const auto& [key, value] : entries) in.heap().set(*self.dict, key, value);
  } else if (!from.undefined()) {
    return in.heap().fail(fmt::format("update needs a dict, not {}", kind_name(from)));
  }
  for (const auto& [name, value] : args.named) {
    const Value key = in.heap().string(std::string(name));
    if (!in.heap().failed()) in.heap().set(*self.dict, key, value);
  }
  return Value::none();
}
Value dict_setdefault(Interpreter& in, const Value& self, const Args& args) {
  bool found = false;
  const Value key = args.get(0, "key");
  const Value v = in.heap().get(*self.dict, key, &found);
  if (found) return v;
  Value fallback = args.get(1, "default");
  if (fallback.undefined()) fallback = Value::none();
  in.heap().set(*self.dict, key, fallback);
  return fallback;
}

constexpr NativeRow kDictMethods[] = {
    {"get", dict_get},
    {"items", dict_items},
    {"keys", dict_keys},
    {"values", dict_values},
    {"pop", dict_pop},
    {"update", dict_update},
    {"setdefault", dict_setdefault},
};

// ---- loops ----

Value loop_cycle(Interpreter& in, const Value& self, const Args& args) {
  if (args.positional.empty()) return in.heap().fail("cycle needs values");
  return args.positional[self.loop->index % args.positional.size()];
}
Value loop_changed(Interpreter& in, const Value& self, const Args& args) {
  Loop& loop = *self.loop;
  bool same = loop.has_changed && loop.last_changed.size() == args.positional.size();
  for (size_t i = 0; same && i < args.positional.size(); ++i)
    same = in.heap().equal(loop.last_changed[i], args.positional[i]);
  loop.has_changed = true;
  loop.last_changed = args.positional;
  return Value::boolean(!same);
}

constexpr NativeRow kLoopMethods[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};

}  // namespace

Native find_method(Kind self, std::string_view name) {
  switch (self) {
    case Kind::string:
      return find_in(kStringMethods, name);
    case Kind::list:
      return find_in(kListMethods, name);
    case Kind::dict:
      return find_in(kDictMethods, name);
    case Kind::loop:
      return find_in(kLoopMethods, name);
    default:
      return nullptr;
  }
}

}  // namespace engine::jinja
