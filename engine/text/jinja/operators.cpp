// Arithmetic and concatenation of the template language. Integers that leave 64 bits become floats.
#include <fmt/format.h>

#include <cmath>

#include "engine/text/jinja/interpreter.h"

namespace engine::jinja {
namespace {

Value mismatch(Heap& heap, std::string_view op, const Value& a, const Value& b) {
  return heap.fail(fmt::format("'{}' cannot combine {} and {}", op, kind_name(a), kind_name(b)));
}

Value concat_lists(Heap& heap, const List& a, const List& b) {
  if (!heap.spend_bytes((a.items.size() + b.items.size()) * sizeof(Value))) return {};
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return heap.list(std::move(items), a.tuple && b.tuple);
}

Value concat_text(Heap& heap, const Value& a, const Value& b) {
  TextBuilder out;
  print_value(heap, a, out);
  print_value(heap, b, out);
  return heap.string(out);
}

Value repeat(Heap& heap, const Value& v, int64_t n) {
  const size_t unit = v.is(Kind::string) ? v.str().size() : v.list->items.size() * sizeof(Value);
  const auto count = static_cast<size_t>(std::max<int64_t>(n, 0));
  if (unit > 0 && count > heap.limits().bytes / unit)
    return heap.fail("a repeated value is too long");
  if (!heap.spend_bytes(unit * count) || !heap.spend_steps(unit > 0 ? count / 64 : 0)) return {};
  if (v.is(Kind::string)) {
    TextBuilder out;
    if (unit > 0)
      for (size_t i = 0; i < count; ++i) out.add(*v.text);
    return heap.string(out);
  }
  std::vector<Value> items;
  if (unit > 0)
    for (size_t i = 0; i < count; ++i)
      items.insert(items.end(), v.list->items.begin(), v.list->items.end());
  return heap.list(std::move(items), v.list->tuple);
}

double floor_mod(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

Value power(const Value& a, const Value& b) {
  if (a.whole() && b.whole() && b.as_int() >= 0) {
    int64_t base = a.as_int(), result = 1;
    bool exact = true;
    for (int64_t n = b.as_int(); n > 0 && exact; n >>= 1) {
      if (n & 1) exact = !__builtin_mul_overflow(result, base, &result);
      if (n > 1 && exact) exact = !__builtin_mul_overflow(base, base, &base);
    }
    if (exact) return Value::integer(result);
  }
  return Value::real(std::pow(a.as_real(), b.as_real()));
}

Value integers(Heap& heap, Op op, int64_t a, int64_t b) {
  int64_t r = 0;
  switch (op) {
    case Op::add:
      if (!__builtin_add_overflow(a, b, &r)) return Value::integer(r);
      break;
    case Op::sub:
      if (!__builtin_sub_overflow(a, b, &r)) return Value::integer(r);
      break;
    case Op::mul:
      if (!__builtin_mul_overflow(a, b, &r)) return Value::integer(r);
      break;
    case Op::floordiv:
    case Op::mod: {
      if (b == 0) return heap.fail("division by zero");
      if (b == -1) {  // INT64_MIN / -1 does not fit
        if (op == Op::mod) return Value::integer(0);
        return a == INT64_MIN ? Value::real(-static_cast<double>(a)) : Value::integer(-a);
      }
      const int64_t rest = a % b;
      const bool adjust = rest != 0 && (rest < 0) != (b < 0);
      return Value::integer(op == Op::mod ? (adjust ? rest + b : rest) : a / b - adjust);
    }
    default:
      break;
  }
  const auto x = static_cast<double>(a), y = static_cast<double>(b);
  return Value::real(op == Op::add ? x + y : op == Op::sub ? x - y : x * y);
}

Value numbers(Heap& heap, Op op, const Value& a, const Value& b) {
  if (op == Op::pow) return power(a, b);
  if (op != Op::div && a.whole() && b.whole()) return integers(heap, op, a.as_int(), b.as_int());
  const double x = a.as_real(), y = b.as_real();
  switch (op) {
    case Op::add:
      return Value::real(x + y);
    case Op::sub:
      return Value::real(x - y);
    case Op::mul:
      return Value::real(x * y);
    default:
      break;
  }
  if (y == 0) return heap.fail("division by zero");
  if (op == Op::div) return Value::real(x / y);
  return Value::real(op == Op::mod ? floor_mod(x, y) : std::floor(x / y));
}

}  // namespace

Value binary(Heap& heap, Op op, const Value& a, const Value& b) {
  if (heap.failed()) return {};
  if (op == Op::concat) return concat_text(heap, a, b);
  if (a.number() && b.number()) return numbers(heap, op, a, b);
  switch (op) {
    case Op::add:
      if (a.is(Kind::list) && b.is(Kind::list)) return concat_lists(heap, *a.list, *b.list);
      if (a.is(Kind::string) && b.is(Kind::string)) return concat_text(heap, a, b);
      // Lenient, as templates in the wild need it: nothing added to a string is the string.
      if (a.is(Kind::string) && b.missing()) return a;
      if (b.is(Kind::string) && a.missing()) return b;
      return mismatch(heap, "+", a, b);
    case Op::sub:
      return mismatch(heap, "-", a, b);
    case Op::mul:
      if ((a.is(Kind::string) || a.is(Kind::list)) && b.whole()) return repeat(heap, a, b.as_int());
      if ((b.is(Kind::string) || b.is(Kind::list)) && a.whole()) return repeat(heap, b, a.as_int());
      return mismatch(heap, "*", a, b);
    case Op::mod:
      if (a.is(Kind::string)) {
        if (b.is(Kind::list) && b.list->tuple)
          return format_percent(heap, *a.text, b.list->items, {});
        return format_percent(heap, *a.text, {b}, b);
      }
      return mismatch(heap, "%", a, b);
    case Op::div:
      return mismatch(heap, "/", a, b);
    case Op::floordiv:
      return mismatch(heap, "//", a, b);
    default:
      return mismatch(heap, "**", a, b);
  }
}

Value negate(Heap& heap, const Value& v) {
  if (heap.failed()) return {};
  if (v.is(Kind::real)) return Value::real(-v.d);
  if (!v.whole()) return heap.fail(fmt::format("'-' needs a number, not {}", kind_name(v)));
  const int64_t i = v.as_int();
  return i == INT64_MIN ? Value::real(-static_cast<double>(i)) : Value::integer(-i);
}

}  // namespace engine::jinja
