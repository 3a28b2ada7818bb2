// attend: softmax(scale * q K) V of one row and one head over the pages of its sequence.
// Keys in chunks of kKeyChunk at absolute multiples of it; each chunk from its own maximum;
// chunks merged in ascending order (merge.h).
// Order of floats in a chunk: score = sum over d ascending (q8_0: times the scale of the key); then exp, the sum l and the values o over t ascending.

#include "engine/core/half.h"
#include "kernels/cpu/attention/hadamard.h"
#include "kernels/cpu/attention/merge.h"
#include "kernels/cpu/attention/pages.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

struct F16Page {
  static constexpr bool kRotated = false;

  static float dot(const HeadPage& p, const float* q, int64_t t, int64_t dk) {
    const uint16_t* k = reinterpret_cast<const uint16_t*>(p.k) + t;
    float s = 0;
    for (int64_t i = 0; i < dk; ++i) s += q[i] * half_to_float(k[i * kPageTokens]);
    return s;
  }
  static void add_value(const HeadPage& p, float weight, int64_t t, int64_t dv, float* o) {
    const uint16_t* v = reinterpret_cast<const uint16_t*>(p.v) + t * dv;
    for (int64_t i = 0; i < dv; ++i) o[i] += weight * half_to_float(v[i]);
  }
};

struct Q8Page {
  static constexpr bool kRotated = true;

  static float dot(const HeadPage& p, const float* q, int64_t t, int64_t dk) {
    const int8_t* k = reinterpret_cast<const int8_t*>(p.k) + t;
    float s = 0;
    for (int64_t i = 0; i < dk; ++i) s += q[i] * static_cast<float>(k[i * kPageTokens]);
    return s * half_to_float(p.k_scale[t]);
  }
  static void add_value(const HeadPage& p, float weight, int64_t t, int64_t dv, float* o) {
    const int8_t* v = reinterpret_cast<const int8_t*>(p.v) + t * dv;
    const float w = weight * half_to_float(p.v_scale[t]);
    for (int64_t i = 0; i < dv; ++i) o[i] += w * static_cast<float>(v[i]);
  }
};

// Keys [begin, end) of one chunk; false: none of them is there any more.
template <class Page>
bool attend_chunk(const AttendArgs& a, const Segment& seg, int64_t h_kv, const float* q,
                  int64_t begin, int64_t end, Softmax& out) {
  const std::span<const int32_t> pages = seg.pages[a.slot.group];
  float score[kKeyChunk];
  bool any = false;
  out.m = -__builtin_inff(), out.l = 0;
  for (int64_t t = begin; t < end; ++t) {
    const int32_t page = pages[static_cast<size_t>(t / kPageTokens)];
    if (page < 0) continue;
    any = true;
    float s = a.scale * Page::dot(head_page(a.slot, page, h_kv), q, t % kPageTokens, a.slot.dk);
    if (a.softcap != 0) s = a.softcap * __builtin_tanhf(s / a.softcap);
    score[t - begin] = s;
    if (s > out.m) out.m = s;
  }
  if (!any) return false;
  for (int64_t i = 0; i < a.slot.dv; ++i) out.o[i] = 0;
  for (int64_t t = begin; t < end; ++t) {
    const int32_t page = pages[static_cast<size_t>(t / kPageTokens)];
    if (page < 0) continue;
    const float w = __builtin_expf(score[t - begin] - out.m);
    out.l += w;
    Page::add_value(head_page(a.slot, page, h_kv), w, t % kPageTokens, a.slot.dv, out.o);
  }
  return true;
}

int64_t items(const AttendArgs& a) {
  return static_cast<int64_t>(a.step->n_rows) * a.n_head;
}
int64_t grain(const AttendArgs&) {
  return 1;
}

size_t scratch(const void* args) noexcept {
  const CacheSlotView& s = static_cast<const AttendArgs*>(args)->slot;
  return static_cast<size_t>(s.dk + 2 * s.dv) * sizeof(float);
}

template <class Page>
void run(const AttendArgs& a, Range range, Ctx& ctx) {
  const int64_t dk = a.slot.dk, dv = a.slot.dv;
  float* q = reinterpret_cast<float*>(ctx.scratch);
  float* acc_o = q + dk;
  float* chunk_o = acc_o + dv;
  for (int64_t item = range.begin; item < range.end; ++item) {
    const int64_t row = item / a.n_head, h = item % a.n_head;
    const int64_t h_kv = h / (a.n_head / a.slot.n_head_kv);
    const Segment& seg = a.step->segments[a.step->row_segment[row]];
    const int64_t pos = seg.past + (row - seg.row0);
    const int64_t first = a.window > 0 && pos >= a.window ? pos - a.window + 1 : 0;
    __builtin_memcpy(q, reinterpret_cast<const float*>(a.q.row(row)) + h * dk,
                     static_cast<size_t>(dk) * sizeof(float));
    if (Page::kRotated) hadamard(q, dk);

    Softmax acc, chunk;
    acc.o = acc_o, chunk.o = chunk_o;
    for (int64_t i = 0; i < dv; ++i) acc_o[i] = 0;
    for (int64_t c = first / kKeyChunk; c * kKeyChunk <= pos; ++c) {
      const int64_t begin = c * kKeyChunk > first ? c * kKeyChunk : first;
      const int64_t end = (c + 1) * kKeyChunk < pos + 1 ? (c + 1) * kKeyChunk : pos + 1;
      if (attend_chunk<Page>(a, seg, h_kv, q, begin, end, chunk)) merge(acc, chunk, dv);
    }
    float* y = reinterpret_cast<float*>(a.y.row(row)) + h * dv;
    finish(acc, a.sinks != nullptr ? a.sinks + h : nullptr, dv, y);
    if (Page::kRotated) hadamard(y, dv);
  }
}

template <class Page>
constexpr Kernel<Ctx> make(const char* id, DType cache) {
  Kernel<Ctx> k = kernel<Op::attend, run<Page>, items, grain>(id, cache, DType::f32, 0, 0);
  k.scratch = scratch;
  return k;
}

}  // namespace

extern constinit const Kernel<Ctx> attend_f16_scalar =
    make<F16Page>("attention/attend_f16/scalar", DType::f16);
extern constinit const Kernel<Ctx> attend_q8_0_scalar =
    make<Q8Page>("attention/attend_q8_0/scalar", DType::q8_0);

}  // namespace engine::cpu
