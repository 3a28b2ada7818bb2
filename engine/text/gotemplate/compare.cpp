// eq, ne, lt, le, gt, ge: basic kinds only, and both sides of the same kind.
#include <optional>

#include "engine/text/gotemplate/interpreter.h"

namespace engine::gotemplate {
namespace {

using VK = Value::Kind;
using Args = std::vector<Value>;

constexpr const char* kIncompatible = "incompatible types for comparison";
constexpr const char* kInvalid = "invalid type for comparison";

bool basic(const Value& v) {
  return v.is(VK::boolean) || v.is(VK::integer) || v.is(VK::real) || v.is(VK::string);
}

// Containers that Go would hold as nil when there is nothing in them.
bool counts_as_nil(const Value& v) {
  return v.nil() || ((v.is(VK::list) || v.is(VK::map)) && !v.truthy());
}

std::optional<bool> fail(Interpreter& run, std::string_view function, std::string_view why) {
  run.fail("error calling " + std::string(function) + ": " + std::string(why));
  return std::nullopt;
}

std::optional<bool> equal(Interpreter& run, std::string_view function, const Value& a,
                          const Value& b) {
  if (a.kind() != b.kind()) {
    if (!a.nil() && !b.nil()) return fail(run, function, kIncompatible);
    return counts_as_nil(a) && counts_as_nil(b);
  }
  switch (a.kind()) {
    case VK::nil:
      return true;
    case VK::boolean:
      return a.as_bool() == b.as_bool();
    case VK::integer:
      return a.as_int() == b.as_int();
    case VK::real:
      return a.as_real() == b.as_real();
    case VK::string:
      if (!run.spend_steps(a.str().bytes.size() / 256)) return std::nullopt;
      return a.str().bytes == b.str().bytes;
    default:
      return fail(run, function, "non-comparable type " + std::string(a.type_name()));
  }
}

std::optional<bool> less(Interpreter& run, std::string_view function, const Value& a,
                         const Value& b) {
  if (!basic(a) || !basic(b)) return fail(run, function, kInvalid);
  if (a.kind() != b.kind()) return fail(run, function, kIncompatible);
  switch (a.kind()) {
    case VK::integer:
      return a.as_int() < b.as_int();
    case VK::real:
      return a.as_real() < b.as_real();
    case VK::string:
      if (!run.spend_steps(a.str().bytes.size() / 256)) return std::nullopt;
      return a.str().bytes < b.str().bytes;
    default:
      return fail(run, function, kInvalid);
  }
}

Value result(std::optional<bool> truth, bool negate = false) {
  return truth ? Value(*truth != negate) : Value();
}

}  // namespace

Value go_eq(Interpreter& run, const Args& args) {
  if (args.size() == 1) {
    fail(run, "eq", "missing argument for comparison");
    return {};
  }
  for (size_t i = 1; i < args.size(); ++i) {
    const std::optional<bool> same = equal(run, "eq", args[0], args[i]);
    if (!same || *same) return result(same);
  }
  return Value(false);
}

Value go_ne(Interpreter& run, const Args& args) {
  return result(equal(run, "ne", args[0], args[1]), true);
}

Value go_lt(Interpreter& run, const Args& args) {
  return result(less(run, "lt", args[0], args[1]));
}

Value go_ge(Interpreter& run, const Args& args) {
  return result(less(run, "ge", args[0], args[1]), true);
}

Value go_gt(Interpreter& run, const Args& args) {
  return result(less(run, "gt", args[1], args[0]));
}

Value go_le(Interpreter& run, const Args& args) {
  return result(less(run, "le", args[1], args[0]), true);
}

}  // namespace engine::gotemplate
