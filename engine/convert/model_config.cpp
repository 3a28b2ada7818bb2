#include "engine/convert/model_config.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/convert/directory.h"

namespace engine::convert {
namespace {

constexpr const char* kTextParts[] = {"text_config", "llm_config", "language_config"};

// RoPE settings of newer files stand in an object of their own, for all layers or by kind of layer;
// they are moved to where the older ones stand.
void flatten_rope(SortedJson& json) {
  const SortedJson* rope = member(json, "rope_parameters");
  if (rope == nullptr) return;
  SortedJson full = *rope;
  if (const SortedJson* by_kind = member(*rope, "full_attention")) {
    full = *by_kind;
    if (const SortedJson* local = member(*rope, "sliding_attention"))
      if (const SortedJson* theta = member(*local, "rope_theta"))
        json["rope_local_base_freq"] = *theta;
  }
  if (!full.is_object()) return;
  for (const char* key : {"rope_theta", "partial_rotary_factor"})
    if (const SortedJson* v = member(full, key)) json[key] = *v;
  if (const std::string type = text_member(full, "rope_type"); !type.empty() && type != "default")
    json["rope_scaling"] = std::move(full);
}

}  // namespace

ModelConfig::ModelConfig() : json_(std::make_unique<SortedJson>()) {}
ModelConfig::ModelConfig(ModelConfig&&) noexcept = default;
ModelConfig::~ModelConfig() = default;

ModelConfig ModelConfig::none() {
  ModelConfig out;
  *out.json_ = SortedJson::object();
  return out;
}

Result<ModelConfig> ModelConfig::read(const std::string& dir) {
  ModelConfig out;
  out.path_ = dir + "/config.json";
  if (!file_exists(out.path_))
    return Error{Errc::not_found,
                 fmt::format("{} is missing: {} is no directory of a model in the safetensors form",
                             out.path_, dir)};
  ENGINE_TRY(json, read_json_file(out.path_));
  const SortedJson* classes = member(json, "architectures");
  if (classes == nullptr || !classes->is_array() || classes->empty() || !(*classes)[0].is_string())
    return Error{Errc::unsupported,
                 fmt::format("{}: unknown architecture: \"architectures\" names none", out.path_)};
  out.class_ = (*classes)[0].get<std::string>();
  for (const char* part : kTextParts) {
    const SortedJson* text = member(json, part);
    if (text == nullptr || !text->is_object()) continue;
    const SortedJson copy = *text;
    for (auto it = copy.begin(); it != copy.end(); ++it) json[it.key()] = it.value();
    break;
  }
  flatten_rope(json);
  *out.json_ = std::move(json);
  return out;
}

Error ModelConfig::wrong(const std::string& what) const {
  return {Errc::corrupt, fmt::format("{}: {}", path_, what)};
}

const SortedJson* ModelConfig::find(Names names) const {
  for (const char* name : names)
    if (const SortedJson* v = member(*json_, name)) return v;
  return nullptr;
}

Result<std::optional<uint32_t>> ModelConfig::count_if_any(Names names, uint32_t lowest) const {
  const SortedJson* v = find(names);
  if (v == nullptr) return std::optional<uint32_t>();
  const double number = v->is_number() ? v->get<double>() : -1;
  if (!(number >= lowest && number <= INT32_MAX) || number != std::floor(number))
    return wrong(fmt::format("\"{}\" must be a whole number from {} to {}", *names.begin(), lowest,
                             INT32_MAX));
  return std::optional<uint32_t>(static_cast<uint32_t>(number));
}

Result<uint32_t> ModelConfig::count(Names names) const {
  ENGINE_TRY(found, count_if_any(names));
  if (!found) return wrong(fmt::format("\"{}\" is missing", *names.begin()));
  return *found;
}

Result<uint32_t> ModelConfig::count(Names names, uint32_t fallback) const {
  ENGINE_TRY(found, count_if_any(names));
  return found.value_or(fallback);
}

Result<std::optional<double>> ModelConfig::number_if_any(Names names) const {
  const SortedJson* v = find(names);
  if (v == nullptr) return std::optional<double>();
  const double number = v->is_number() ? v->get<double>() : std::nan("");
  if (!std::isfinite(number)) return wrong(fmt::format("\"{}\" must be a number", *names.begin()));
  return std::optional<double>(number);
}

Result<double> ModelConfig::number(Names names) const {
  ENGINE_TRY(found, number_if_any(names));
  if (!found) return wrong(fmt::format("\"{}\" is missing", *names.begin()));
  return *found;
}

Result<double> ModelConfig::number(Names names, double fallback) const {
  ENGINE_TRY(found, number_if_any(names));
  return found.value_or(fallback);
}

Result<double> ModelConfig::number_of(const SortedJson& object, const char* key,
                                      std::optional<double> fallback) const {
  const SortedJson* v = member(object, key);
  if (v == nullptr && fallback) return *fallback;
  if (v == nullptr || !v->is_number() || !std::isfinite(v->get<double>()))
    return wrong(fmt::format("\"{}\" must be a number", key));
  return v->get<double>();
}

Result<std::vector<float>> ModelConfig::floats_of(const SortedJson& object, const char* key) const {
  const SortedJson* v = member(object, key);
  std::vector<float> out;
  if (v != nullptr && v->is_array())
    for (const SortedJson& x : *v)
      if (x.is_number()) out.push_back(x.get<float>());
  if (v == nullptr || out.empty() || out.size() != v->size())
    return wrong(fmt::format("\"{}\" must be a list of numbers", key));
  return out;
}

bool ModelConfig::flag(const char* name, bool fallback) const {
  return flag_member(*json_, name, fallback);
}

}  // namespace engine::convert
