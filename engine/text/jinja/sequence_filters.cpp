// Filters over lists, dicts and strings as sequences.
// Results are lists; none and undefined count as empty.
#include <fmt/format.h>

#include <algorithm>

#include "engine/text/jinja/builtins.h"
#include "engine/text/jinja/filter_tables.h"
#include "engine/text/jinja/interpreter.h"

namespace engine::jinja {
namespace {

bool elements(Interpreter& in, const Value& v, std::vector<Value>* out) {
  return v.missing() ? !in.heap().failed() : in.heap().iterate(v, out);
}

// `a.b.0`: the attribute path that map, sort and others take; an integer is an index.
Value follow(Interpreter& in, Value v, const Value& path) {
  if (path.undefined()) return v;
  if (!path.is(Kind::string)) return in.item(v, path);
  std::string_view rest = path.str();
  while (!in.heap().failed()) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    const bool number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
    if (number) {
      v = in.item(v, Value::integer(std::atoi(std::string(part).c_str())));
    } else if (v.is(Kind::dict) || v.is(Kind::ns)) {
      v = in.heap().get(*v.dict, part);  // the key, never the method of that name
    } else {
      v = in.attribute(v, part);
    }
    if (dot == rest.size()) break;
    rest.remove_prefix(dot + 1);
  }
  return v;
}

// Sorting, unique, min and max ignore case unless told otherwise.
Value sort_key(Interpreter& in, const Value& v, bool case_sensitive) {
  return !case_sensitive && v.is(Kind::string) ? in.apply_filter("lower", v, {}) : v;
}

// Stable sort of items by keys.
void sort_by(Interpreter& in, std::vector<Value>* items, const std::vector<Value>& keys,
             bool reverse) {
  std::vector<size_t> order(items->size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto less = [&](size_t a, size_t b) {
    const int c = in.heap().compare(keys[a], keys[b]);
    return reverse ? c > 0 : c < 0;
  };
  std::stable_sort(order.begin(), order.end(), less);
  std::vector<Value> sorted;
  for (size_t i : order) sorted.push_back((*items)[i]);
  *items = std::move(sorted);
}

Value filter_length(Interpreter& in, const Value& v, const Args&) {
  switch (v.kind) {
    case Kind::undefined:
      return Value::integer(0);
    case Kind::string:
      in.heap().spend_steps(v.str().size() / 64);
      return Value::integer(static_cast<int64_t>(utf8_length(v.str())));
    case Kind::list:
      return Value::integer(static_cast<int64_t>(v.list->items.size()));
    case Kind::dict:
      return Value::integer(static_cast<int64_t>(v.dict->entries.size()));
    default:
      return in.heap().fail(fmt::format("{} has no length", kind_name(v)));
  }
}

Value filter_items(Interpreter& in, const Value& v, const Args&) {
  if (v.undefined()) return in.heap().list();
  if (!v.is(Kind::dict))
    return in.heap().fail(fmt::format("items needs a dict, not {}", kind_name(v)));
  std::vector<Value> pairs;
  for (const auto& [key, value] : v.dict->entries) {
    if (in.heap().failed()) return {};
    pairs.push_back(in.heap().list({key, value}, true));
  }
  return in.heap().list(std::move(pairs));
}

Value filter_list(Interpreter& in, const Value& v, const Args&) {
  std::vector<Value> items;
  if (!in.heap().iterate(v, &items)) return {};
  return in.heap().list(std::move(items));
}

Value filter_first(Interpreter& in, const Value& v, const Args&) {
  if (v.is(Kind::string) || v.is(Kind::list)) return in.item(v, Value::integer(0));
  std::vector<Value> items;
  elements(in, v, &items);
  return items.empty() ? Value() : items.front();
}
Value filter_last(Interpreter& in, const Value& v, const Args&) {
  if (v.is(Kind::string) || v.is(Kind::list)) return in.item(v, Value::integer(-1));
  std::vector<Value> items;
  elements(in, v, &items);
  return items.empty() ? Value() : items.back();
}

Value filter_join(Interpreter& in, const Value& v, const Args& args) {
  Heap& heap = in.heap();
  std::vector<Value> items;
  if (!elements(in, v, &items)) return {};
  const Value separator = args.get(0, "d"), path = args.get(1, "attribute");
  TextBuilder out;
  for (size_t i = 0; i < items.size() && heap.spend_steps(1); ++i) {
    if (i > 0) print_value(heap, separator, out);
    print_value(heap, follow(in, items[i], path), out);
    if (out.size() > heap.limits().output) return heap.fail("the result of join is too long");
  }
  return heap.string(out);
}

Value filter_reverse(Interpreter& in, const Value& v, const Args&) {
  std::vector<Value> items;
  if (!elements(in, v, &items)) return {};
  std::reverse(items.begin(), items.end());
  if (!v.is(Kind::string)) return in.heap().list(std::move(items));
  TextBuilder out;
  for (const Value& c : items) out.add(*c.text);
  return in.heap().string(out);
}

Value filter_sort(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items, keys;
  if (!elements(in, v, &items)) return {};
  const bool case_sensitive = args.get(1, "case_sensitive").truthy();
  const Value path = args.get(2, "attribute");
  for (const Value& item : items) {
    // several attributes, in order
    if (path.is(Kind::string) && path.str().find(',') != path.str().npos) {
      std::vector<Value> parts;
      std::string_view rest = path.str();
      for (bool more = true; more && !in.heap().failed();) {
        const size_t comma = rest.find(',');
        more = comma != rest.npos;
        const Value one = in.heap().string(std::string(strip(rest.substr(0, comma))));
        parts.push_back(sort_key(in, follow(in, item, one), case_sensitive));
        if (more) rest.remove_prefix(comma + 1);
      }
      keys.push_back(in.heap().list(std::move(parts)));
    } else {
      keys.push_back(sort_key(in, follow(in, item, path), case_sensitive));
    }
  }
  if (in.heap().failed()) return {};
  sort_by(in, &items, keys, args.get(0, "reverse").truthy());
  return in.heap().list(std::move(items));
}

Value filter_dictsort(Interpreter& in, const Value& v, const Args& args) {
  const Value pairs = filter_items(in, v, {});
  if (in.heap().failed()) return {};
  const Value by = args.get(1, "by");
  const size_t field = by.is(Kind::string) && by.str() == "value";
  std::vector<Value> keys;
  for (const Value& pair : pairs.list->items)
    keys.push_back(sort_key(in, pair.list->items[field], args.get(0, "case_sensitive").truthy()));
  if (in.heap().failed()) return {};
  sort_by(in, &pairs.list->items, keys, args.get(2, "reverse").truthy());
  return pairs;
}

Value filter_unique(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items, keys, kept;
  if (!elements(in, v, &items)) return {};
  for (const Value& item : items) {
    const Value key = sort_key(in, follow(in, item, args.get(1, "attribute")),
                               args.get(0, "case_sensitive").truthy());
    const bool seen = std::any_of(keys.begin(), keys.end(),
                                  [&](const Value& k) { return in.heap().equal(k, key); });
    if (in.heap().failed()) return {};
    if (seen) continue;
    keys.push_back(key);
    kept.push_back(item);
  }
  return in.heap().list(std::move(kept));
}

template <bool Max>
Value filter_extreme(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items;
  if (!elements(in, v, &items)) return {};
  const bool case_sensitive = args.get(0, "case_sensitive").truthy();
  Value best, best_key;
  for (size_t i = 0; i < items.size() && !in.heap().failed(); ++i) {
    const Value key = sort_key(in, follow(in, items[i], args.get(1, "attribute")), case_sensitive);
    if (i > 0) {
      const int c = in.heap().compare(key, best_key);
      if (Max ? c <= 0 : c >= 0) continue;
    }
    best = items[i];
    best_key = key;
  }
  return best;
}

Value filter_sum(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items;
  if (!elements(in, v, &items)) return {};
  const Value start = args.get(1, "start");
  Value total = start.undefined() ? Value::integer(0) : start;
  for (const Value& item : items)
    total = binary(in.heap(), Op::add, total, follow(in, item, args.get(0, "attribute")));
  return total;
}

// map('filter', args...) or map(attribute='path', default=...).
Value filter_map(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items, mapped;
  if (!elements(in, v, &items)) return {};
  const Value path = args.get(SIZE_MAX, "attribute");
  Args rest;
  if (path.undefined()) {
    if (args.positional.empty() || !args.positional[0].is(Kind::string))
      return in.heap().fail("map needs a filter or an attribute");
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.named = args.named;
  }
  for (const Value& item : items) {
    if (in.heap().failed()) return {};
    if (!path.undefined()) {
      const Value found = follow(in, item, path);
      mapped.push_back(found.undefined() ? args.get(SIZE_MAX, "default") : found);
    } else {
      mapped.push_back(in.apply_filter(args.positional[0].str(), item, rest));
    }
  }
  return in.heap().list(std::move(mapped));
}

// select, reject (test...)
// and selectattr, rejectattr (attribute, test...); without a test truth decides.
template <bool Keep, bool ByAttribute>
Value filter_select(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items, kept;
  if (!elements(in, v, &items)) return {};
  const size_t first = ByAttribute ? 1 : 0;
  if (args.positional.size() < first)
    return in.heap().fail("selectattr and rejectattr need an attribute");
  Args rest;
  if (args.positional.size() > first + 1)
    rest.positional.assign(args.positional.begin() + first + 1, args.positional.end());
  for (const Value& item : items) {
    if (in.heap().failed()) return {};
    const Value subject = ByAttribute ? follow(in, item, args.positional[0]) : item;
    bool pass = subject.truthy();
    if (args.positional.size() > first) {
      const Value test = args.positional[first];
      if (!test.is(Kind::string)) return in.heap().fail("the name of a test must be a string");
      pass = in.apply_test(test.str(), subject, rest);
    }
    if (pass == Keep) kept.push_back(item);
  }
  return in.heap().list(std::move(kept));
}

Value filter_groupby(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items, keys;
  if (!elements(in, v, &items)) return {};
  const bool case_sensitive = args.get(2, "case_sensitive").truthy();
  const auto raw_key = [&](const Value& item) {
    const Value key = follow(in, item, args.get(0, "attribute"));
    return key.undefined() ? args.get(1, "default") : key;
  };
  for (const Value& item : items) keys.push_back(sort_key(in, raw_key(item), case_sensitive));
  if (in.heap().failed()) return {};
  sort_by(in, &items, keys, false);
  std::vector<Value> groups;
  Value current;
  for (const Value& item : items) {
    const Value raw = raw_key(item), key = sort_key(in, raw, case_sensitive);
    if (groups.empty() || !in.heap().equal(current, key)) {
      const Value members = in.heap().list();
      const Value group = in.heap().list({raw, members}, true);
      if (in.heap().failed()) return {};
      group.list->group = true;
      groups.push_back(group);
      current = key;
    }
    if (!in.heap().spend_bytes(sizeof(Value))) return {};
    groups.back().list->items[1].list->items.push_back(item);
  }
  return in.heap().list(std::move(groups));
}

// N columns of nearly equal length; with fill_with the short ones are padded.
Value filter_slice(Interpreter& in, const Value& v, const Args& args) {
  std::vector<Value> items, columns;
  if (!elements(in, v, &items)) return {};
  const Value count = args.get(0, "slices"), fill = args.get(1, "fill_with");
  if (!count.whole() || count.as_int() < 1 || count.as_int() > 100000)
    return in.heap().fail("slice needs a positive number of columns");
  const auto n = static_cast<size_t>(count.as_int());
  const size_t base = items.size() / n, longer = items.size() % n;
  for (size_t k = 0, at = 0; k < n && in.heap().spend_steps(1); ++k) {
    const size_t size = base + (k < longer);
    std::vector<Value> column(items.begin() + static_cast<int64_t>(at),
                              items.begin() + static_cast<int64_t>(at + size));
    if (!fill.missing() && longer > 0 && k >= longer) column.push_back(fill);
    columns.push_back(in.heap().list(std::move(column)));
    at += size;
  }
  return in.heap().list(std::move(columns));
}

constexpr NativeRow kSequenceFilters[] = {
    {"length", filter_length},
    {"count", filter_length},
    {"items", filter_items},
    {"join", filter_join},
    {"list", filter_list},
    {"first", filter_first},
    {"last", filter_last},
    {"map", filter_map},
    {"select", filter_select<true, false>},
    {"reject", filter_select<false, false>},
    {"selectattr", filter_select<true, true>},
    {"rejectattr", filter_select<false, true>},
    {"dictsort", filter_dictsort},
    {"sort", filter_sort},
    {"unique", filter_unique},
    {"reverse", filter_reverse},
    {"min", filter_extreme<false>},
    {"max", filter_extreme<true>},
    {"sum", filter_sum},
    {"groupby", filter_groupby},
    {"slice", filter_slice},
};

}  // namespace

Native find_sequence_filter(std::string_view name) {
  return find_in(kSequenceFilters, name);
}

}  // namespace engine::jinja
