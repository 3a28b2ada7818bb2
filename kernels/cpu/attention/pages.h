// Addresses inside a page of the cache; the layouts are drawn at CacheSlotView (kernels/op.h).
#pragma once

#include "kernels/op.h"

namespace engine::cpu {
namespace {

// One KV head of one page. f16: K [d][64] and V [64][d] halves in codes.
// q8_0: int8 codes and half scales.
struct HeadPage {
  std::byte *k, *v;             // codes
  uint16_t *k_scale, *v_scale;  // q8_0: [64]
};

inline HeadPage head_page(const CacheSlotView& s, int64_t page, int64_t h) {
  std::byte* kbase = s.base + page * static_cast<int64_t>(s.page_bytes);
  std::byte* vbase = kbase + s.v_offset;
  const int64_t nk = static_cast<int64_t>(s.dk) * kPageTokens,
                nv = static_cast<int64_t>(s.dv) * kPageTokens;
  if (s.dtype == DType::f16) return {kbase + h * nk * 2, vbase + h * nv * 2, nullptr, nullptr};
  return {kbase + h * nk, vbase + h * nv,
          reinterpret_cast<uint16_t*>(kbase + s.n_head_kv * nk) + h * kPageTokens,
          reinterpret_cast<uint16_t*>(vbase + s.n_head_kv * nv) + h * kPageTokens};
}

}  // namespace
}  // namespace engine::cpu
