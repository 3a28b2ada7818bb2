// Settings, tools and the choice among them; the messages are read in messages.cpp.
#include "server/anthropic/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/log.h"
#include "server/anthropic/messages.h"
#include "server/json_fields.h"

namespace engine::anthropic {
namespace {

Result<Json> native_options(const JsonFields& fields) {
  ENGINE_TRY(given, fields.object("options"));
  Json out = given ? *given : Json::object();
  for (const char* key : {"temperature", "top_p"}) {
    ENGINE_TRY(value, fields.number(key));
    if (value) out[key] = *value;
  }
  if (fields.get("top_k")) {
    ENGINE_TRY(top_k, fields.integer("top_k", 0));
    out["top_k"] = std::clamp<int64_t>(top_k, 0, INT32_MAX);
  }
  ENGINE_TRY(stop, fields.array("stop_sequences"));
  if (stop) {
    for (size_t i = 0; i < stop->size(); ++i)
      if (!(*stop)[i].is_string())
        return invalid_argument(fmt::format("field \"stop_sequences[{}]\": expected string", i));
    out["stop"] = *stop;
  }
  return out;
}

// true, false or a level; null: the model decides.
Result<Json> native_think(const JsonFields& fields) {
  ENGINE_TRY(thinking, fields.object("thinking"));
  if (thinking) {
    ENGINE_TRY(type, JsonFields(*thinking, "thinking.").string("type"));
    if (type == "enabled") return Json(true);
    if (type == "disabled") return Json(false);
  }
  ENGINE_TRY(config, fields.object("output_config"));
  if (!config) return Json();
  ENGINE_TRY(effort, JsonFields(*config, "output_config.").string("effort"));
  if (effort == "xhigh") return Json("high");
  if (effort == "low" || effort == "medium" || effort == "high" || effort == "max")
    return Json(effort);
  return Json();
}

Result<Json> native_tools(const JsonFields& fields) {
  Json out = Json::array();
  ENGINE_TRY(list, fields.array("tools"));
  if (!list) return out;
  for (size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_object())
      return invalid_argument(fmt::format("field \"tools[{}]\": expected object", i));
    const JsonFields tool((*list)[i], fmt::format("tools[{}].", i));
    ENGINE_TRY(type, tool.string("type"));
    ENGINE_TRY(name, tool.string("name"));
    ENGINE_TRY(description, tool.string("description"));
    if (type.starts_with("web_search")) {
      log_warn("the tool {} of a request is left out: there is no hosted search", type);
      continue;
    }
    const Json* schema = tool.get("input_schema");
    if (schema && !schema->is_object())
      return invalid_argument(
          fmt::format("invalid input_schema for tool \"{}\": expected object", name));
    Json function{{"name", name}};
    if (!description.empty()) function["description"] = description;
    if (schema) function["parameters"] = *schema;
    out.push_back(Json{{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

// The choice in the form of native requests.
Status copy_tool_choice(const JsonFields& fields, Json& native) {
  ENGINE_TRY(choice, fields.object("tool_choice"));
  if (!choice) return ok;
  const JsonFields inner(*choice, "tool_choice.");
  ENGINE_TRY(type, inner.string("type"));
  ENGINE_TRY(name, inner.string("name"));
  ENGINE_TRY(single, inner.boolean("disable_parallel_tool_use", false));
  if (type == "tool")
    native["tool_choice"] = Json{{"type", "function"}, {"function", {{"name", name}}}};
  else if (type == "any")
    native["tool_choice"] = "required";
  else if (type == "auto" || type == "none")
    native["tool_choice"] = type;
  else
    return invalid_argument(fmt::format(
        "tool_choice: unknown type \"{}\" (must be \"auto\", \"any\", \"tool\" or \"none\")",
        type));
  if (single) native["parallel_tool_calls"] = false;
  return ok;
}

}  // namespace

Result<Json> native_chat(const Json& body, bool counting) {
  const JsonFields fields(body);
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(max_tokens, fields.integer("max_tokens", 0));
  ENGINE_TRY(list, fields.array("messages"));
  ENGINE_TRY(stream, fields.boolean("stream", false));
  if (model.empty()) return invalid_argument("model is required");
  if (!counting && max_tokens <= 0)
    return invalid_argument("max_tokens is required and must be positive");
  if (!list || list->empty()) return invalid_argument("messages is required");

  Json native;
  native["model"] = std::move(model);
  native["stream"] = stream;
  if (const Json* keep_alive = fields.get("keep_alive")) native["keep_alive"] = *keep_alive;
  ENGINE_TRY(messages, native_messages(fields.get("system"), *list));
  native["messages"] = std::move(messages);
  ENGINE_TRY(options, native_options(fields));
  if (max_tokens > 0) options["num_predict"] = std::min<int64_t>(max_tokens, INT32_MAX);
  native["options"] = std::move(options);
  ENGINE_TRY(think, native_think(fields));
  native["think"] = std::move(think);
  ENGINE_TRY(tools, native_tools(fields));
  native["tools"] = std::move(tools);
  ENGINE_TRY_STATUS(copy_tool_choice(fields, native));
  return native;
}

}  // namespace engine::anthropic
