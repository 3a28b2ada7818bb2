// What chat templates have beside the functions of the language: json, dates, TypeScript types.
#include <fmt/format.h>

#include "engine/text/gotemplate/interpreter.h"

namespace engine::gotemplate {
namespace {

using VK = Value::Kind;
using Args = std::vector<Value>;

Value date(const Interpreter& run, int days) {
  std::time_t now = run.options().now != 0 ? run.options().now : std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  local.tm_mday += days;
  local.tm_hour = 12;  // a day is not always 24 hours long
  local.tm_isdst = -1;
  now = std::mktime(&local);
  localtime_r(&now, &local);
  return Value::text(
      fmt::format("{:04}-{:02}-{:02}", local.tm_year + 1900, local.tm_mon + 1, local.tm_mday));
}

std::string_view typescript_name(std::string_view type) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"string", "string"},   {"number", "number"}, {"integer", "number"},
      {"boolean", "boolean"}, {"array", "any[]"},   {"object", "Record<string, any>"},
      {"null", "null"}};
  for (const auto& [json, typescript] : kNames)
    if (json == type) return typescript;
  return "any";
}

const Value* member(const Value& v, std::string_view field, std::string_view key) {
  if (v.is(VK::object)) return v.object().find(field);
  return v.is(VK::map) ? v.map().find(key) : nullptr;
}

std::string typescript_type(const Value& property, int depth) {
  constexpr int kMaxNesting = 20;
  std::string out;
  const auto add = [&out](std::string_view s) { (out += out.empty() ? "" : " | ") += s; };
  const Value* any_of = member(property, "AnyOf", "anyOf");
  if (any_of != nullptr && any_of->is(VK::list) && any_of->truthy() && depth < kMaxNesting) {
    for (const Value& v : any_of->list().items) add(typescript_type(v, depth + 1));
    return out;
  }
  const Value* type = member(property, "Type", "type");
  if (type != nullptr && type->is(VK::string))
    return std::string(typescript_name(type->str().bytes));
  if (type != nullptr && type->is(VK::list))
    for (const Value& v : type->list().items)
      add(typescript_name(v.is(VK::string) ? std::string_view(v.str().bytes) : ""));
  return out.empty() ? "any" : out;
}

}  // namespace

Value go_json(Interpreter& run, const Args& args) {
  std::string out;
  print_json(args[0], out);
  if (!run.spend_bytes(out.size())) return {};
  return Value::input(std::move(out));
}

Value go_currentDate(Interpreter& run, const Args&) {
  return date(run, 0);
}

Value go_yesterdayDate(Interpreter& run, const Args&) {
  return date(run, -1);
}

Value go_toTypeScriptType(Interpreter& run, const Args& args) {
  std::string out = typescript_type(args[0], 0);
  if (!run.spend_bytes(out.size())) return {};
  return Value::text(std::move(out));
}

}  // namespace engine::gotemplate
