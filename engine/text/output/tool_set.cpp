// Types are looked up in the JSON schema that the request gave.
#include "engine/text/output/tool_set.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"
#include "engine/text/output/json_scanner.h"

namespace engine {
namespace {

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

void add_types(const Json* schema, std::vector<std::string>& out, int depth) {
  if (!schema || depth > 4) return;
  if (const Json* type = member_of(schema, "type")) {
    if (type->is_string()) out.push_back(lower(type->get_ref<const std::string&>()));
    if (type->is_array())
      for (const Json& t : *type)
        if (t.is_string()) out.push_back(lower(t.get_ref<const std::string&>()));
  }
  if (const Json* any = member_of(schema, "anyOf"); any && any->is_array())
    for (const Json& one : *any) add_types(&one, out, depth + 1);
}

}  // namespace

const Json* member_of(const Json* object, std::string_view key) {
  if (!object || !object->is_object()) return nullptr;
  const auto it = object->find(std::string(key));
  return it == object->end() ? nullptr : &*it;
}

ToolSet::ToolSet(std::shared_ptr<const Json> tools) : tools_(std::move(tools)) {
  if (!tools_ || !tools_->is_array()) return;
  for (const Json& tool : *tools_) {
    const Json* name = member_of(member_of(&tool, "function"), "name");
    if (name && name->is_string() && !name->get_ref<const std::string&>().empty())
      names_.push_back(name->get<std::string>());
  }
}

bool ToolSet::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

const Json* ToolSet::parameters(std::string_view tool) const {
  if (!tools_ || !tools_->is_array()) return nullptr;
  for (const Json& one : *tools_) {
    const Json* function = member_of(&one, "function");
    const Json* name = member_of(function, "name");
    if (name && name->is_string() && name->get_ref<const std::string&>() == tool)
      return member_of(function, "parameters");
  }
  return nullptr;
}

bool ToolSet::has_type(std::string_view tool, std::string_view parameter) const {
  return !types_of(member_of(member_of(parameters(tool), "properties"), parameter)).empty();
}

Json ToolSet::value_of(std::string_view tool, std::string_view parameter,
                       std::string_view text) const {
  return coerce_text(text,
                     types_of(member_of(member_of(parameters(tool), "properties"), parameter)));
}

std::vector<std::string> types_of(const Json* schema) {
  std::vector<std::string> out;
  add_types(schema, out, 0);
  return out;
}

Result<Json> parse_whole_json(std::string_view text) {
  text = trimmed(text);
  if (!text.empty() && (text.front() == '{' || text.front() == '[') &&
      JsonScanner().end_of(text) != text.size())
    return Error{Errc::invalid_argument, "text behind the JSON value"};
  return parse_json(text);
}

Json coerce_text(std::string_view text, const std::vector<std::string>& types) {
  const auto has = [&](const char* type) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  const bool only = types.size() == 1;
  const std::string_view word = trimmed(text);
  const std::string small = word.size() < 8 ? lower(word) : std::string();
  if (small == "null") return nullptr;
  if (has("boolean")) {
    if (small == "true" || small == "false") return small == "true";
    if (only) return false;
  }
  const char* const end = word.data() + word.size();
  if (has("integer") || has("number")) {
    int64_t whole = 0;
    const auto read = std::from_chars(word.data(), end, whole);
    if (!word.empty() && read.ec == std::errc() && read.ptr == end) return whole;
  }
  if (has("number")) {
    double number = 0;
    const auto read = std::from_chars(word.data(), end, number);
    if (!word.empty() && read.ec == std::errc() && read.ptr == end && std::isfinite(number)) {
      if (number == std::floor(number) && std::fabs(number) < 9e15)
        return static_cast<int64_t>(number);
      return number;
    }
  }
  for (const bool list : {true, false}) {
    if (!has(list ? "array" : "object")) continue;
    Result<Json> value = parse_whole_json(word);
    if (value && (list ? value->is_array() : value->is_object())) return std::move(*value);
  }
  return repair_utf8(text);
}

}  // namespace engine
