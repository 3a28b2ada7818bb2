// Reading of the keys that all architectures share, with their defaults
// and limits (prefix "<architecture>.").
#pragma once

#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/model/arch.h"

namespace engine {

struct Metadata {
  const gguf::File& file;
  std::string arch;

  std::string key(std::string_view name) const { return arch + "." + std::string(name); }
  bool has(std::string_view name) const { return file.has(key(name)); }
  Result<uint32_t> u32(std::string_view name) const { return file.u32(key(name)); }
  Result<uint32_t> u32(std::string_view name, uint32_t fallback) const {
    return file.u32(key(name), fallback);
  }
  // Errc::corrupt also for what is no finite number.
  Result<float> f32(std::string_view name) const { return finite(name, file.f32(key(name))); }
  Result<float> f32(std::string_view name, float fallback) const {
    return finite(name, file.f32(key(name), fallback));
  }
  Result<bool> boolean(std::string_view name, bool fallback) const {
    return file.boolean(key(name), fallback);
  }

 private:
  Result<float> finite(std::string_view name, Result<float> value) const;
};

// Sizes, head counts, widths, eps, pooling and expert counts of every layer;
// RoPE, windows and the rest are the architecture's.
Result<Metadata> read_common(const gguf::File& file, ModelSpec& spec,
                             std::string_view eps_key = "attention.layer_norm_rms_epsilon");

// RoPE of a layer. scaled: rope.scaling.* applies (layers with a window may be exempt). factors:
// the family reads rope_freqs / rope_factors_long / rope_factors_short tensors.
struct RopeOptions {
  RopeStyle style = RopeStyle::norm;
  int n_rot = 0;
  double base = 10000;
  bool scaled = true, factors = false;
  int n_ctx = 0;
};
Result<RopeSpec> read_rope(const Metadata& meta, const ModelSpec& spec, const RopeOptions& options);

// Which layers use the sliding window: per layer array, or a scalar pattern n (layer il is windowed
// iff n == 0 or il % n < n - 1).
Result<std::vector<bool>> read_window_pattern(const Metadata& meta, int n_layer, uint32_t fallback);

}  // namespace engine
