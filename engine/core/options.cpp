// The reader: each line of options.inc becomes one comparison of names
// and one conversion chosen by type.
#include "engine/core/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/core/log.h"
#include "engine/core/sampler_stages.h"

namespace engine {
namespace {

constexpr size_t kMostBreakers = 64;  // each is looked for in the whole vocabulary

Error wrong_type(std::string_view name, std::string_view type) {
  return {Errc::invalid_argument, fmt::format("option \"{}\" must be of type {}", name, type)};
}

// Any JSON number, its fraction cut off, clamped.
Result<int64_t> whole(std::string_view name, const Json& value, int64_t low, int64_t high) {
  if (!value.is_number()) return wrong_type(name, "integer");
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) return high;
  if (value.is_number_integer()) return std::clamp(value.get<int64_t>(), low, high);
  const double v = std::trunc(value.get<double>());
  if (!(v > -9.2e18)) return low;
  if (v > 9.2e18) return high;
  return std::clamp(static_cast<int64_t>(v), low, high);
}

Status read(std::string_view name, const Json& value, double, double, int64_t& out) {
  ENGINE_TRY(v, whole(name, value, INT64_MIN, INT64_MAX));
  out = v;
  return ok;
}
Status read(std::string_view name, const Json& value, double low, double high, int32_t& out) {
  ENGINE_TRY(v, whole(name, value, static_cast<int64_t>(low), static_cast<int64_t>(high)));
  out = static_cast<int32_t>(v);
  return ok;
}
Status read(std::string_view name, const Json& value, double low, double high,
            std::optional<int32_t>& out) {
  return read(name, value, low, high, out.emplace());
}
Status read(std::string_view name, const Json& value, double low, double high, float& out) {
  if (!value.is_number()) return wrong_type(name, "float32");
  const double v = value.get<double>();
  if (!std::isfinite(v))
    return Error{Errc::invalid_argument, fmt::format("option \"{}\" must be finite", name)};
  out = static_cast<float>(std::clamp(v, low, high));
  return ok;
}
Status read(std::string_view name, const Json& value, double, double, std::optional<bool>& out) {
  if (!value.is_boolean()) return wrong_type(name, "boolean");
  out = value.get<bool>();
  return ok;
}
Status read(std::string_view name, const Json& value, double, double, std::string& out) {
  if (!value.is_string()) return wrong_type(name, "string");
  out = value.get<std::string>();
  return ok;
}
Status read(std::string_view name, const Json& value, double, double,
            std::vector<std::string>& out) {
  // a common mistake: a list of one
  if (value.is_string()) return out = {value.get<std::string>()}, ok;
  if (!value.is_array()) return wrong_type(name, "array");
  std::vector<std::string> texts;
  for (const Json& element : value) {
    if (!element.is_string())
      return Error{Errc::invalid_argument,
                   fmt::format("option \"{}\" must be of an array of strings", name)};
    texts.push_back(element.get<std::string>());
  }
  out = std::move(texts);
  return ok;
}

Status apply(std::string_view name, const Json& value, Options& o) {
#define OPTION(field, type, fallback, low, high, help) \
  if (name == #field)                                  \
    return read(name, value, static_cast<double>(low), static_cast<double>(high), o.field);
#include "engine/core/options.inc"
  log_warn("invalid option provided: {}", name.substr(0, 64));
  return ok;
}

constexpr std::string_view type_name(std::string_view type) {
  if (type == "number") return "float32";
  if (type == "texts") return "array";
  if (type == "text") return "string";
  return type == "unset_flag" || type == "flag" ? "boolean" : "integer";
}

}  // namespace

std::span<const OptionInfo> option_list() {
  static constexpr OptionInfo kList[] = {
#define OPTION(name, type, fallback, low, high, help) {#name, type_name(#type), #fallback, help},
#include "engine/core/options.inc"
  };
  return kList;
}

std::span<const std::string_view> sampling_options() {
  static constexpr std::string_view kNames[] = {
#define OPTION(name, type, fallback, low, high, help) #name,
#include "engine/core/sampling_options.inc"
#undef OPTION
  };
  return kNames;
}

Status apply_options(const Json& object, Options& options) {
  if (!object.is_object()) return Error{Errc::invalid_argument, "options must be an object"};
  for (const auto& [name, value] : object.items())
    if (!value.is_null()) ENGINE_TRY_STATUS(apply(name, value, options));
  return ok;
}

Status check_options(const Options& o) {
  const auto bad = [](std::string_view name, std::string_view what) {
    return Error{Errc::invalid_argument, fmt::format("option \"{}\" must be {}", name, what)};
  };
  if (!(o.repeat_penalty > 0) || !std::isfinite(1 / o.repeat_penalty))
    return bad("repeat_penalty", "finite and greater than 0");
  if (o.repeat_last_n < -1) return bad("repeat_last_n", "at least -1");
  if (o.dry_penalty_last_n < 0) return bad("dry_penalty_last_n", "at least 0");
  if (o.dry_sequence_breakers.size() > kMostBreakers)
    return bad("dry_sequence_breakers", fmt::format("of at most {} texts", kMostBreakers));
  ENGINE_TRY_STATUS(sampler_stages(o.samplers));
  return ok;
}

bool is_deprecated_option(std::string_view name) {
  for (std::string_view old : {"penalize_newline", "low_vram", "f16_kv", "logits_all", "vocab_only",
                               "use_mlock", "mirostat", "mirostat_tau", "mirostat_eta"})
    if (name == old) return true;
  return false;
}

}  // namespace engine
