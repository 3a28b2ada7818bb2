// Fields of create, checked before anything happens.
#include "server/create_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/store/recipe.h"
#include "engine/store/scratch_folder.h"

namespace engine {
namespace {

constexpr size_t kLongestDescription = 4096;

Error bad(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

// {name: digest}
Result<std::vector<NamedBlob>> read_files(const JsonFields& fields, const char* key) {
  std::vector<NamedBlob> out;
  ENGINE_TRY(object, fields.object(key));
  if (!object) return out;
  for (const auto& [name, digest] : object->items()) {
    if (!is_clean_path(name)) return bad("file path must be relative");
    if (!digest.is_string() || !valid_digest(digest.get_ref<const std::string&>()))
      return bad("invalid digest format");
    out.push_back({name, digest.get<std::string>()});
  }
  return out;
}

// A text, or a list of texts.
Result<std::vector<std::string>> read_licenses(const JsonFields& fields) {
  std::vector<std::string> out;
  const Json* value = fields.get("license");
  if (!value) return out;
  if (value->is_string()) return std::vector{value->get<std::string>()};
  if (!value->is_array()) return bad("field \"license\": expected string or array of strings");
  for (const Json& text : *value) {
    if (!text.is_string()) return bad("field \"license\": expected string or array of strings");
    out.push_back(text.get<std::string>());
  }
  return out;
}

// Only role and content are kept, in this order.
Result<Json> read_messages(const JsonFields& fields) {
  Json out = Json::array();
  ENGINE_TRY(list, fields.array("messages"));
  if (!list) return out;
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& element = (*list)[i];
    if (!element.is_object()) return bad(fmt::format("field \"messages[{}]\": expected object", i));
    const JsonFields message(element, fmt::format("messages[{}].", i));
    ENGINE_TRY(role, message.string("role"));
    ENGINE_TRY(content, message.string("content"));
    if (role != "system" && role != "user" && role != "assistant" && role != "tool")
      return bad(
          fmt::format("field \"messages[{}].role\": must be system, user, assistant or tool", i));
    out.push_back({{"role", role}, {"content", content}});
  }
  return out;
}

// Overrides for hosted models: their types are checked, and nothing follows from them.
Status check_info(const JsonFields& fields) {
  ENGINE_TRY(info, fields.object("info"));
  if (!info) return ok;
  for (const auto& [key, value] : info->items()) {
    const bool text = key == "model_family" || key == "base_name" || key == "quantization_level" ||
                      key == "parameter_size";
    const bool number = key == "context_length" || key == "embedding_length";
    if (text && !value.is_string())
      return bad(fmt::format("info field \"{}\" must be a string", key));
    if (number && !value.is_number())
      return bad(fmt::format("info field \"{}\" must be a number", key));
    if (number && (!value.is_number_integer() || value < 0))
      return bad(fmt::format("info field \"{}\" must be a non-negative integer", key));
  }
  return ok;
}

Result<ModelMeta> read_meta(const JsonFields& fields, const std::string& name) {
  ModelMeta meta;
  ENGINE_TRY(description, fields.string("description"));
  ENGINE_TRY(training, fields.object("training"));
  if (description.size() > kLongestDescription)
    return bad("field \"description\": longer than 4096 bytes");
  meta.description = std::move(description);
  if (training) {
    for (const auto& [key, value] : training->items()) {
      if (value.is_object() || value.is_array() || value.is_null())
        return bad(fmt::format("field \"training.{}\": expected string", key));
      meta.training.emplace_back(key,
                                 value.is_string() ? value.get<std::string>() : dump_json(value));
    }
    std::sort(meta.training.begin(), meta.training.end());
  }
  if (!meta.empty()) meta.name = name;
  return meta;
}

}  // namespace

Result<CreateRequest> read_create_request(const Json& body) {
  const JsonFields fields(body);
  CreateRequest out;
  const auto text = [&fields](const char* key, const char* old_key, std::string& value) -> Status {
    ENGINE_TRY(given, fields.string(key));
    value = std::move(given);
    if (!value.empty() || !old_key) return ok;
    ENGINE_TRY(old, fields.string(old_key));
    value = std::move(old);
    return ok;
  };
  std::string name, remote_host;
  ENGINE_TRY_STATUS(text("model", "name", name));
  ENGINE_TRY_STATUS(text("from", nullptr, out.from));
  ENGINE_TRY_STATUS(text("quantize", "quantization", out.quantize));
  ENGINE_TRY_STATUS(text("draft_quantize", nullptr, out.draft_quantize));
  ENGINE_TRY_STATUS(text("template", nullptr, out.template_text));
  ENGINE_TRY_STATUS(text("system", nullptr, out.system));
  ENGINE_TRY_STATUS(text("renderer", nullptr, out.renderer));
  ENGINE_TRY_STATUS(text("parser", nullptr, out.parser));
  ENGINE_TRY_STATUS(text("requires", nullptr, out.requires_version));
  ENGINE_TRY_STATUS(text("remote_host", nullptr, remote_host));
  ENGINE_TRY(files, read_files(fields, "files"));
  ENGINE_TRY(adapters, read_files(fields, "adapters"));
  ENGINE_TRY(drafts, read_files(fields, "draft_files"));
  ENGINE_TRY(licenses, read_licenses(fields));
  ENGINE_TRY(parameters, fields.object("parameters"));
  ENGINE_TRY(messages, read_messages(fields));
  ENGINE_TRY_STATUS(check_info(fields));
  out.files = std::move(files);
  out.adapters = std::move(adapters);
  out.drafts = std::move(drafts);
  out.licenses = std::move(licenses);
  out.messages = std::move(messages);
  if (parameters) out.parameters = *parameters;
  if (!remote_host.empty()) return bad("remote models are not supported");
  if (!out.draft_quantize.empty() && out.drafts.empty())
    return bad("--draft-quantize requires a DRAFT model");
  if (!out.requires_version.empty()) {
    ENGINE_TRY(version, parse_requires(out.requires_version));
    out.requires_version = std::move(version);
  }
  const auto parsed = parse_user_name(name);
  if (!parsed)
    return parsed.error().code == Errc::unsupported ? parsed.error() : bad("invalid model name");
  out.name = *parsed;
  if (out.from.empty() && out.files.empty()) return bad("neither 'from' or 'files' was specified");
  ENGINE_TRY(meta, read_meta(fields, out.name.short_form()));
  out.meta = std::move(meta);
  return out;
}

}  // namespace engine
