// Random weights of any computable type, made without knowing its layout: a 16-bit field is a scale
// when infinity in it makes a value infinite. Everything else of a block is random bits.
#pragma once

#include <cmath>
#include <cstring>
#include <vector>

#include "engine/core/half.h"
#include "kernels/types/codec.h"
#include "tests/support/random.h"

namespace engine::test {

// Offsets of the half-precision fields of a block of a quantized type.
inline std::vector<int> scale_fields(DType type) {
  const DTypeTraits& t = traits(type);
  std::vector<int> at;
  if (codec(type)->codes_block == nullptr) return at;
  std::vector<float> y(static_cast<size_t>(t.block_elems));
  for (int o = 0; o + 2 <= t.block_bytes; o += 2) {
    std::vector<std::byte> block(static_cast<size_t>(t.block_bytes), std::byte{0x11});
    const uint16_t inf = 0x7c00;
    std::memcpy(block.data() + o, &inf, 2);
    codec(type)->dequant_row(block.data(), y.data(), t.block_elems);
    bool finite = true;
    for (float v : y) finite &= std::isfinite(v);
    if (!finite) at.push_back(o);
  }
  return at;
}

inline void set_scales(DType type, const std::vector<int>& fields, std::byte* block, float value) {
  (void)type;
  const uint16_t h = float_to_half(value);
  for (int o : fields) std::memcpy(block + o, &h, 2);
}

// high, low, mixed: all bits set, none, by turns; scales 1
enum class Data : uint8_t { uniform, outliers, zeros, high, low, mixed };

// n bytes of blocks.
inline void fill_weights(DType type, std::byte* out, int64_t bytes, Data data, Rng& rng) {
  const DTypeTraits& t = traits(type);
  const std::vector<int> fields = scale_fields(type);
  for (int64_t at = 0; at + t.block_bytes <= bytes; at += t.block_bytes) {
    std::byte* b = out + at;
    if (fields.empty()) {
      float v = rng.uniform(-1, 1);
      if (data == Data::outliers && rng.below(50) == 0) v *= 20;
      if (data == Data::zeros) v = 0;
      if (data == Data::high) v = 1;
      if (data == Data::low) v = -1;
      codec(type)->quantize_row(&v, b, 1);
      continue;
    }
    const bool set = data == Data::high || (data == Data::mixed && rng.below(2) == 0);
    for (int i = 0; i < t.block_bytes; ++i) {
      const bool random = data == Data::uniform || data == Data::outliers;
      b[i] = random ? static_cast<std::byte>(rng.next()) : set ? std::byte{0xff} : std::byte{0};
    }
    float scale = 1;
    if (data == Data::uniform || data == Data::outliers)
      scale = rng.uniform(0.002f, 0.01f) * (rng.below(2) ? 1.0f : -1.0f);
    if (data == Data::outliers && rng.below(10) == 0) scale *= 20;
    if (data == Data::zeros) scale = 0;
    set_scales(type, fields, b, scale);
  }
}

// n floats.
inline void fill_floats(float* out, int64_t n, Data data, Rng& rng) {
  for (int64_t i = 0; i < n; ++i) {
    out[i] = rng.uniform(-1, 1);
    if (data == Data::outliers && rng.below(50) == 0) out[i] *= 20;
    if (data == Data::zeros) out[i] = 0;
    if (data == Data::high) out[i] = 1;
    if (data == Data::low) out[i] = -1;
    if (data == Data::mixed) out[i] = rng.below(2) ? 1.0f : -1.0f;
  }
}

}  // namespace engine::test
