// What is not offered is refused when it would change the answer, and ignored when it would not.
#include "server/openai/request.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/core/options.h"
#include "server/openai/messages.h"

namespace engine::openai {
namespace {

// What both endpoints take over as it is.
Status copy_common(const JsonFields& fields, Json& native) {
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(stream, fields.boolean("stream", false));
  native["model"] = std::move(model);
  native["stream"] = stream;
  if (const Json* keep_alive = fields.get("keep_alive")) native["keep_alive"] = *keep_alive;
  for (const char* key : {"logit_bias", "lora"})
    if (const Json* value = fields.get(key)) native[key] = *value;
  ENGINE_TRY(n, fields.integer("n", 1));
  if (n != 1) return invalid_argument("only n = 1 is supported");
  return ok;
}

// max_tokens, and its newer name where the endpoint has one.
Status add_limit(const JsonFields& fields, const char* key, Json& options) {
  if (!fields.get(key)) return ok;
  ENGINE_TRY(limit, fields.integer(key, -1));
  options["num_predict"] = std::min<int64_t>(limit, INT32_MAX);
  return ok;
}

const char* go_type(const Json& value) {
  if (value.is_number()) return "float64";
  if (value.is_boolean()) return "bool";
  if (value.is_object()) return "map[string]interface {}";
  return value.is_array() ? "[]interface {}" : "string";
}

// A text or a list. Elements that are no text are dropped, or refused when `strict`.
Status add_stop(const JsonFields& fields, bool strict, Json& options) {
  const Json* stop = fields.get("stop");
  if (!stop) return ok;
  Json list = Json::array();
  if (stop->is_string()) list.push_back(*stop);
  if (stop->is_array()) {
    for (const Json& element : *stop) {
      if (element.is_string())
        list.push_back(element);
      else if (strict)
        return invalid_argument(fmt::format("invalid type for 'stop' field: {}", go_type(element)));
    }
  } else if (!stop->is_string()) {
    return invalid_argument(fmt::format("invalid type for 'stop' field: {}", go_type(*stop)));
  }
  options["stop"] = std::move(list);
  return ok;
}

}  // namespace

Result<ReplyExtras> read_extras(const JsonFields& fields) {
  ENGINE_TRY(timings, fields.boolean("timings_per_token", false));
  ENGINE_TRY(options, fields.object("stream_options"));
  if (!options) return ReplyExtras{false, timings};
  ENGINE_TRY(usage, JsonFields(*options, "stream_options.").boolean("include_usage", false));
  return ReplyExtras{usage, timings};
}

Result<Json> native_options(const JsonFields& fields) {
  ENGINE_TRY(given, fields.object("options"));
  Json out = given ? *given : Json::object();
  for (const std::string_view name : sampling_options())
    if (const Json* value = fields.get(name)) out[std::string(name)] = *value;
  if (const Json* order = fields.get("samplers")) out["samplers"] = *order;
  for (const char* key : {"temperature", "top_p", "frequency_penalty", "presence_penalty"}) {
    ENGINE_TRY(value, fields.number(key));
    const bool has_default =
        key == std::string_view("temperature") || key == std::string_view("top_p");
    if (value)
      out[key] = *value;
    else if (has_default && !out.contains(key))
      out[key] = 1.0;
  }
  if (fields.get("seed")) {
    ENGINE_TRY(seed, fields.integer("seed", -1));
    out["seed"] = seed;
  }
  return out;
}

Result<Json> native_think(const std::string& effort) {
  if (effort.empty()) return Json();
  if (effort == "none") return Json(false);
  if (effort == "minimal" || effort == "low") return Json("low");
  if (effort == "medium" || effort == "high" || effort == "max") return Json(effort);
  if (effort == "xhigh" || effort == "ultra") return Json("max");
  return invalid_argument(fmt::format(
      "invalid reasoning value: \"{}\" (must be \"minimal\", \"low\", \"medium\", \"high\", "
      "\"xhigh\", \"ultra\", \"max\", or \"none\")",
      effort));
}

Result<std::string> reasoning_effort(const JsonFields& fields) {
  ENGINE_TRY(reasoning, fields.object("reasoning"));
  if (reasoning) {
    ENGINE_TRY(effort, JsonFields(*reasoning, "reasoning.").string("effort"));
    if (!effort.empty()) return std::move(effort);
  }
  return fields.string("reasoning_effort");
}

Result<Json> native_format(const JsonFields& format) {
  ENGINE_TRY(type, format.string("type"));
  const size_t from = type.find_first_not_of(" \t\r\n");
  std::string kind;
  if (from != std::string::npos)
    kind = type.substr(from, type.find_last_not_of(" \t\r\n") - from + 1);
  if (equal_no_case(kind, "json_object")) return Json("json");
  if (!equal_no_case(kind, "json_schema")) return Json();
  // Chat has the schema one level deeper than responses have it.
  ENGINE_TRY(inner, format.object("json_schema"));
  if (inner) {
    ENGINE_TRY(schema, JsonFields(*inner, "json_schema.").object("schema"));
    return schema ? *schema : Json();
  }
  ENGINE_TRY(schema, format.object("schema"));
  return schema ? *schema : Json();
}

void copy_tool_choice(const JsonFields& fields, Json& native) {
  for (const char* key : {"tool_choice", "parallel_tool_calls"})
    if (const Json* value = fields.get(key)) native[key] = *value;
}

Result<Json> native_chat(const Json& body) {
  const JsonFields fields(body);
  ENGINE_TRY(list, fields.array("messages"));
  if (!list || list->empty()) return invalid_argument("[] is too short - 'messages'");
  Json native;
  ENGINE_TRY_STATUS(copy_common(fields, native));
  ENGINE_TRY(messages, native_messages(*list));
  native["messages"] = std::move(messages);
  ENGINE_TRY(options, native_options(fields));
  ENGINE_TRY_STATUS(add_limit(fields, "max_tokens", options));
  ENGINE_TRY_STATUS(add_limit(fields, "max_completion_tokens", options));
  ENGINE_TRY_STATUS(add_stop(fields, false, options));
  native["options"] = std::move(options);
  ENGINE_TRY(effort, reasoning_effort(fields));
  ENGINE_TRY(think, native_think(effort));
  native["think"] = std::move(think);
  ENGINE_TRY(response_format, fields.object("response_format"));
  if (response_format) {
    ENGINE_TRY(format, native_format(JsonFields(*response_format, "response_format.")));
    native["format"] = std::move(format);
  }
  ENGINE_TRY(tool_list, fields.array("tools"));
  native["tools"] = tool_list ? *tool_list : Json::array();
  copy_tool_choice(fields, native);
  if (const Json* variables = fields.get("chat_template_kwargs"))
    native["chat_template_kwargs"] = *variables;
  ENGINE_TRY(logprobs, fields.boolean("logprobs", false));
  ENGINE_TRY(top_logprobs, fields.integer("top_logprobs", 0));
  native["logprobs"] = logprobs;
  native["top_logprobs"] = top_logprobs;
  return native;
}

Result<Json> native_generate(const Json& body) {
  const JsonFields fields(body);
  Json native;
  ENGINE_TRY_STATUS(copy_common(fields, native));
  ENGINE_TRY(prompt, fields.string("prompt"));
  ENGINE_TRY(suffix, fields.string("suffix"));
  native["prompt"] = std::move(prompt);
  native["suffix"] = std::move(suffix);
  ENGINE_TRY(options, native_options(fields));
  // Unlike a chat, where 0 is taken as it is.
  ENGINE_TRY(top_p, fields.number("top_p"));
  if (top_p && *top_p == 0) options["top_p"] = 1.0;
  ENGINE_TRY_STATUS(add_limit(fields, "max_tokens", options));
  ENGINE_TRY_STATUS(add_stop(fields, true, options));
  native["options"] = std::move(options);
  ENGINE_TRY(logprobs, fields.integer("logprobs", 0));
  native["logprobs"] = logprobs > 0;
  native["top_logprobs"] = std::max<int64_t>(logprobs, 0);
  return native;
}

}  // namespace engine::openai
