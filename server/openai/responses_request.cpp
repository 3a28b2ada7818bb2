// The list of items becomes messages: calls join the answer before them, reasoning the one behind.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/json_fields.h"
#include "server/openai/messages.h"
#include "server/openai/request.h"
#include "server/openai/responses.h"

namespace engine::openai {
namespace {

// Fills in content and images from a text or a list of parts.
Status read_content(const Json* content, Json& message) {
  std::string text;
  Json images = Json::array();
  if (content && content->is_string()) text = content->get<std::string>();
  if (content && content->is_array()) {
    bool first = true;
    for (const Json& part : *content) {
      if (!part.is_object()) return invalid_argument("content part: expected object");
      const JsonFields fields(part, "content.");
      ENGINE_TRY(type, fields.string("type"));
      if (type == "input_text" || type == "output_text" || type == "text") {
        ENGINE_TRY(more, fields.string("text"));
        if (!std::exchange(first, false)) text += '\n';
        text += more;
      } else if (type == "input_image") {
        ENGINE_TRY(url, fields.string("image_url"));
        ENGINE_TRY(data, image_data(url));
        images.push_back(std::move(data));
      } else if (type == "input_file") {
        return invalid_argument("file inputs are not currently supported");
      } else {
        return invalid_argument(fmt::format("unknown content type: {}", type));
      }
    }
  }
  if (content && !content->is_string() && !content->is_array())
    return invalid_argument("content: expected string or array");
  message["content"] = std::move(text);
  if (!images.empty()) message["images"] = std::move(images);
  return ok;
}

// Messages as they come to be.
class Conversation {
 public:
  explicit Conversation(Json messages) : messages_(std::move(messages)) {}

  Status add(const Json& item) {
    if (!item.is_object()) return invalid_argument("expected object");
    const JsonFields fields(item);
    ENGINE_TRY(type, fields.string("type"));
    if (type == "message" || (type.empty() && fields.get("role"))) return add_message(fields);
    if (type == "function_call") return add_call(fields);
    if (type == "function_call_output") return add_output(fields);
    if (type == "reasoning") {
      ENGINE_TRY(text, fields.string("encrypted_content"));
      thinking_ = std::move(text);
      return ok;
    }
    if (type == "web_search_call") return ok;
    if (type.empty()) return invalid_argument("input item missing required 'type' field");
    return invalid_argument(fmt::format("unknown input item type: \"{}\"", type));
  }

  Json take() { return std::move(messages_); }

 private:
  Status add_message(const JsonFields& fields) {
    ENGINE_TRY(role, fields.string("role"));
    Json message{{"role", role}};
    ENGINE_TRY_STATUS(read_content(fields.get("content"), message));
    if (role == "assistant") think(message);
    messages_.push_back(std::move(message));
    return ok;
  }

  Status add_call(const JsonFields& fields) {
    ENGINE_TRY(id, fields.string("call_id"));
    ENGINE_TRY(name, fields.string("name"));
    ENGINE_TRY(text, fields.string("arguments"));
    Result<Json> arguments = parse_json(text);
    if (arguments && !arguments->is_object()) arguments = invalid_argument("expected object");
    if (!arguments)
      return invalid_argument(
          fmt::format("failed to parse function call arguments: {}", arguments.error().message));
    if (messages_.empty() || messages_.back()["role"] != "assistant") {
      messages_.push_back(Json{{"role", "assistant"}, {"content", ""}});
      think(messages_.back());
    }
    messages_.back()["tool_calls"].push_back(
        Json{{"id", id}, {"function", {{"name", name}, {"arguments", *arguments}}}});
    return ok;
  }

  Status add_output(const JsonFields& fields) {
    ENGINE_TRY(id, fields.string("call_id"));
    Json message{{"role", "tool"}, {"content", ""}, {"tool_call_id", id}};
    ENGINE_TRY_STATUS(read_content(fields.get("output"), message));
    message["tool_name"] = name_of_call(messages_, id);
    messages_.push_back(std::move(message));
    return ok;
  }

  void think(Json& message) {
    if (!thinking_.empty()) message["thinking"] = std::exchange(thinking_, {});
  }

  Json messages_;
  std::string thinking_;  // of the answer that follows
};

Result<Json> native_input(const JsonFields& fields) {
  Json messages = Json::array();
  ENGINE_TRY(instructions, fields.string("instructions"));
  if (!instructions.empty())
    messages.push_back(Json{{"role", "system"}, {"content", instructions}});
  const Json* input = fields.get("input");
  if (!input) return invalid_argument("input is required");
  if (input->is_string()) {
    messages.push_back(Json{{"role", "user"}, {"content", *input}});
    return messages;
  }
  if (!input->is_array())
    return invalid_argument(
        fmt::format("input must be a string or array: got {}", input->type_name()));
  Conversation conversation(std::move(messages));
  for (size_t i = 0; i < input->size(); ++i)
    if (const Status status = conversation.add((*input)[i]); !status)
      return Error{status.error().code, fmt::format("input[{}]: {}", i, status.error().message)};
  Json all = conversation.take();
  if (all.empty()) return invalid_argument("input is required");
  return all;
}

Status add_tool(const JsonFields& tool, const std::string& prefix, Json& out) {
  ENGINE_TRY(name, tool.string("name"));
  Json function{{"name", prefix + name}};
  ENGINE_TRY(description, tool.string("description"));
  ENGINE_TRY(parameters, tool.object("parameters"));
  if (!description.empty()) function["description"] = description;
  if (parameters) function["parameters"] = *parameters;
  out.push_back(Json{{"type", "function"}, {"function", std::move(function)}});
  return ok;
}

// Types that need a hosted service are left out.
Status add_tools(const Json& list, const std::string& prefix, const std::string& path, Json& out) {
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string here = fmt::format("{}[{}]", path, i);
    if (!list[i].is_object())
      return invalid_argument(fmt::format("field \"{}\": expected object", here));
    const JsonFields tool(list[i], here + ".");
    ENGINE_TRY(type, tool.string("type"));
    if (type == "function") ENGINE_TRY_STATUS(add_tool(tool, prefix, out));
    // One level deep: a namespace holds functions.
    if (type == "namespace" && prefix.empty()) {
      ENGINE_TRY(name, tool.string("name"));
      ENGINE_TRY(inner, tool.array("tools"));
      if (inner) ENGINE_TRY_STATUS(add_tools(*inner, name + ".", here + ".tools", out));
    }
  }
  return ok;
}

}  // namespace

Result<Json> native_response_request(const Json& body) {
  const JsonFields fields(body);
  Json native;
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(stream, fields.boolean("stream", false));
  if (model.empty()) return invalid_argument("model is required");
  native["model"] = std::move(model);
  native["stream"] = stream;
  if (const Json* keep_alive = fields.get("keep_alive")) native["keep_alive"] = *keep_alive;
  ENGINE_TRY(messages, native_input(fields));
  native["messages"] = std::move(messages);
  ENGINE_TRY(options, native_options(fields));
  if (fields.get("max_output_tokens")) {
    ENGINE_TRY(limit, fields.integer("max_output_tokens", -1));
    options["num_predict"] = std::min<int64_t>(limit, INT32_MAX);
  }
  native["options"] = std::move(options);
  ENGINE_TRY(effort, reasoning_effort(fields));
  ENGINE_TRY(think, native_think(effort));
  native["think"] = std::move(think);
  ENGINE_TRY(text, fields.object("text"));
  if (text) {
    ENGINE_TRY(format, JsonFields(*text, "text.").object("format"));
    if (format) {
      ENGINE_TRY(wanted, native_format(JsonFields(*format, "text.format.")));
      native["format"] = std::move(wanted);
    }
  }
  Json tools = Json::array();
  ENGINE_TRY(list, fields.array("tools"));
  if (list) ENGINE_TRY_STATUS(add_tools(*list, {}, "tools", tools));
  native["tools"] = std::move(tools);
  copy_tool_choice(fields, native);
  return native;
}

}  // namespace engine::openai
