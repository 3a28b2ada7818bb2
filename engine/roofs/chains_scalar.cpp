// Chains of the baseline instructions, as the compiler makes them: the roof of the scalar kernels.
#include "engine/roofs/chain.h"

namespace engine::roofs {
namespace {

constexpr int kElems = 1024;

int64_t fma(int64_t rounds, float* sink) {
  float a[64], x[64];
  for (int i = 0; i < 64; ++i) a[i] = static_cast<float>(i), x[i] = 1.0000001f;
  for (int64_t r = 0; r < rounds; ++r) {
#pragma omp simd
    for (int i = 0; i < 64; ++i) a[i] = a[i] * x[i] + 1e-9f;
    asm volatile("" : : "r"(a) : "memory");  // every round is computed
  }
  for (int i = 0; i < 8; ++i) sink[i] = a[i];
  return rounds * 64;
}

int64_t int8(int64_t rounds, float* sink) {
  alignas(64) int8_t w[kElems], x[kElems];
  for (int i = 0; i < kElems; ++i)
    w[i] = static_cast<int8_t>(i % 15), x[i] = static_cast<int8_t>(i % 127 - 63);
  int32_t sum = 0;
  for (int64_t r = 0; r < rounds / 8; ++r) {
    int32_t s = 0;
#pragma omp simd reduction(+ : s)
    for (int i = 0; i < kElems; ++i) s += w[i] * x[i];
    sum ^= s;
    asm volatile("" : : "r"(x) : "memory");
  }
  sink[0] = static_cast<float>(sum);
  return rounds / 8 * kElems;
}

}  // namespace

extern const Chain chain_fma_scalar{"f32, baseline", 0, false, fma};
extern const Chain chain_int8_scalar{"int8, baseline", 0, true, int8};

}  // namespace engine::roofs
