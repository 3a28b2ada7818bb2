// Ids of the weight packings, in one place so that they stay unique: rows of a panel in the high
// byte, type in the low one.
#pragma once

#include "engine/core/dtype.h"

namespace engine::cpu {

constexpr uint16_t panel_pack_id(int rows, DType type) {
  return static_cast<uint16_t>(rows << 8 | (static_cast<int>(type) + 1));
}

}  // namespace engine::cpu
