// DType: the element types of tensors, expanded from dtype.inc, with their sizes.
#pragma once

#include <cstdint>
#include <string_view>

namespace engine {

enum class DType : uint8_t {
#define DTYPE(name, gguf, block, bytes, act) name,
#define DTYPE_STORED(name, gguf, block, bytes) name,
#include "engine/core/dtype.inc"
  count_,
};

struct DTypeTraits {
  const char* name;     // lower-case, as in kernel ids: "q4_k"
  int32_t gguf_id;      // -1: never in a file
  int32_t block_elems;  // elements of one block
  int32_t block_bytes;  // bytes of one block
  DType act;            // activation type of the fast kernels
  bool computable;      // false: known by size only
};

inline constexpr DTypeTraits kDTypeTraits[] = {
#define DTYPE(name, gguf, block, bytes, act) {#name, gguf, block, bytes, DType::act, true},
#define DTYPE_STORED(name, gguf, block, bytes) {#name, gguf, block, bytes, DType::f32, false},
#include "engine/core/dtype.inc"
};

constexpr const DTypeTraits& traits(DType t) {
  return kDTypeTraits[static_cast<int>(t)];
}

// Bytes of a row of n elements. Requires: n is a multiple of the block.
constexpr int64_t row_bytes(DType t, int64_t n) {
  return n / traits(t).block_elems * traits(t).block_bytes;
}

// Upper-case name as files, tools and llama.cpp print it ("Q4_K").
const char* display_name(DType t);

// The type with this id in GGUF files; DType::count_ when unknown.
DType dtype_from_gguf(uint32_t id);

// The type of this name, upper or lower case; DType::count_ when unknown.
DType dtype_from_name(std::string_view name);

}  // namespace engine
