// Lanes of width one: the searches of this folder read as plain scalar code with it. What Lanes are: lanes_avx2.h
// has the other width, and both must give the same bits, so every operation here says how it rounds.
//
// A tile holds N elements of W groups: element i of all groups in tile[i]. Each lane sums its own group in index
// order, so no width changes an order of additions.
#pragma once

#include <cmath>

// Inlined by force: files built for newer instructions use these too (docs/KERNELS.md, "ISA rules").
#define ENGINE_LANE_FN [[gnu::always_inline]] inline

namespace engine::quant {

struct Lane1 {
  static constexpr int W = 1;
  using Mask = bool;
  float v;

  ENGINE_LANE_FN static Lane1 all(float f) { return {f}; }
  ENGINE_LANE_FN static Lane1 load(const float* p) { return {*p}; }
  ENGINE_LANE_FN void store(float* p) const { *p = v; }

  // tile[i] = element i of the group at x; n is a multiple of 8.
  ENGINE_LANE_FN static void load_tile(const float* x, Lane1* tile, int n) {
    for (int i = 0; i < n; ++i) tile[i].v = x[i];
  }
  ENGINE_LANE_FN static void store_tile(const Lane1* tile, float* x, int n) {
    for (int i = 0; i < n; ++i) x[i] = tile[i].v;
  }
};

ENGINE_LANE_FN Lane1 operator+(Lane1 a, Lane1 b) {
  return {a.v + b.v};
}
ENGINE_LANE_FN Lane1 operator-(Lane1 a, Lane1 b) {
  return {a.v - b.v};
}
ENGINE_LANE_FN Lane1 operator*(Lane1 a, Lane1 b) {
  return {a.v * b.v};
}
ENGINE_LANE_FN Lane1 operator/(Lane1 a, Lane1 b) {
  return {a.v / b.v};
}
ENGINE_LANE_FN bool operator<(Lane1 a, Lane1 b) {
  return a.v < b.v;
}
// Where a number is none, the second one is taken.
ENGINE_LANE_FN Lane1 smaller(Lane1 a, Lane1 b) {
  return a.v < b.v ? a : b;
}
ENGINE_LANE_FN Lane1 larger(Lane1 a, Lane1 b) {
  return a.v > b.v ? a : b;
}
ENGINE_LANE_FN Lane1 magnitude(Lane1 a) {
  return {std::fabs(a.v)};
}
ENGINE_LANE_FN Lane1 root(Lane1 a) {
  return {std::sqrt(a.v)};
}
// Toward zero. Requires: the integer part fits 32 bits.
ENGINE_LANE_FN Lane1 truncated(Lane1 a) {
  return {static_cast<float>(static_cast<int>(a.v))};
}
ENGINE_LANE_FN bool both(bool a, bool b) {
  return a && b;
}
ENGINE_LANE_FN bool either(bool a, bool b) {
  return a || b;
}
ENGINE_LANE_FN bool any(bool m) {
  return m;
}
ENGINE_LANE_FN Lane1 pick(bool m, Lane1 yes, Lane1 no) {
  return m ? yes : no;
}

}  // namespace engine::quant
