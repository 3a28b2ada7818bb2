// Chains of multiplications as the kernels are made of them, per ISA: their speed is the roof of
// prompt processing. Included by ISA files, so it stays small.
#pragma once

#include <cstdint>

namespace engine::roofs {

struct Chain {
  const char* name;
  uint64_t needs;                               // isa bits
  bool integer;                                 // products of bytes; else of floats
  int64_t (*run)(int64_t rounds, float* sink);  // the multiply-accumulates done; sink: 8 floats
};

extern const Chain chain_fma_scalar, chain_int8_scalar;
extern const Chain chain_fma_avx2, chain_maddubs1_avx2, chain_maddubs8_avx2;
extern const Chain chain_fma_avx512, chain_vpdpbusd_avx512;

}  // namespace engine::roofs
