// Built-in defaults, then the model's parameters, then the request: each layer overwrites what it names.
#include "server/request_options.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "engine/core/log.h"

namespace engine {
namespace {

Error wrong_type(std::string_view name, std::string_view type) {
  return {Errc::invalid_argument, fmt::format("option \"{}\" must be of type {}", name, type)};
}

// A JSON number, its fraction cut toward zero, clamped to 32 bits.
Result<int> to_int(const std::string& name, const Json& value) {
  if (!value.is_number()) return wrong_type(name, "integer");
  return static_cast<int>(std::clamp(std::trunc(value.get<double>()), double{INT32_MIN}, double{INT32_MAX}));
}

Result<float> to_float(const std::string& name, const Json& value) {
  if (!value.is_number()) return wrong_type(name, "float32");
  return value.get<float>();
}

Result<std::vector<std::string>> to_strings(const std::string& name, const Json& value) {
  if (value.is_string()) return std::vector{value.get<std::string>()};
  if (!value.is_array()) return wrong_type(name, "array");
  std::vector<std::string> out;
  for (const Json& element : value) {
    if (!element.is_string()) return Error{Errc::invalid_argument, fmt::format("option \"{}\" must be of an array of strings", name)};
    out.push_back(element.get<std::string>());
  }
  return out;
}

template <class T, class F>
Status assign(T& target, F convert, const std::string& name, const Json& value) {
  ENGINE_TRY(converted, convert(name, value));
  target = std::move(converted);
  return ok;
}

Status apply(RequestOptions& out, const std::string& name, const Json& value) {
  SamplerParams& s = out.sampling;
  if (name == "temperature") return assign(s.temperature, to_float, name, value);
  if (name == "top_p") return assign(s.top_p, to_float, name, value);
  if (name == "min_p") return assign(s.min_p, to_float, name, value);
  if (name == "typical_p") return assign(s.typical_p, to_float, name, value);
  if (name == "repeat_penalty") return assign(s.repeat_penalty, to_float, name, value);
  if (name == "presence_penalty") return assign(s.presence_penalty, to_float, name, value);
  if (name == "frequency_penalty") return assign(s.frequency_penalty, to_float, name, value);
  if (name == "top_k") return assign(s.top_k, to_int, name, value);
  if (name == "repeat_last_n") return assign(s.repeat_last_n, to_int, name, value);
  if (name == "seed") return assign(s.seed, to_int, name, value);
  if (name == "num_predict") return assign(out.num_predict, to_int, name, value);
  if (name == "num_keep") return assign(out.num_keep, to_int, name, value);
  if (name == "num_ctx") return assign(out.num_ctx, to_int, name, value);
  if (name == "num_batch") return assign(out.num_batch, to_int, name, value);
  if (name == "num_thread") return assign(out.num_thread, to_int, name, value);
  if (name == "stop") return assign(out.stop, to_strings, name, value);
  if (name == "use_mmap") return value.is_boolean() ? Status(ok) : wrong_type(name, "boolean");
  if (name == "num_gpu" || name == "main_gpu" || name == "draft_num_predict") {
    ENGINE_TRY_STATUS(to_int(name, value));
    return ok;
  }
  log_warn("invalid option provided: {}", name.substr(0, 64));
  return ok;
}

Status apply_all(RequestOptions& out, const Json& options) {
  for (auto it = options.begin(); it != options.end(); ++it)
    if (!it->is_null()) ENGINE_TRY_STATUS(apply(out, it.key(), *it));
  return ok;
}

}  // namespace

Result<RequestOptions> read_options(const std::string& params, const Json* options) {
  RequestOptions out;
  if (!params.empty()) {
    ENGINE_TRY(own, parse_json(params));
    if (own.is_object()) ENGINE_TRY_STATUS(apply_all(out, own));
  }
  if (options) ENGINE_TRY_STATUS(apply_all(out, *options));
  if (!(std::isfinite(out.sampling.repeat_penalty) && out.sampling.repeat_penalty > 0))
    return Error{Errc::invalid_argument, "option \"repeat_penalty\" must be finite and greater than 0"};
  if (out.num_ctx) out.num_ctx = std::max(*out.num_ctx, 4);
  if (out.num_batch) out.num_batch = std::clamp(*out.num_batch, 1, 1 << 16);
  if (out.num_thread) out.num_thread = std::max(*out.num_thread, 0);
  return out;
}

SamplerParams sampling_for(const RequestOptions& options, int n_ctx) {
  SamplerParams out = options.sampling;
  if (out.repeat_last_n < 0) out.repeat_last_n = n_ctx;
  return out;
}

}  // namespace engine
