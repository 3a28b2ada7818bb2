// Tensor data of files with the other byte order. Internal to this folder.
#pragma once

#include <cstddef>

#include "engine/core/dtype.h"

namespace engine::gguf {

// Whether the multi-byte members of a block of this type are known.
bool can_swap(DType t);

// Swaps the members of every block in place.
// Requires: can_swap(t), bytes is a whole number of blocks.
void swap_blocks(DType t, std::byte* data, size_t bytes);

}  // namespace engine::gguf
