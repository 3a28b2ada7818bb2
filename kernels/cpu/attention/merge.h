// How partial softmax results of key chunks come together. Every attend kernel merges with this
// function, chunks in ascending order, so that a row's result does not depend on who computed its
// chunks. Built by each kernel file for itself (anonymous namespace).
#pragma once

#include <cstdint>

namespace engine::cpu {
namespace {

// Softmax-weighted values of some keys, not yet divided: o[i] = sum_t exp(score[t] - m) * v[t, i],
// l = sum_t exp(score[t] - m).
struct Softmax {
  float m = -__builtin_inff();
  float l = 0;
  float* o = nullptr;  // [dv]
};

// acc = acc and chunk together. Requires: the chunk has at least one key.
inline void merge(Softmax& acc, const Softmax& chunk, int64_t dv) {
  const float m = chunk.m > acc.m ? chunk.m : acc.m;
  const float a = __builtin_expf(acc.m - m), b = __builtin_expf(chunk.m - m);
  acc.m = m;
  acc.l = acc.l * a + chunk.l * b;
  for (int64_t i = 0; i < dv; ++i) acc.o[i] = acc.o[i] * a + chunk.o[i] * b;
}

// y = the weighted mean of the values. sink: a logit that takes its share and has no value, or
// nullptr. No keys at all give 0.
inline void finish(const Softmax& acc, const float* sink, int64_t dv, float* y) {
  float l = acc.l, a = 1;
  if (sink != nullptr) {
    const float m = *sink > acc.m ? *sink : acc.m;
    a = __builtin_expf(acc.m - m);
    l = acc.l * a + __builtin_expf(*sink - m);
  }
  const float f = l == 0 ? 0 : a / l;
  for (int64_t i = 0; i < dv; ++i) y[i] = acc.o[i] * f;
}

}  // namespace
}  // namespace engine::cpu
