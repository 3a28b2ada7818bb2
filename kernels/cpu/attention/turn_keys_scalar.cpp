// turn_keys: a head of a page becomes floats [d][64 tokens], whose loops over tokens the compiler
// makes vectors of; is turned, and stored again as kv_store does. It runs once in thousands of
// tokens, so there is no form of it with intrinsics.

#include "engine/core/half.h"
#include "kernels/cpu/attention/hadamard.h"
#include "kernels/cpu/attention/pages.h"
#include "kernels/cpu/attention/q8_heads.h"
#include "kernels/cpu/attention/turn_keys.h"

namespace engine::cpu {
namespace {

constexpr int64_t kTokens = kPageTokens;

void turn(float* x, const KeyTurn& by) {
  const int64_t half = by.n_rot / 2;
  const int64_t step = by.style == RopeStyle::norm ? 2 : 1;      // from pair to pair
  const int64_t apart = by.style == RopeStyle::norm ? 1 : half;  // of the two of a pair
  for (int64_t i = 0; i < half; ++i) {
    const float cos = by.angles[i], sin = by.angles[half + i];
    float* const a = x + i * step * kTokens;
    float* const b = a + apart * kTokens;
    for (int64_t t = 0; t < kTokens; ++t) {
      const float u = a[t], v = b[t];
      a[t] = u * cos - v * sin;
      b[t] = u * sin + v * cos;
    }
  }
}

void turn_f16(const HeadPage& p, int64_t d, const KeyTurn& by, float* x) {
  uint16_t* const k = reinterpret_cast<uint16_t*>(p.k);
  for (int64_t i = 0; i < d * kTokens; ++i) x[i] = half_to_float(k[i]);
  turn(x, by);
  for (int64_t i = 0; i < d * kTokens; ++i) k[i] = float_to_half(x[i]);
}

void turn_q8(const HeadPage& p, int64_t d, const KeyTurn& by, float* x) {
  int8_t* const k = reinterpret_cast<int8_t*>(p.k);
  float scale[kTokens];
  for (int64_t t = 0; t < kTokens; ++t) scale[t] = half_to_float(p.k_scale[t]);
  for (int64_t i = 0; i < d; ++i)
    for (int64_t t = 0; t < kTokens; ++t)
      x[i * kTokens + t] = static_cast<float>(k[i * kTokens + t]) * scale[t];
  hadamard(x, d, kTokens);  // its own inverse
  turn(x, by);
  hadamard(x, d, kTokens);
  store_q8<kTokens>(x, d, k, kTokens, p.k_scale);
}

}  // namespace

void drive_turn_keys(const CacheSlotView& slot, int32_t page, const KeyTurn& by, float* scratch) {
  for (int64_t h = 0; h < slot.n_head_kv; ++h) {
    const HeadPage p = head_page(slot, page, h);
    if (slot.dtype == DType::f16)
      turn_f16(p, slot.dk, by, scratch);
    else
      turn_q8(p, slot.dk, by, scratch);
  }
}

}  // namespace engine::cpu
