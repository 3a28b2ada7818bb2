// The texts of a list of parts are joined by line breaks; images become those of the message.
#include "server/openai/messages.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "server/base64.h"
#include "server/json_fields.h"

namespace engine::openai {
namespace {

Error bad_format() {
  return invalid_argument("invalid message format");
}

struct Content {
  std::string text;
  Json images = Json::array();
};

void append_text(const std::string& text, bool first, std::string& out) {
  if (!first) out += '\n';
  out += text;
}

// The string at one of the two places where clients put the address of an image.
Result<std::string> image_url(const JsonFields& part) {
  const Json* value = part.get("image_url");
  if (value && value->is_string()) return value->get<std::string>();
  if (!value || !value->is_object()) return bad_format();
  const Json* url = JsonFields(*value).get("url");
  if (!url || !url->is_string()) return bad_format();
  return url->get<std::string>();
}

Status check_audio(const JsonFields& part) {
  const Json* audio = part.get("input_audio");
  if (!audio || !audio->is_object()) return invalid_argument("invalid input_audio format");
  const Json* data = JsonFields(*audio).get("data");
  if (!data || !data->is_string())
    return invalid_argument("invalid input_audio format: missing data");
  if (!valid_base64(data->get_ref<const std::string&>()))
    return invalid_argument("invalid input_audio base64 data: illegal base64 data");
  return Error{Errc::unsupported, "audio input is not supported by this server"};
}

Result<Content> read_parts(const Json& parts) {
  Content out;
  bool any_text = false, known = parts.empty();
  for (const Json& part : parts) {
    if (!part.is_object()) return bad_format();
    const JsonFields fields(part);
    const Json* type = fields.get("type");
    if (!type || !type->is_string()) return bad_format();
    if (*type == "text") {
      const Json* text = fields.get("text");
      if (!text || !text->is_string()) return bad_format();
      append_text(text->get_ref<const std::string&>(), !std::exchange(any_text, true), out.text);
    } else if (*type == "image_url") {
      ENGINE_TRY(url, image_url(fields));
      ENGINE_TRY(data, image_data(url));
      out.images.push_back(std::move(data));
    } else if (*type == "input_audio") {
      ENGINE_TRY_STATUS(check_audio(fields));
    } else {
      continue;
    }
    known = true;
  }
  if (!known) return bad_format();
  return out;
}

Result<Content> read_content(const Json* content, bool has_calls) {
  if (!content) {
    if (has_calls) return Content();
    return invalid_argument("invalid message content type: <nil>");
  }
  if (content->is_array()) return read_parts(*content);
  if (content->is_string()) {
    Content out;
    out.text = content->get<std::string>();
    return out;
  }
  return invalid_argument(fmt::format("invalid message content type: {}",
                                      content->is_number()    ? "float64"
                                      : content->is_boolean() ? "bool"
                                                              : "map[string]interface {}"));
}

Result<Json> read_calls(const Json& list, const std::string& path) {
  Json out = Json::array();
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string here = fmt::format("{}tool_calls[{}]", path, i);
    if (!list[i].is_object())
      return invalid_argument(fmt::format("field \"{}\": expected object", here));
    const JsonFields call(list[i], here + ".");
    ENGINE_TRY(id, call.string("id"));
    ENGINE_TRY(function, call.object("function"));
    if (!function) return invalid_argument(fmt::format("field \"{}.function\": missing", here));
    const JsonFields fields(*function, here + ".function.");
    ENGINE_TRY(name, fields.string("name"));
    ENGINE_TRY(text, fields.string("arguments"));
    ENGINE_TRY(arguments, call_arguments(text));
    out.push_back(
        Json{{"id", id}, {"function", {{"name", name}, {"arguments", std::move(arguments)}}}});
  }
  return out;
}

}  // namespace

Result<std::string> image_data(const std::string& uri) {
  if (uri.starts_with("http://") || uri.starts_with("https://"))
    return invalid_argument(
        "image URLs are not currently supported, please use base64 encoded data instead");
  constexpr std::array<std::string_view, 5> kPrefixes = {
      "data:image/jpeg;base64,", "data:image/jpg;base64,", "data:image/png;base64,",
      "data:image/webp;base64,", "data:;base64,"};
  for (const std::string_view prefix : kPrefixes) {
    if (!uri.starts_with(prefix)) continue;
    std::string data = uri.substr(prefix.size());
    if (!valid_base64(data)) break;
    return data;
  }
  return invalid_argument("invalid image input");
}

Result<Json> call_arguments(const std::string& text) {
  Result<Json> arguments = parse_json(text);
  if (!arguments || !arguments->is_object()) return invalid_argument("invalid tool call arguments");
  return std::move(*arguments);
}

Result<Json> native_messages(const Json& list) {
  Json out = Json::array();
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object())
      return invalid_argument(fmt::format("field \"messages[{}]\": expected object", i));
    const std::string path = fmt::format("messages[{}].", i);
    const JsonFields fields(list[i], path);
    ENGINE_TRY(role, fields.string("role"));
    ENGINE_TRY(calls, fields.array("tool_calls"));
    ENGINE_TRY(content, read_content(fields.get("content"), calls && !calls->empty()));
    ENGINE_TRY(reasoning, fields.string("reasoning"));
    ENGINE_TRY(reasoning_content, fields.string("reasoning_content"));
    ENGINE_TRY(call_id, fields.string("tool_call_id"));
    ENGINE_TRY(name, fields.string("name"));
    Json message{{"role", role}, {"content", content.text}};
    if (!content.images.empty()) message["images"] = std::move(content.images);
    const std::string& thinking = reasoning.empty() ? reasoning_content : reasoning;
    if (!thinking.empty()) message["thinking"] = thinking;
    if (calls) {
      ENGINE_TRY(native, read_calls(*calls, path));
      message["tool_calls"] = std::move(native);
    }
    if (!call_id.empty()) message["tool_call_id"] = call_id;
    if (role == "tool") message["tool_name"] = name.empty() ? name_of_call(out, call_id) : name;
    out.push_back(std::move(message));
  }
  return out;
}

std::string name_of_call(const Json& messages, const Json& id) {
  for (auto m = messages.rbegin(); m != messages.rend(); ++m) {
    if (!m->contains("tool_calls")) continue;
    for (const Json& call : (*m)["tool_calls"])
      if (call["id"] == id) return call["function"]["name"];
  }
  return {};
}

}  // namespace engine::openai
