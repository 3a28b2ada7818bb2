// kv_store: one row of one KV head into its page, as half or as rotated q8_0 with one scale
// (q8_heads.h).

#include "engine/core/half.h"
#include "kernels/cpu/attention/hadamard.h"
#include "kernels/cpu/attention/pages.h"
#include "kernels/cpu/attention/q8_heads.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

int64_t items(const KvStoreArgs& a) {
  return static_cast<int64_t>(a.step->n_rows) * a.slot.n_head_kv;
}
int64_t grain(const KvStoreArgs& a) {
  return a.slot.n_head_kv;
}

size_t scratch(const void* args) noexcept {
  const CacheSlotView& s = static_cast<const KvStoreArgs*>(args)->slot;
  return static_cast<size_t>(s.dk > s.dv ? s.dk : s.dv) * sizeof(float);
}

void run(const KvStoreArgs& a, Range range, Ctx& ctx) {
  const CacheSlotView& slot = a.slot;
  const int64_t dk = slot.dk, dv = slot.dv;
  for (int64_t item = range.begin; item < range.end; ++item) {
    const int64_t row = item / slot.n_head_kv, h = item % slot.n_head_kv;
    const Segment& seg = a.step->segments[a.step->row_segment[row]];
    const int64_t pos = seg.past + (row - seg.row0), t = pos % kPageTokens;
    const int32_t page = seg.pages[slot.group][pos / kPageTokens];
    if (page < 0) continue;
    const HeadPage p = head_page(slot, page, h);
    const float* k = reinterpret_cast<const float*>(a.k.row(row)) + h * dk;
    const float* v = reinterpret_cast<const float*>(a.v.row(row)) + h * dv;
    if (slot.dtype == DType::f16) {
      uint16_t* kout = reinterpret_cast<uint16_t*>(p.k) + t;
      uint16_t* vout = reinterpret_cast<uint16_t*>(p.v) + t * dv;
      for (int64_t i = 0; i < dk; ++i) kout[i * kPageTokens] = float_to_half(k[i]);
      for (int64_t i = 0; i < dv; ++i) vout[i] = float_to_half(v[i]);
      continue;
    }
    float* x = reinterpret_cast<float*>(ctx.scratch);
    __builtin_memcpy(x, k, static_cast<size_t>(dk) * sizeof(float));
    hadamard(x, dk);
    store_q8<1>(x, dk, reinterpret_cast<int8_t*>(p.k) + t, kPageTokens, &p.k_scale[t]);
    __builtin_memcpy(x, v, static_cast<size_t>(dv) * sizeof(float));
    hadamard(x, dv);
    store_q8<1>(x, dv, reinterpret_cast<int8_t*>(p.v) + t * dv, 1, &p.v_scale[t]);
  }
}

constexpr Kernel<Ctx> make(const char* id, DType cache) {
  Kernel<Ctx> k = kernel<Op::kv_store, run, items, grain>(id, cache, DType::f32, 0, 0);
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> kv_store_f16_scalar =
    make("attention/kv_store_f16/scalar", DType::f16);
extern constinit const Kernel<Ctx> kv_store_q8_0_scalar =
    make("attention/kv_store_q8_0/scalar", DType::q8_0);

}  // namespace engine::cpu
