// "auto", "none", "required", or an object that names a tool: in the form of chat completions
// {"type": "function", "function": {"name"}}, of responses {"type": "function", "name"}.
#include "server/tool_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

Result<std::string> chosen_name(const Json& choice, const Json& tools) {
  const JsonFields fields(choice, "tool_choice.");
  ENGINE_TRY(type, fields.string("type"));
  if (!type.empty() && type != "function")
    return invalid_argument(
        fmt::format("tool_choice: the type \"{}\" is not supported; use \"auto\", "
                    "\"none\", \"required\" or {{\"type\":\"function\",...}}",
                    type));
  ENGINE_TRY(function, fields.object("function"));
  ENGINE_TRY(outer, fields.string("name"));
  std::string name = outer;
  if (function) {
    ENGINE_TRY(inner, JsonFields(*function, "tool_choice.function.").string("name"));
    name = inner;
  }
  const bool known = std::any_of(tools.begin(), tools.end(), [&](const Json& tool) {
    return tool["function"]["name"] == Json(name);
  });
  if (!known) return invalid_argument(fmt::format("unknown tool \"{}\" in tool_choice", name));
  return name;
}

}  // namespace

Result<ToolChoice> read_tool_choice(const JsonFields& fields, Json& tools) {
  ToolChoice out;
  ENGINE_TRY(parallel, fields.boolean("parallel_tool_calls", true));
  out.parallel = parallel;
  const Json* choice = fields.get("tool_choice");
  if (!choice || *choice == "auto") return out;
  if (*choice == "none") {
    tools = Json::array();
    return out;
  }
  out.forced = true;
  if (choice->is_object()) {
    ENGINE_TRY(name, chosen_name(*choice, tools));
    out.name = std::move(name);
  } else if (*choice != "required") {
    return invalid_argument("tool_choice must be \"auto\", \"none\", \"required\" or an object");
  }
  if (tools.empty()) return invalid_argument("tool_choice asks for a call, but there are no tools");
  return out;
}

}  // namespace engine
