// Tensor: a view of up to four dimensions; Range: a half-open interval of items.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/core/dtype.h"

namespace engine {

struct Range {
  int64_t begin, end;
};

// Never owns, freely copied. The owner (a Buffer or a mapped file) outlives it.
struct Tensor {
  std::byte* data = nullptr;
  DType dtype = DType::f32;
  uint8_t rank = 0;
  uint16_t pack = 0;  // 0: rows as in the file; else the id of a packing (kernels/kernel.h)
  // Extents in elements, ne[0] contiguous (GGUF order); strides in bytes, nb[0] = bytes of one
  // block, nb[1] = bytes of one row.
  int64_t ne[4] = {1, 1, 1, 1};
  int64_t nb[4] = {0, 0, 0, 0};

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  std::byte* row(int64_t i) const { return data + i * nb[1]; }
  int64_t rows() const { return ne[1] * ne[2] * ne[3]; }
  int64_t elements() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
  size_t bytes() const { return static_cast<size_t>(row_bytes(dtype, ne[0]) * rows()); }
  explicit operator bool() const { return data != nullptr; }
};
static_assert(sizeof(Tensor) == 80);

// A dense tensor over data. Requires: ne0 is a multiple of the block of dtype.
inline Tensor make_tensor(std::byte* data, DType dtype, int64_t ne0, int64_t ne1 = 1,
                          int64_t ne2 = 1, int64_t ne3 = 1) {
  Tensor t;
  t.data = data;
  t.dtype = dtype;
  t.ne[0] = ne0, t.ne[1] = ne1, t.ne[2] = ne2, t.ne[3] = ne3;
  t.rank = static_cast<uint8_t>(ne3 > 1 ? 4 : ne2 > 1 ? 3 : ne1 > 1 ? 2 : 1);
  t.nb[0] = traits(dtype).block_bytes;
  t.nb[1] = row_bytes(dtype, ne0);
  t.nb[2] = t.nb[1] * ne1;
  t.nb[3] = t.nb[2] * ne2;
  return t;
}

}  // namespace engine
