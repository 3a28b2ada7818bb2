// Packing by id, among all CPU kernels.
#pragma once

#include "kernels/kernel.h"

namespace engine::cpu {

const Pack* find_pack(uint16_t id);  // nullptr: none

}  // namespace engine::cpu
