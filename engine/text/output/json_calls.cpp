// Calls whose arguments are JSON: with the name inside, in front, or somewhere.
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"
#include "engine/text/output/call_reader.h"

namespace engine {
namespace {

// Arguments as an object; text that holds one is read. nullptr: of no such form.
Json arguments_of(const Json& object, std::string_view other_key = {}) {
  for (const std::string_view key :
       {other_key, std::string_view("arguments"), std::string_view("parameters")}) {
    const auto it = key.empty() ? object.end() : object.find(std::string(key));
    if (it == object.end()) continue;
    if (it->is_null()) return Json::object();
    if (!it->is_string()) return *it;
    Result<Json> inner = parse_whole_json(it->get_ref<const std::string&>());
    return inner ? std::move(*inner) : Json();
  }
  return Json::object();
}

bool add_object(const AnswerFormat& format, const Json& object, ToolCalls& out) {
  if (!object.is_object()) return false;
  for (const std::string_view key :
       {format.name_key, std::string_view("name"), std::string_view("tool_name")}) {
    const auto it = key.empty() ? object.end() : object.find(std::string(key));
    if (it == object.end() || !it->is_string()) continue;
    const std::string& name = it->get_ref<const std::string&>();
    // What Command-R writes when it does not call anything.
    if (name == "directly-answer" || name == "directly_answer") return true;
    return add_call(name, arguments_of(object, format.arguments_key), out);
  }
  if (const auto it = object.find("function"); it != object.end() && it->is_object())
    return add_object(format, *it, out);
  if (!format.key_is_name) return false;
  for (const auto& [name, arguments] : object.items())
    if (!add_call(name, arguments, out)) return false;
  return !object.empty();
}

// Depth first: {"name": tool, "arguments"}, or {tool: arguments}.
const Json* find_arguments(const Json& value, const std::string& name, Json& read, int depth) {
  if (depth > 32) return nullptr;
  if (value.is_object()) {
    if (const auto it = value.find("name");
        it != value.end() && it->is_string() && it->get_ref<const std::string&>() == name) {
      for (const char* key : {"arguments", "parameters"})
        if (value.find(key) != value.end()) {
          read = arguments_of(value);
          return read.is_object() ? &read : nullptr;
        }
    }
    if (const auto it = value.find(name); it != value.end() && it->is_object()) return &*it;
  }
  if (value.is_structured())
    for (const Json& inner : value)
      if (const Json* found = find_arguments(inner, name, read, depth + 1)) return found;
  return nullptr;
}

// The earliest name in text, the longest where two begin together; "" if there is none.
std::string first_name(std::string_view text, const ToolSet& tools) {
  size_t best = text.npos;
  std::string out;
  for (const std::string& name : tools.names()) {
    const size_t at = text.find(name);
    if (at == text.npos || at > best || (at == best && name.size() < out.size())) continue;
    best = at;
    out = name;
  }
  return out;
}

}  // namespace

bool read_json_calls(const AnswerFormat& format, std::string_view body, ToolCalls& out) {
  const Result<Json> value = parse_whole_json(body);
  if (!value) return false;
  if (!value->is_array()) return add_object(format, *value, out);
  for (const Json& object : *value)
    if (!add_object(format, object, out)) return false;
  return true;
}

bool read_name_json_call(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                         ToolCalls& out) {
  const size_t at = std::min(body.find('{'), body.size());
  std::string_view head = body.substr(0, at);
  if (const size_t id = head.find(format.name_tag); id != head.npos)
    head.remove_prefix(id + format.name_tag.size());
  const size_t cut =
      format.separator.empty() ? head.size() : std::min(head.find(format.separator), head.size());
  std::string_view name = trimmed(head.substr(0, cut));
  // DeepSeek writes the kind of the call first: function<sep>NAME, then a fence.
  if (name == "function" && cut < head.size()) {
    const std::string_view rest = trimmed(head.substr(cut + format.separator.size()));
    if (!rest.empty()) name = trimmed(rest.substr(0, rest.find('\n')));
  }
  if (const size_t id = name.find("[CALL_ID]"); id != name.npos) name = name.substr(0, id);
  // Kimi: functions.NAME:INDEX
  if (name.starts_with("functions.")) {
    name.remove_prefix(10);
    const size_t colon = name.rfind(':');
    if (colon != name.npos && name.find_first_not_of("0123456789", colon + 1) == name.npos)
      name = name.substr(0, colon);
  }
  if (at == body.size()) return tools.has(name) && add_call(name, Json::object(), out);
  const Result<Json> arguments = parse_whole_json(body.substr(at));
  return arguments && add_call(name, *arguments, out);
}

bool read_generic_call(std::string_view body, const ToolSet& tools, ToolCalls& out) {
  const size_t lead = leading_blanks(body);
  const bool list = lead < body.size() && body[lead] == '[' && trimmed(body).ends_with(']');
  const size_t at = list ? lead : body.find('{');
  if (at == body.npos) return read_python_calls(body, out);  // NAME.call(key="value")
  const Result<Json> value = parse_whole_json(body.substr(at));
  if (!value) return at != lead && read_python_calls(body, out);
  const std::string_view head = body.substr(0, at);
  const auto add = [&](const Json& one) {
    if (!one.is_object()) return false;
    std::string name = first_name(head, tools);
    const bool in_front = !name.empty();
    if (!in_front) {
      const auto own = one.find("name");
      name = own != one.end() && own->is_string() && tools.has(own->get_ref<const std::string&>())
                 ? own->get<std::string>()
                 : first_name(dump_json(one), tools);
    }
    if (name.empty()) return false;
    Json read;
    if (const Json* arguments = find_arguments(one, name, read, 0))
      return add_call(name, *arguments, out);
    return in_front && add_call(name, one, out);
  };
  if (!value->is_array()) return add(*value);
  for (const Json& one : *value)
    if (!add(one)) return false;
  return !value->empty();
}

}  // namespace engine
