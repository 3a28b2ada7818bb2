// Activation functions in float, one element at a time.
#pragma once

#include "kernels/op.h"

namespace engine::cpu {
namespace {

inline float silu(float x) {
  return x / (1.0f + __builtin_expf(-x));
}

inline float gelu_tanh(float x) {
  return 0.5f * x *
         (1.0f + __builtin_tanhf(0.79788456080286535588f * x * (1.0f + 0.044715f * x * x)));
}

inline float activate(Act act, float x) {
  switch (act) {
    case Act::none:
      return x;
    case Act::silu:
      return silu(x);
    case Act::gelu_tanh:
      return gelu_tanh(x);
    case Act::relu:
      return x < 0 ? 0 : x;  // NaN stays
  }
  return x;
}

}  // namespace
}  // namespace engine::cpu
