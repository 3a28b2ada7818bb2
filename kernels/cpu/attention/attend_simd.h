// What     causal attention over the paged cache, f16 or q8_0, written once for AVX2 and AVX-512
//          (V = Avx2Vec, Avx512Vec)
// Formula  as attend_scalar.cpp. Keys in chunks of 256 at absolute multiples of 256; a chunk gives
//          (m, l, o) from its own maximum, chunks are merged in ascending order. Inside a chunk:
//          scores by fma in ascending d, one key per lane (q8_0: times the scale of the key); sum of the weights per lane over vectors
//          in ascending order, then over the lanes; o by fma in ascending key (q8_0: of codes by weight * scale).
// Items    parts of units (split.h).
//          A key that a row does not see adds exactly 0 to it (its weight is 0, and weights are 0
//          or above e^-88), so a row's bits do not depend on its tile. Keys that no row of the tile
//          sees are not read as values: pages may be unwritten there.
// Bound    FMA for prompts; for decoding reading the cache.
#pragma once

#include "kernels/cpu/attention/gemm.h"
#include "kernels/cpu/attention/hadamard_simd.h"
#include "kernels/cpu/attention/pages.h"
#include "kernels/cpu/attention/soften.h"
#include "kernels/cpu/attention/split.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

inline int64_t attend_items(const AttendArgs& a) noexcept {
  const Cut c = cut(a);
  return c.units * c.parts;
}
inline int64_t attend_grain(const AttendArgs&) noexcept {
  return 1;
}

// Rows that are read side by side do not lie a power of two apart: their loads would meet in the same
// banks of the first-level cache.
constexpr int64_t kPad = 16, kScoreRow = kKeyChunk + kPad;

inline size_t attend_scratch(const void* args) noexcept {
  const CacheSlotView& s = static_cast<const AttendArgs*>(args)->slot;
  return static_cast<size_t>(kTileRows * (s.dk + kPad + kScoreRow + s.dv) + 2 * kKeyChunk) *
         sizeof(float);
}

template <class V>
bool attend_accepts(const void* args) noexcept {
  const AttendArgs& a = *static_cast<const AttendArgs*>(args);
  const int step = a.slot.dtype == DType::q8_0 ? 32 : V::kLanes;
  return a.slot.dk % step == 0 && a.slot.dv % step == 0;
}

// ---- one unit ----

template <class V, class Elem>  // of the cache: uint16_t (f16) or int8_t (q8_0)
class Unit {
  static constexpr bool kCodes = sizeof(Elem) == 1;  // rotated, and with scales

 public:
  Unit(const AttendArgs& a, const Segment& segment, int64_t row0, int64_t n_rows, int64_t h0,
       int64_t heads, float* scratch)
      : a_(a),
        h0_(h0),
        row0_(row0),
        n_rows_(n_rows),
        n_(static_cast<int>(n_rows * heads)),
        h_kv_(h0 / (a.n_head / a.slot.n_head_kv)),
        pos0_(segment.past + (row0 - segment.row0)),
        table_(segment.pages[a.slot.group]),
        q_(scratch),
        s_(q_ + kTileRows * (a.slot.dk + kPad)),
        o_(s_ + kTileRows * kScoreRow),
        k_scale_(o_ + kTileRows * a.slot.dv),
        v_scale_(k_scale_ + kKeyChunk) {
    for (int i = 0; i < n_; i++) {
      float* q = q_ + i * (a.slot.dk + kPad);
      __builtin_memcpy(q, reinterpret_cast<const float*>(a.q.row(row(i))) + head(i) * a.slot.dk,
                       static_cast<size_t>(a.slot.dk) * sizeof(float));
      if constexpr (kCodes) hadamard<V>(q, a.slot.dk);
    }
  }

  Range chunks() const { return seen_chunks(a_, pos0_, pos0_ + n_rows_ - 1); }

  // All keys; the results grow in y.
  void whole() {
    Softmax acc[kTileRows], chunk[kTileRows];
    begin(acc);
    for (int i = 0; i < n_; i++) chunk[i].o = o_ + i * a_.slot.dv;
    const Range all = chunks();
    for (int64_t c = all.begin; c < all.end; c++) {
      compute(c, chunk);
      for (int i = 0; i < n_; i++) add(acc[i], chunk[i]);
    }
    end(acc);
  }

  // A part of the keys; the last part that ends makes the result.
  void part(const Cut& cut, int64_t unit, int64_t part) {
    const Range all = chunks();
    const int64_t n = all.end - all.begin;
    for (int64_t c = n * part / cut.parts; c < n * (part + 1) / cut.parts; c++) {
      Softmax chunk[kTileRows];
      for (int i = 0; i < n_; i++) chunk[i].o = cell(a_, cut, unit, i, c) + 2;
      compute(all.begin + c, chunk);
      for (int i = 0; i < n_; i++) chunk[i].o[-2] = chunk[i].m, chunk[i].o[-1] = chunk[i].l;
    }
    if (!last_part(a_, cut, unit)) return;
    Softmax acc[kTileRows];
    begin(acc);
    for (int i = 0; i < n_; i++) {
      for (int64_t c = 0; c < n; c++) {
        float* from = cell(a_, cut, unit, i, c);
        add(acc[i], {from[0], from[1], from + 2});
      }
    }
    end(acc);
  }

 private:
  // Rows of the products: head by head.
  int64_t head(int i) const { return h0_ + i / n_rows_; }
  int64_t row(int i) const { return row0_ + i % n_rows_; }

  void begin(Softmax* acc) const {
    for (int i = 0; i < n_; i++) {
      acc[i].o = reinterpret_cast<float*>(a_.y.row(row(i))) + head(i) * a_.slot.dv;
      for (int64_t j = 0; j < a_.slot.dv; j++) acc[i].o[j] = 0;
    }
  }
  void add(Softmax& acc, const Softmax& chunk) const {
    if (chunk.l != 0) merge(acc, chunk, a_.slot.dv);  // 0: the row sees nothing of this chunk
  }
  void end(const Softmax* acc) const {
    for (int i = 0; i < n_; i++) {
      finish(acc[i], a_.sinks != nullptr ? a_.sinks + head(i) : nullptr, a_.slot.dv, acc[i].o);
      if constexpr (kCodes) hadamard<V>(acc[i].o, a_.slot.dv);
    }
  }

  // The plane that will be read after this one. Many rows wait for the multipliers, not for memory.
  Ahead ahead(int64_t at, bool value) const {
    if (n_ > kMicroRows || at * kPageTokens >= pos0_ + n_rows_) return {};
    const int32_t page = table_[static_cast<size_t>(at)];
    if (page < 0) return {};
    const HeadPage p = head_page(a_.slot, page, h_kv_);
    if (kCodes && !value) {
      __builtin_prefetch(p.k_scale, 0, 2), __builtin_prefetch(p.k_scale + 32, 0, 2);
      __builtin_prefetch(p.v_scale, 0, 2), __builtin_prefetch(p.v_scale + 32, 0, 2);
    }
    const int64_t bytes = (value ? a_.slot.dv : a_.slot.dk) * kPageTokens * int64_t{sizeof(Elem)};
    return {value ? p.v : p.k, bytes};
  }

  // m, l, o of the rows over one chunk.
  void compute(int64_t at, Softmax* chunk) {
    const int64_t dk = a_.slot.dk, dv = a_.slot.dv, c = at * kKeyChunk;
    const int64_t page0 = c / kPageTokens;
    // what the rows of the unit see of this chunk, and the pages that are there
    const Range all{visible(a_, pos0_).begin, pos0_ + n_rows_};
    const int begin = static_cast<int>(all.begin > c ? all.begin - c : 0);
    const int end = static_cast<int>(all.end - c < kKeyChunk ? all.end - c : kKeyChunk);
    const int first = begin / V::kLanes * V::kLanes,
              last = (end + V::kLanes - 1) / V::kLanes * V::kLanes;
    for (int p = first / kPageTokens; p * kPageTokens < last; p++) {
      const int from = first > p * kPageTokens ? first : p * kPageTokens;
      const int to = last < (p + 1) * kPageTokens ? last : (p + 1) * kPageTokens;
      const int32_t page = table_[static_cast<size_t>(page0 + p)];
      if (page < 0) {
        for (int i = 0; i < n_; i++)
          for (int t = from; t < to; t += V::kLanes)
            V::store(s_ + i * kScoreRow + t, V::set1(-__builtin_inff()));
        for (int t = from; kCodes && t < to; t += V::kLanes) V::store(k_scale_ + t, V::set1(1));
        continue;
      }
      const Ahead next = (p + 1) * kPageTokens < last ? ahead(page0 + p + 1, false)
                                                      : ahead(page0 + first / kPageTokens, true);
      const HeadPage here = head_page(a_.slot, page, h_kv_);
      const Plane<Elem> k{reinterpret_cast<const Elem*>(here.k), kPageTokens};
      gemm<V>(n_, (to - from) / V::kLanes, q_, dk + kPad, k.right(from % kPageTokens), dk,
              s_ + from, kScoreRow, false, next);
      for (int t = from; kCodes && t < to; t += V::kLanes) {
        V::store(k_scale_ + t, V::load(here.k_scale + t % kPageTokens));
        V::store(v_scale_ + t, V::load(here.v_scale + t % kPageTokens));
      }
    }

    for (int i = 0; i < n_; i++) {
      const Range seen = visible(a_, pos0_ + i % n_rows_);
      soften<V, kCodes>(s_ + i * kScoreRow, k_scale_, v_scale_, first, last,
                        static_cast<int>(seen.begin - c), static_cast<int>(seen.end - c), a_.scale,
                        a_.softcap, chunk[i]);
    }

    bool started = false;
    for (int p = first / kPageTokens; p * kPageTokens < last; p++) {
      const int from = begin > p * kPageTokens ? begin % kPageTokens : 0;
      const int to = end < (p + 1) * kPageTokens ? end - p * kPageTokens : kPageTokens;
      const int32_t page = table_[static_cast<size_t>(page0 + p)];
      if (page < 0) continue;
      const Ahead next = ahead(page0 + p + 1, (p + 1) * kPageTokens < last);
      const HeadPage here = head_page(a_.slot, page, h_kv_);
      const Plane<Elem> v{reinterpret_cast<const Elem*>(here.v), dv};
      gemm<V>(n_, static_cast<int>(dv / V::kLanes), s_ + p * kPageTokens + from, kScoreRow,
              v.down(from), to - from, chunk[0].o, chunk_stride(chunk), started, next);
      started = true;
    }
  }
  // Rows of o lie at equal distances, in the scratch as in the cells.
  int64_t chunk_stride(const Softmax* chunk) const {
    return n_ > 1 ? chunk[1].o - chunk[0].o : a_.slot.dv;
  }

  const AttendArgs& a_;
  const int64_t h0_, row0_, n_rows_;  // query heads, all of one KV head; rows of the step
  const int n_;                       // rows of the products
  const int64_t h_kv_, pos0_;         // position of the first row
  const std::span<const int32_t> table_;
  float *q_, *s_, *o_;  // [n][dk + pad]; [n][kScoreRow] scores, then weights; [n][dv] of a chunk
  float *k_scale_, *v_scale_;  // [kKeyChunk], of codes
};

// Units are ordered by heads, then segments, then tiles; the tiles of a segment from both ends to
// the middle, so that equal shares of the units are equal work although later rows see more keys.
template <class V, class Elem>
void attend(const AttendArgs& a, Range items, Ctx& ctx) noexcept {
  const Cut c = cut(a);
  for (int64_t item = items.begin; item < items.end; item++) {
    const int64_t unit = item / c.parts;
    const Segment* segment = a.step->segments.data();
    int64_t i = unit % c.tiles, n = (segment->n_rows + c.rows - 1) / c.rows;
    while (i >= n) i -= n, segment++, n = (segment->n_rows + c.rows - 1) / c.rows;
    const int64_t at = (i % 2 == 0 ? n - 1 - i / 2 : i / 2) * c.rows;
    const int64_t left = segment->n_rows - at;
    Unit<V, Elem> u(a, *segment, segment->row0 + at, left < c.rows ? left : c.rows,
                    unit / c.tiles * c.heads, c.heads, reinterpret_cast<float*>(ctx.scratch));
    if (c.parts == 1)
      u.whole();
    else
      u.part(c, unit, item % c.parts);
  }
}

template <class V, class Elem>
consteval Kernel<Ctx> attend_kernel(const char* id, DType cache, uint64_t needs, int rank) {
  Kernel<Ctx> k = kernel<Op::attend, attend<V, Elem>, attend_items, attend_grain>(
      id, cache, DType::f32, needs, rank);
  k.accepts = attend_accepts<V>;
  k.scratch = attend_scratch;
  return k;
}

}  // namespace
}  // namespace engine::cpu
