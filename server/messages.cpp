// Checked and brought into the form that templates take.
#include "server/messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/json_fields.h"

namespace engine {
namespace {

Result<std::vector<ChatToolCall>> parse_tool_calls(const Json& list, const std::string& path) {
  std::vector<ChatToolCall> out;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string here = fmt::format("{}[{}].", path, i);
    if (!list[i].is_object())
      return Error{Errc::invalid_argument,
                   fmt::format("field \"{}[{}]\": expected object", path, i)};
    const JsonFields call(list[i], here);
    ENGINE_TRY(id, call.string("id"));
    ENGINE_TRY(function, call.object("function"));
    ChatToolCall parsed;
    parsed.id = std::move(id);
    parsed.arguments = "{}";
    if (function) {
      const JsonFields fields(*function, here + "function.");
      ENGINE_TRY(name, fields.string("name"));
      ENGINE_TRY(arguments, fields.object("arguments"));
      parsed.name = std::move(name);
      if (arguments) parsed.arguments = dump_json(*arguments);
    }
    out.push_back(std::move(parsed));
  }
  return out;
}

std::string lower(std::string s) {
  for (char& c : s)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return s;
}

}  // namespace

Result<ThinkChoice> parse_think(const Json* value) {
  if (!value || value->is_null()) return ThinkChoice{};
  if (value->is_boolean()) return ThinkChoice{value->get<bool>(), {}};
  if (!value->is_string())
    return Error{
        Errc::invalid_argument,
        R"(think must be a boolean or string ("high", "medium", "low", "max", true, or false))"};
  const std::string& level = value->get_ref<const std::string&>();
  if (level != "low" && level != "medium" && level != "high" && level != "max")
    return Error{
        Errc::invalid_argument,
        fmt::format(
            R"(invalid think value: "{}" (must be "high", "medium", "low", "max", true, or false))",
            level)};
  return ThinkChoice{true, level};
}

Result<std::vector<ChatMessage>> parse_messages(const Json* list) {
  std::vector<ChatMessage> out;
  if (!list) return out;
  for (size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_object())
      return Error{Errc::invalid_argument,
                   fmt::format("field \"messages[{}]\": expected object", i)};
    const std::string path = fmt::format("messages[{}].", i);
    const JsonFields fields((*list)[i], path);
    ENGINE_TRY(role, fields.string("role"));
    ENGINE_TRY(content, fields.string("content"));
    ENGINE_TRY(thinking, fields.string("thinking"));
    ENGINE_TRY(tool_name, fields.string("tool_name"));
    ENGINE_TRY(tool_call_id, fields.string("tool_call_id"));
    ENGINE_TRY(calls, fields.array("tool_calls"));
    ChatMessage message;
    message.role = lower(std::move(role));
    message.content = std::move(content);
    message.thinking = std::move(thinking);
    message.tool_name = std::move(tool_name);
    message.tool_call_id = std::move(tool_call_id);
    if (calls) {
      ENGINE_TRY(parsed, parse_tool_calls(*calls, path + "tool_calls"));
      message.tool_calls = std::move(parsed);
    }
    out.push_back(std::move(message));
  }
  return out;
}

std::vector<ChatMessage> with_presets(std::vector<ChatMessage> messages, const std::string& system,
                                      const std::string& presets) {
  std::vector<ChatMessage> out;
  if (!system.empty() && (messages.empty() || messages.front().role != "system")) {
    ChatMessage m;
    m.role = "system";
    m.content = system;
    out.push_back(std::move(m));
  }
  if (!presets.empty()) {
    if (const Result<Json> list = parse_json(presets); list && list->is_array()) {
      if (auto parsed = parse_messages(&*list))
        for (ChatMessage& m : *parsed) out.push_back(std::move(m));
    }
  }
  for (ChatMessage& m : messages) out.push_back(std::move(m));
  return out;
}

Result<Json> parse_tools(const Json* list) {
  Json out = Json::array();
  if (!list) return out;
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& tool = (*list)[i];
    const std::string path = fmt::format("tools[{}].", i);
    if (!tool.is_object())
      return Error{Errc::invalid_argument, fmt::format("field \"tools[{}]\": expected object", i)};
    const JsonFields fields(tool, path);
    ENGINE_TRY_STATUS(fields.string("type"));
    ENGINE_TRY(function, fields.object("function"));
    if (!function)
      return Error{Errc::invalid_argument, fmt::format("field \"{}function\": missing", path)};
    const JsonFields inner(*function, path + "function.");
    ENGINE_TRY(name, inner.string("name"));
    if (name.empty())
      return Error{Errc::invalid_argument, fmt::format("field \"{}function.name\": missing", path)};
    out.push_back(tool);
  }
  return out;
}

}  // namespace engine
