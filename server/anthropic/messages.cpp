// One message of blocks becomes the answers of tools it holds, each a message of its own, and then
// the message with its texts, images, calls and reasoning.
#include "server/anthropic/messages.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/base64.h"
#include "server/json_fields.h"
#include "server/openai/messages.h"

namespace engine::anthropic {
namespace {

struct Blocks {
  std::string text, thinking;
  bool any_text = false;
  Json images = Json::array(), calls = Json::array(), results = Json::array();

  void add_text(const std::string& more) {
    if (std::exchange(any_text, true)) text += '\n';
    text += more;
  }
};

Result<std::string> image_data(const JsonFields& block, const char* bad_source) {
  const Json* source = block.get("source");
  if (!source || !source->is_object()) return invalid_argument(bad_source);
  const JsonFields fields(*source, "source.");
  ENGINE_TRY(type, fields.string("type"));
  ENGINE_TRY(data, fields.string("data"));
  if (type != "base64")
    return invalid_argument(
        fmt::format("invalid image source type: {}. Only base64 images are supported.", type));
  if (!valid_base64(data))
    return invalid_argument("invalid base64 image data: illegal base64 data");
  return std::move(data);
}

// The text and the images of a tool's answer.
Status read_result(const JsonFields& block, Json& message) {
  std::string text;
  Json images = Json::array();
  const Json* content = block.get("content");
  if (content && content->is_string()) text = content->get<std::string>();
  if (content && content->is_array()) {
    bool first = true;
    for (const Json& part : *content) {
      if (!part.is_object()) continue;
      const JsonFields fields(part, "content.");
      ENGINE_TRY(type, fields.string("type"));
      if (type == "text") {
        ENGINE_TRY(more, fields.string("text"));
        if (!std::exchange(first, false)) text += '\n';
        text += more;
      } else if (type == "image") {
        ENGINE_TRY(data, image_data(fields, "invalid tool_result image source"));
        images.push_back(std::move(data));
      }
    }
  }
  message["content"] = std::move(text);
  if (!images.empty()) message["images"] = std::move(images);
  return ok;
}

Status read_block(const Json& value, const std::string& path, Blocks& out) {
  if (!value.is_object())
    return invalid_argument(fmt::format("field \"{}\": expected object", path));
  const JsonFields block(value, path + ".");
  ENGINE_TRY(type, block.string("type"));
  if (type == "text") {
    ENGINE_TRY(text, block.string("text"));
    out.add_text(text);
  } else if (type == "thinking") {
    ENGINE_TRY(thinking, block.string("thinking"));
    out.thinking += thinking;
  } else if (type == "image") {
    ENGINE_TRY(data, image_data(block, "invalid image source"));
    out.images.push_back(std::move(data));
  } else if (type == "tool_use") {
    ENGINE_TRY(id, block.string("id"));
    ENGINE_TRY(name, block.string("name"));
    ENGINE_TRY(input, block.object("input"));
    if (id.empty()) return invalid_argument("tool_use block missing required 'id' field");
    if (name.empty()) return invalid_argument("tool_use block missing required 'name' field");
    out.calls.push_back(
        Json{{"id", id},
             {"function", {{"name", name}, {"arguments", input ? *input : Json::object()}}}});
  } else if (type == "tool_result") {
    ENGINE_TRY(id, block.string("tool_use_id"));
    Json message{{"role", "tool"}, {"content", ""}, {"tool_call_id", id}};
    ENGINE_TRY_STATUS(read_result(block, message));
    out.results.push_back(std::move(message));
  }
  return ok;  // blocks of other types are left out
}

// Appends what one message becomes.
Status read_message(const JsonFields& fields, const std::string& path, Json& out) {
  ENGINE_TRY(role, fields.string("role"));
  Blocks blocks;
  const Json* content = fields.get("content");
  if (content && content->is_array()) {
    for (size_t i = 0; i < content->size(); ++i)
      ENGINE_TRY_STATUS(read_block((*content)[i], fmt::format("{}content[{}]", path, i), blocks));
  } else {
    ENGINE_TRY(text, fields.string("content"));
    blocks.add_text(text);
  }
  for (Json& result : blocks.results) {
    if (const std::string name = openai::name_of_call(out, result["tool_call_id"]); !name.empty())
      result["tool_name"] = name;
    out.push_back(std::move(result));
  }
  const bool only_results = !blocks.results.empty() && !blocks.any_text && blocks.images.empty();
  if (only_results) return ok;
  Json message{{"role", role}, {"content", blocks.text}};
  if (!blocks.thinking.empty()) message["thinking"] = blocks.thinking;
  if (!blocks.images.empty()) message["images"] = std::move(blocks.images);
  if (!blocks.calls.empty()) message["tool_calls"] = std::move(blocks.calls);
  out.push_back(std::move(message));
  return ok;
}

}  // namespace

Result<Json> native_messages(const Json* system, const Json& list) {
  Json out = Json::array();
  if (system && system->is_string()) {
    out.push_back(Json{{"role", "system"}, {"content", *system}});
  } else if (system && system->is_array()) {
    std::string text;
    for (size_t i = 0; i < system->size(); ++i) {
      if (!(*system)[i].is_object())
        return invalid_argument(fmt::format("field \"system[{}]\": expected object", i));
      ENGINE_TRY(part, JsonFields((*system)[i], fmt::format("system[{}].", i)).string("text"));
      text += part;
    }
    out.push_back(Json{{"role", "system"}, {"content", text}});
  } else if (system) {
    return invalid_argument("field \"system\": expected string or array");
  }
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string path = fmt::format("messages[{}]", i);
    if (!list[i].is_object())
      return invalid_argument(fmt::format("field \"{}\": expected object", path));
    ENGINE_TRY_STATUS(read_message(JsonFields(list[i], path + "."), path + ".", out));
  }
  return out;
}

}  // namespace engine::anthropic
