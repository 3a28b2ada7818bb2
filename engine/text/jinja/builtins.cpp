// Globals and tests.
#include "engine/text/jinja/builtins.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/text/jinja/interpreter.h"

namespace engine::jinja {
namespace {

// ---- globals ----

Value raise_exception(Interpreter& in, const Value&, const Args& args) {
  const Value message = to_string(in.heap(), args.get(0, "msg"));
  if (in.heap().failed()) return {};
  for (std::string_view start : in.options().tolerated)
    if (message.str().starts_with(start)) return {};
  return in.heap().fail(std::string(message.str()), Errc::invalid_argument);
}

Value strftime_now(Interpreter& in, const Value&, const Args& args) {
  const Value format = args.get(0, "format");
  if (!format.is(Kind::string)) return in.heap().fail("strftime_now needs a format string");
  if (format.str().empty()) return format;
  if (format.str().size() > 256) return in.heap().fail("the format of strftime_now is too long");
  const std::time_t now = in.options().now;
  std::tm local{};
  localtime_r(&now, &local);
  char buf[4096];
  const size_t n = std::strftime(buf, sizeof buf, std::string(format.str()).c_str(), &local);
  return in.heap().string(std::string(buf, n));
}

Value make_dict(Interpreter& in, const Args& args, Kind kind) {
  Heap& heap = in.heap();
  const Value v = heap.dict(kind);
  for (const Value& from : args.positional) {
    if (heap.failed()) break;
    if (from.is(Kind::dict)) {
      for (const auto& [key, value] : from.dict->entries) heap.set(*v.dict, key, value);
      continue;
    }
    std::vector<Value> pairs;
    if (!heap.iterate(from, &pairs)) break;
    for (const Value& pair : pairs) {
      if (!pair.is(Kind::list) || pair.list->items.size() != 2)
        return heap.fail("dict needs pairs of key and value");
      heap.set(*v.dict, pair.list->items[0], pair.list->items[1]);
    }
  }
  for (const auto& [name, value] : args.named) {
    const Value key = heap.string(std::string(name));
    if (heap.failed()) break;
    heap.set(*v.dict, key, value);
  }
  return v;
}
Value global_namespace(Interpreter& in, const Value&, const Args& args) {
  return make_dict(in, args, Kind::ns);
}
Value global_dict(Interpreter& in, const Value&, const Args& args) {
  return make_dict(in, args, Kind::dict);
}

Value range(Interpreter& in, const Value&, const Args& args) {
  Heap& heap = in.heap();
  int64_t bounds[3] = {0, 0, 1};
  const size_t n = args.positional.size();
  if (n < 1 || n > 3) return heap.fail("range takes one to three integers");
  for (size_t i = 0; i < n; ++i) {
    if (!args.positional[i].whole()) return heap.fail("range takes one to three integers");
    bounds[n == 1 ? 1 : i] = args.positional[i].as_int();
  }
  const auto [start, stop, step] = bounds;
  if (step == 0) return heap.fail("the step of range cannot be zero");
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const uint64_t span = step > 0 ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(start)
                                 : static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  const uint64_t count = empty ? 0 : (span - 1) / stride + 1;
  if (!heap.spend_loop(count) || !heap.spend_bytes(count * sizeof(Value))) return {};
  std::vector<Value> items;
  items.reserve(count);
  for (uint64_t k = 0; k < count; ++k)
    items.push_back(Value::integer(
        static_cast<int64_t>(static_cast<uint64_t>(start) + k * static_cast<uint64_t>(step))));
  return heap.list(std::move(items));
}

Value tojson(Interpreter& in, const Value&, const Args& args) {
  Args rest = args;
  const Value v = args.get(0, "value");
  if (!rest.positional.empty()) rest.positional.erase(rest.positional.begin());
  return in.apply_filter("tojson", v, rest);
}

constexpr NativeRow kGlobals[] = {
    {"raise_exception", raise_exception},
    {"strftime_now", strftime_now},
    {"namespace", global_namespace},
    {"dict", global_dict},
    {"range", range},
    {"tojson", tojson},
};

// ---- tests ----

using Boolean = bool (*)(Interpreter&, const Value&, const Args&);
template <Boolean F>
Value test(Interpreter& in, const Value& v, const Args& args) {
  return Value::boolean(F(in, v, args));
}

bool is_string(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::string);
}
bool is_defined(Interpreter&, const Value& v, const Args&) {
  return !v.undefined();
}
bool is_undefined(Interpreter&, const Value& v, const Args&) {
  return v.undefined();
}
bool is_none(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::none);
}
bool is_boolean(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::boolean);
}
bool is_true(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::boolean) && v.b;
}
bool is_false(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::boolean) && !v.b;
}
bool is_number(Interpreter&, const Value& v, const Args&) {
  return v.number();
}
bool is_integer(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::integer);
}
bool is_float(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::real);
}
bool is_mapping(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::dict);
}
bool is_callable(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::function);
}
bool is_iterable(Interpreter&, const Value& v, const Args&) {
  return v.undefined() || v.is(Kind::string) || v.is(Kind::list) || v.is(Kind::dict);
}
bool is_escaped(Interpreter&, const Value&, const Args&) {
  return false;
}  // there is no autoescape
bool is_lower(Interpreter& in, const Value& v, const Args&) {
  const Value s = to_string(in.heap(), v);
  return !in.heap().failed() && is_cased_lower(s.str());
}
bool is_upper(Interpreter& in, const Value& v, const Args&) {
  const Value s = to_string(in.heap(), v);
  return !in.heap().failed() && is_cased_upper(s.str());
}
bool is_filter(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::string) && find_filter(v.str());
}
bool is_test(Interpreter&, const Value& v, const Args&) {
  return v.is(Kind::string) && find_test(v.str());
}

bool divisible(Interpreter& in, const Value& v, const Args& args) {
  const Value by = args.get(0, "num");
  if (!v.whole() || !by.whole()) return in.heap().fail("divisibleby needs integers"), false;
  const Value rest = binary(in.heap(), Op::mod, v, by);
  return !in.heap().failed() && rest.as_int() == 0;
}
bool is_parity(Interpreter& in, const Value& v, int64_t odd) {
  if (!v.number())
    return in.heap().fail(fmt::format("odd and even need a number, not {}", kind_name(v))), false;
  return v.whole() ? (v.as_int() & 1) == odd
                   : std::fabs(std::fmod(v.d, 2)) == static_cast<double>(odd);
}
bool is_odd(Interpreter& in, const Value& v, const Args&) {
  return is_parity(in, v, 1);
}
bool is_even(Interpreter& in, const Value& v, const Args&) {
  return is_parity(in, v, 0);
}

bool is_eq(Interpreter& in, const Value& v, const Args& args) {
  return in.heap().equal(v, args.get(0, "other"));
}
bool is_ne(Interpreter& in, const Value& v, const Args& args) {
  return !in.heap().equal(v, args.get(0, "other"));
}
bool is_lt(Interpreter& in, const Value& v, const Args& args) {
  return in.heap().compare(v, args.get(0, "other")) < 0;
}
bool is_gt(Interpreter& in, const Value& v, const Args& args) {
  return in.heap().compare(v, args.get(0, "other")) > 0;
}
bool is_le(Interpreter& in, const Value& v, const Args& args) {
  const int order = in.heap().compare(v, args.get(0, "other"));
  return !in.heap().failed() && order <= 0;
}
bool is_ge(Interpreter& in, const Value& v, const Args& args) {
  const int order = in.heap().compare(v, args.get(0, "other"));
  return !in.heap().failed() && order >= 0;
}
bool is_in(Interpreter& in, const Value& v, const Args& args) {
  return in.heap().contains(args.get(0, "seq"), v);
}
bool is_sameas(Interpreter&, const Value& v, const Args& args) {
  const Value other = args.get(0, "other");
  if (v.kind != other.kind) return false;
  switch (v.kind) {
    case Kind::undefined:
    case Kind::none:
      return true;
    case Kind::boolean:
      return v.b == other.b;
    case Kind::integer:
      return v.i == other.i;
    case Kind::real:
      return v.d == other.d;
    case Kind::string:
      return v.str() == other.str();
    case Kind::list:
      return v.list == other.list;
    case Kind::loop:
      return v.loop == other.loop;
    case Kind::function:
      return v.function == other.function;
    default:
      return v.dict == other.dict;
  }
}

constexpr NativeRow kTests[] = {
    {"defined", test<is_defined>},
    {"undefined", test<is_undefined>},
    {"none", test<is_none>},
    {"string", test<is_string>},
    {"mapping", test<is_mapping>},
    {"iterable", test<is_iterable>},
    {"sequence", test<is_iterable>},
    {"boolean", test<is_boolean>},
    {"true", test<is_true>},
    {"false", test<is_false>},
    {"number", test<is_number>},
    {"integer", test<is_integer>},
    {"float", test<is_float>},
    {"callable", test<is_callable>},
    {"divisibleby", test<divisible>},
    {"odd", test<is_odd>},
    {"even", test<is_even>},
    {"eq", test<is_eq>},
    {"equalto", test<is_eq>},
    {"==", test<is_eq>},
    {"ne", test<is_ne>},
    {"!=", test<is_ne>},
    {"lt", test<is_lt>},
    {"lessthan", test<is_lt>},
    {"<", test<is_lt>},
    {"le", test<is_le>},
    {"<=", test<is_le>},
    {"gt", test<is_gt>},
    {"greaterthan", test<is_gt>},
    {">", test<is_gt>},
    {"ge", test<is_ge>},
    {">=", test<is_ge>},
    {"in", test<is_in>},
    {"sameas", test<is_sameas>},
    {"lower", test<is_lower>},
    {"upper", test<is_upper>},
    {"escaped", test<is_escaped>},
    {"filter", test<is_filter>},
    {"test", test<is_test>},
};

}  // namespace

Native find_global(std::string_view name) {
  return find_in(kGlobals, name);
}
Native find_test(std::string_view name) {
  return find_in(kTests, name);
}

}  // namespace engine::jinja
