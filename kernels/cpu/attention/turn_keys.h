// Keys that are stored already, for other positions.
#pragma once

#include "kernels/op.h"

namespace engine::cpu {

// A rotation of every pair of dimensions: cos [n_rot / 2], then sin.
struct KeyTurn {
  RopeStyle style;
  int32_t n_rot;
  const float* angles;
};

constexpr size_t turn_scratch_floats(const CacheSlotView& s) {
  return static_cast<size_t>(s.dk) * kPageTokens;
}
// The keys of all 64 rows of a page, each head of which is turned by the same angles.
// scratch: turn_scratch_floats(slot). Requires: turns(slot.dtype).
void drive_turn_keys(const CacheSlotView& slot, int32_t page, const KeyTurn& turn, float* scratch);
constexpr bool turns(DType cache) {
  return cache == DType::f16 || cache == DType::q8_0;
}

}  // namespace engine::cpu
