// Instruction chains of bench_alu, per ISA. Each runs `rounds` rounds and returns the
// multiply-accumulates done.
#pragma once

#include <cstdint>

namespace engine::bench {

struct Chain {
  const char* name;
  uint64_t needs;
  int64_t (*run)(int64_t rounds, float* sink);
};

extern const Chain chain_fma_avx2, chain_maddubs1_avx2, chain_maddubs8_avx2;
extern const Chain chain_fma_avx512, chain_vpdpbusd_avx512;

}  // namespace engine::bench
