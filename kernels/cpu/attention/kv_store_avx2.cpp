// What     rows of k and v into the pages of their sequences, f16 or rotated q8_0
// Formula  as kv_store_scalar.cpp: the same bytes. The K of a token is a column of its page, so it
//          is converted into a line and then stored element by element: one store per dimension,
//          about 1 % of what attention does with it.
// Measured Zen 4, 1 thread: f16 0.28, q8_0 1.0 ns per element (scalar 1.2, 4.2);
//          512 bits gain nothing

#include "engine/core/half.h"
#include "kernels/cpu/attention/hadamard_simd.h"
#include "kernels/cpu/attention/pages.h"
#include "kernels/cpu/attention/vec.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

using V = Avx2Vec;

void to_half(const float* x, int64_t d, uint16_t* out) {
  for (int64_t i = 0; i < d; i += V::kLanes) V::store_half(out + i, V::load(x + i));
}

// x [d] rotated in place, then codes [d] and their scale.
void to_q8(float* x, int64_t d, int8_t* codes, uint16_t& half) {
  hadamard<V>(x, d);
  V::Reg most = V::zero();
  for (int64_t i = 0; i < d; i += V::kLanes)
    most = V::max(V::abs(V::load(x + i)), most);  // the second where the first is NaN
  const float wanted = V::largest(most) / 127.0f;
  half = float_to_half(wanted < 65504.0f ? wanted : 65504.0f);
  const float scale = half_to_float(half);
  for (int64_t i = 0; i < d; i += V::kLanes) {
    const V::Reg q = scale != 0 ? V::div(V::load(x + i), V::set1(scale)) : V::zero();
    V::store_codes(codes + i, V::min(V::max(q, V::set1(-127)), V::set1(127)));  // NaN: -127
  }
}

int64_t items(const KvStoreArgs& a) {
  return static_cast<int64_t>(a.step->n_rows) * a.slot.n_head_kv;
}
int64_t grain(const KvStoreArgs& a) {
  return a.slot.n_head_kv;
}

// A line of floats, and one of codes or halves.
size_t scratch(const void* args) noexcept {
  const CacheSlotView& s = static_cast<const KvStoreArgs*>(args)->slot;
  return static_cast<size_t>(s.dk > s.dv ? s.dk : s.dv) * (sizeof(float) + sizeof(uint16_t));
}

bool accepts(const void* args) noexcept {
  const CacheSlotView& s = static_cast<const KvStoreArgs*>(args)->slot;
  const int step = s.dtype == DType::q8_0 ? 32 : V::kLanes;
  return s.dk % step == 0 && s.dv % step == 0;
}

template <DType kCache>
void run(const KvStoreArgs& a, Range range, Ctx& ctx) noexcept {
  const CacheSlotView& slot = a.slot;
  const int64_t dk = slot.dk, dv = slot.dv;
  float* x = reinterpret_cast<float*>(ctx.scratch);
  std::byte* line = ctx.scratch + static_cast<size_t>(dk > dv ? dk : dv) * sizeof(float);
  for (int64_t item = range.begin; item < range.end; item++) {
    const int64_t row = item / slot.n_head_kv, h = item % slot.n_head_kv;
    const Segment& seg =
        a.step->segments[static_cast<size_t>(a.step->row_segment[static_cast<size_t>(row)])];
    const int64_t pos = seg.past + (row - seg.row0), t = pos % kPageTokens;
    const int32_t page = seg.pages[slot.group][static_cast<size_t>(pos / kPageTokens)];
    if (page < 0) continue;
    const HeadPage p = head_page(slot, page, h);
    const float* k = reinterpret_cast<const float*>(a.k.row(row)) + h * dk;
    const float* v = reinterpret_cast<const float*>(a.v.row(row)) + h * dv;
    if constexpr (kCache == DType::f16) {
      uint16_t *half = reinterpret_cast<uint16_t*>(line),
               *out = reinterpret_cast<uint16_t*>(p.k) + t;
      to_half(k, dk, half);
      for (int64_t i = 0; i < dk; i++) out[i * kPageTokens] = half[i];
      to_half(v, dv, reinterpret_cast<uint16_t*>(p.v) + t * dv);
    } else {
      int8_t *codes = reinterpret_cast<int8_t*>(line), *out = reinterpret_cast<int8_t*>(p.k) + t;
      __builtin_memcpy(x, k, static_cast<size_t>(dk) * sizeof(float));
      to_q8(x, dk, codes, p.k_scale[t]);
      for (int64_t i = 0; i < dk; i++) out[i * kPageTokens] = codes[i];
      __builtin_memcpy(x, v, static_cast<size_t>(dv) * sizeof(float));
      to_q8(x, dv, reinterpret_cast<int8_t*>(p.v) + t * dv, p.v_scale[t]);
    }
  }
}

template <DType kCache>
consteval Kernel<Ctx> make(const char* id) {
  Kernel<Ctx> k = kernel<Op::kv_store, run<kCache>, items, grain>(
      id, kCache, DType::f32, isa::avx2 | isa::fma | isa::f16c, 20);
  k.accepts = accepts;
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> kv_store_f16_avx2 =
    make<DType::f16>("attention/kv_store_f16/avx2");
extern constinit const Kernel<Ctx> kv_store_q8_0_avx2 =
    make<DType::q8_0>("attention/kv_store_q8_0/avx2");

}  // namespace engine::cpu
