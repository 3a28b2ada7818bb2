// Stretched contexts: rope_scaling of config.json.
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>

#include "engine/convert/directory.h"
#include "engine/convert/family.h"

namespace engine::convert {

std::string rope_type(const ModelConfig& config) {
  const SortedJson* scaling = config.find({"rope_scaling"});
  if (scaling == nullptr) return "";
  std::string type = text_member(*scaling, "rope_type");
  if (type.empty()) type = text_member(*scaling, "type");
  return type == "default" ? "" : type == "su" ? "longrope" : type;
}

Status add_llama3_factors(const Model& model, std::vector<NewTensor>& tensors) {
  const ModelConfig& c = model.config;
  if (rope_type(c) != "llama3") return ok;
  const SortedJson& scaling = *c.find({"rope_scaling"});
  ENGINE_TRY(factor, c.number_of(scaling, "factor", 8.0));
  ENGINE_TRY(low, c.number_of(scaling, "low_freq_factor", 1.0));
  ENGINE_TRY(high, c.number_of(scaling, "high_freq_factor", 4.0));
  ENGINE_TRY(original, c.number_of(scaling, "original_max_position_embeddings", 8192.0));
  ENGINE_TRY(base, c.number({"rope_theta"}, 10000.0));
  if (!(factor > 0 && low > 0 && high > low && original > 0 && base > 0))
    return c.wrong("\"rope_scaling\" of the type llama3 has factors that make no sense");
  NewTensor t;
  t.name = "rope_freqs.weight";
  const uint32_t n = model.dims.rotated;
  for (uint32_t i = 0; i < n / 2; ++i) {
    const double wave = 2 * std::numbers::pi * std::pow(base, 2.0 * i / n);
    double value = 1;
    if (wave > original / low) {
      value = factor;
    } else if (wave >= original / high) {
      const double smooth = (original / wave - low) / (high - low);
      value = 1 / ((1 - smooth) / factor + smooth);
    }
    t.values.push_back(static_cast<float>(value));
  }
  t.ne = {std::ssize(t.values)};
  tensors.push_back(std::move(t));
  return ok;
}

}  // namespace engine::convert
