// What     causal attention over the paged cache, f16 or q8_0, written once for AVX2 and AVX-512
//          (V = Avx2Vec, Avx512Vec)
// Formula  as attend_scalar.cpp. Keys in chunks of 256 at absolute multiples of 256; a chunk gives
//          (m, l, o) from its own maximum, chunks are merged in ascending order. Inside a chunk:
//          scores by fma in ascending d, one key per lane; sum of the weights per lane over vectors
//          in ascending order, then over the lanes; o by fma in ascending key.
// Items    a tile of consecutive rows of one segment x some query heads of one KV head: all share
//          the conversion of K and V to float.
//          A key that a row does not see adds exactly 0 to it (its weight is 0, and weights are 0
//          or above e^-88), so a row's bits do not depend on its tile. Keys that no row of the tile
//          sees are not read as values: pages may be unwritten there.
// Tiles    both products are one small GEMM,
//          C[rows][lanes] += A[rows][k] (broadcast) * B[k][lanes]:
//          6 rows x 2 vectors (AVX2) or x 4 (AVX-512).
//          S = Q * K page: B is the transposed page, k = d. O = P * V page: k = keys.
// Bound    FMA for prompts; for decoding the conversion, at about 25 keys x dimensions per ns.
#pragma once

#include "kernels/cpu/attention/hadamard_simd.h"
#include "kernels/cpu/attention/merge.h"
#include "kernels/cpu/attention/pages.h"
#include "kernels/cpu/attention/vec.h"
#include "kernels/cpu/context.h"

namespace engine::cpu {
namespace {

constexpr int kTileRows = 24;  // rows x heads of an item, at most
constexpr int kMicroRows = 6;
constexpr int kFewRows = 4;  // so many wait for memory, not for the multipliers
template <class T>
constexpr int kLineElems = 64 / sizeof(T);

// ---- C[rows][vectors] (+)= A[rows][k] * B[k][vectors] ----
// ahead: B of the next product, or nullptr: fetched while this one is computed. The processor does
// not do that by itself: planes are too short for it to see the pattern.

template <class V, class T, int kRows, int kVectors>
void micro(const float* a, int64_t lda, const T* b, int64_t ldb, int64_t k, float* c, int64_t ldc,
           bool accumulate, const T* ahead) {
  typename V::Reg acc[kRows][kVectors];
  for (int i = 0; i < kRows; i++)
    for (int j = 0; j < kVectors; j++)
      acc[i][j] = accumulate ? V::load(c + i * ldc + j * V::kLanes) : V::zero();
  for (int64_t d = 0; d < k; d++, b += ldb) {
    if (kRows <= kFewRows && ahead != nullptr) {
      for (int j = 0; j < kVectors * V::kLanes; j += kLineElems<T>)
        __builtin_prefetch(ahead + d * ldb + j);
    }
    typename V::Reg bv[kVectors];
    for (int j = 0; j < kVectors; j++) bv[j] = V::load(b + j * V::kLanes);
    for (int i = 0; i < kRows; i++) {
      const typename V::Reg av = V::set1(a[i * lda + d]);
      for (int j = 0; j < kVectors; j++) acc[i][j] = V::fma(av, bv[j], acc[i][j]);
    }
  }
  for (int i = 0; i < kRows; i++)
    for (int j = 0; j < kVectors; j++) V::store(c + i * ldc + j * V::kLanes, acc[i][j]);
}

template <class V, class T, int kVectors>
void micro_rows(int rows, const float* a, int64_t lda, const T* b, int64_t ldb, int64_t k, float* c,
                int64_t ldc, bool accumulate, const T* ahead) {
  switch (rows) {
    case 1:
      return micro<V, T, 1, kVectors>(a, lda, b, ldb, k, c, ldc, accumulate, ahead);
    case 2:
      return micro<V, T, 2, kVectors>(a, lda, b, ldb, k, c, ldc, accumulate, ahead);
    case 3:
      return micro<V, T, 3, kVectors>(a, lda, b, ldb, k, c, ldc, accumulate, ahead);
    case 4:
      return micro<V, T, 4, kVectors>(a, lda, b, ldb, k, c, ldc, accumulate, ahead);
    case 5:
      return micro<V, T, 5, kVectors>(a, lda, b, ldb, k, c, ldc, accumulate, ahead);
    default:
      return micro<V, T, 6, kVectors>(a, lda, b, ldb, k, c, ldc, accumulate, ahead);
  }
}

template <class V, class T>
void gemm(int rows, int vectors, const float* a, int64_t lda, const T* b, int64_t ldb, int64_t k,
          float* c, int64_t ldc, bool accumulate, const T* ahead) {
  const int blocks = (rows + kMicroRows - 1) / kMicroRows;
  for (int v = 0; v < vectors;
       v += V::kTileVectors, b += V::kTileVectors * V::kLanes, c += V::kTileVectors * V::kLanes) {
    const T* next = ahead != nullptr ? ahead + v * V::kLanes : nullptr;
    for (int i = 0; i < blocks; i++) {
      const int r = rows * i / blocks, n = rows * (i + 1) / blocks - r;
      const float* ar = a + r * lda;
      float* cr = c + r * ldc;
      const int left = vectors - v;
      if constexpr (V::kTileVectors == 4) {
        if (left >= 4)
          micro_rows<V, T, 4>(n, ar, lda, b, ldb, k, cr, ldc, accumulate, next);
        else if (left == 3)
          micro_rows<V, T, 3>(n, ar, lda, b, ldb, k, cr, ldc, accumulate, next);
        else if (left == 2)
          micro_rows<V, T, 2>(n, ar, lda, b, ldb, k, cr, ldc, accumulate, next);
        else
          micro_rows<V, T, 1>(n, ar, lda, b, ldb, k, cr, ldc, accumulate, next);
      } else {
        if (left >= 2)
          micro_rows<V, T, 2>(n, ar, lda, b, ldb, k, cr, ldc, accumulate, next);
        else
          micro_rows<V, T, 1>(n, ar, lda, b, ldb, k, cr, ldc, accumulate, next);
      }
    }
  }
}

// ---- how the rows of a step are cut ----

// Query heads of an item: as many of one KV head as leave two items per row, at most 8.
inline int item_heads(const AttendArgs& a) {
  const int group = a.n_head / a.slot.n_head_kv;
  int best = 1;
  for (int h = 2; h <= group && h <= 8; h++)
    if (group % h == 0 && a.n_head / h >= 2) best = h;
  return best;
}
inline int tile_rows(const AttendArgs& a) {
  return kTileRows / item_heads(a);
}

inline int64_t step_tiles(const AttendArgs& a) {
  const int rows = tile_rows(a);
  int64_t n = 0;
  for (const Segment& s : a.step->segments) n += (s.n_rows + rows - 1) / rows;
  return n;
}

inline int64_t attend_items(const AttendArgs& a) noexcept {
  return step_tiles(a) * (a.n_head / item_heads(a));
}
inline int64_t attend_grain(const AttendArgs&) noexcept {
  return 1;
}

// Keys [begin, end) that a row at position t sees.
inline Range visible(const AttendArgs& a, int64_t t) {
  return {a.window > 0 && t + 1 > a.window ? t + 1 - a.window : 0, t + 1};
}

inline size_t attend_scratch_bytes(const AttendArgs& a) {
  const int64_t most = a.slot.dk > a.slot.dv ? a.slot.dk : a.slot.dv;
  const int64_t plane = a.slot.dtype == DType::q8_0 ? most * kPageTokens : 0;
  return static_cast<size_t>(kTileRows * (a.slot.dk + kKeyChunk + a.slot.dv) + plane) *
         sizeof(float);
}
inline size_t attend_scratch(const void* args) noexcept {
  return attend_scratch_bytes(*static_cast<const AttendArgs*>(args));
}

template <class V>
bool attend_accepts(const void* args) noexcept {
  const AttendArgs& a = *static_cast<const AttendArgs*>(args);
  const int step = a.slot.dtype == DType::q8_0 ? 32 : V::kLanes;
  return a.slot.dk % step == 0 && a.slot.dv % step == 0;
}

// ---- softmax of a chunk ----

// Scores of one row in one chunk to weights, in place. s[begin, end) are computed, [lo, hi) are
// visible; begin and end are multiples of the lanes. out.m: the maximum; out.l: the sum of the
// weights, 0 if the row sees no key here.
template <class V>
void soften(float* s, int begin, int end, int lo, int hi, float scale, float cap, Softmax& out) {
  const typename V::Reg minus_inf = V::set1(-__builtin_inff());
  typename V::Reg most = minus_inf;
  for (int i = begin; i < end; i += V::kLanes) {
    typename V::Reg v = V::mul(V::load(s + i), V::set1(scale));
    if (cap != 0) v = V::mul(V::set1(cap), V::tanh(V::mul(v, V::set1(1 / cap))));
    if (i < lo || i + V::kLanes > hi) v = V::inside(v, lo - i, hi - i, minus_inf);
    V::store(s + i, v);
    most = V::max(most, v);
  }
  out.m = V::largest(most);
  const float base = out.m > -__builtin_inff() ? out.m : 0;
  typename V::Reg total = V::zero();
  for (int i = begin; i < end; i += V::kLanes) {
    // what is not visible: exp(-inf) = 0
    const typename V::Reg p = V::exp(V::sub(V::load(s + i), V::set1(base)));
    V::store(s + i, p);
    total = V::add(total, p);
  }
  out.l = V::sum(total);
}

// ---- one item ----

// The planes of a page as B of the GEMM. f16 is converted while it is loaded.
struct HalfPages {
  using Elem = uint16_t;
  static constexpr bool kRotated = false;
  const AttendArgs& a;
  float* plane;  // not used

  template <class V>
  const uint16_t* k(int64_t page, int64_t h) const {
    return reinterpret_cast<const uint16_t*>(head_page(a.slot, page, h).k);
  }
  template <class V>
  const uint16_t* v(int64_t page, int64_t h, int, int) const {
    return reinterpret_cast<const uint16_t*>(head_page(a.slot, page, h).v);
  }
  // What will be read of a page, so that it can be fetched.
  const uint16_t* ahead(int64_t page, int64_t h, bool value) const {
    const HeadPage p = head_page(a.slot, page, h);
    return reinterpret_cast<const uint16_t*>(value ? p.v : p.k);
  }
};

// q8_0 is written out as floats once per page and item.
struct CodePages {
  using Elem = float;
  static constexpr bool kRotated = true;
  const AttendArgs& a;
  float* plane;  // [max(dk, dv)][64]
  const float* ahead(int64_t, int64_t, bool) const { return nullptr; }

  template <class V>
  const float* k(int64_t page, int64_t h) const {
    const HeadPage p = head_page(a.slot, page, h);
    const int8_t* code = reinterpret_cast<const int8_t*>(p.k);
    for (int64_t b = 0; b < a.slot.dk / 32; b++) {
      for (int64_t t = 0; t < kPageTokens; t += V::kLanes) {
        const typename V::Reg scale = V::load(p.k_scale + b * kPageTokens + t);
        for (int64_t i = 32 * b; i < 32 * b + 32; i++)
          V::store(plane + i * kPageTokens + t, V::mul(V::load(code + i * kPageTokens + t), scale));
      }
    }
    return plane;
  }
  template <class V>  // keys [begin, end) only
  const float* v(int64_t page, int64_t h, int begin, int end) const {
    const HeadPage p = head_page(a.slot, page, h);
    const int64_t dv = a.slot.dv;
    for (int64_t t = begin; t < end; t++) {
      const int8_t* code = reinterpret_cast<const int8_t*>(p.v) + t * dv;
      for (int64_t i = 0; i < dv; i += V::kLanes) {
        const typename V::Reg scale = V::set1_half(p.v_scale[t * (dv / 32) + i / 32]);
        V::store(plane + t * dv + i, V::mul(V::load(code + i), scale));
      }
    }
    return plane;
  }
};

struct Item {
  const Segment* segment;
  int64_t row0, n_rows;  // rows of the step
  int64_t h0, heads;     // query heads, all of one KV head
};

template <class V, class Pages>
void attend_item(const AttendArgs& a, const Item& it, float* scratch) {
  const int64_t dk = a.slot.dk, dv = a.slot.dv, h_kv = it.h0 / (a.n_head / a.slot.n_head_kv);
  const int n = static_cast<int>(it.n_rows * it.heads);  // rows of the GEMMs: head by head
  float* q = scratch;                                    // [n][dk]
  float* s = q + kTileRows * dk;                         // [n][kKeyChunk]: scores, then weights
  float* o = s + kTileRows * kKeyChunk;                  // [n][dv] of the chunk
  const Pages pages{a, o + kTileRows * dv};
  const std::span<const int32_t> table = it.segment->pages[a.slot.group];
  // position of the first row
  const int64_t pos0 = it.segment->past + (it.row0 - it.segment->row0);

  const int64_t last_key = pos0 + it.n_rows - 1;
  const auto ahead = [&](int64_t at, bool value) -> const typename Pages::Elem* {
    if (n > kFewRows || at * kPageTokens > last_key) return nullptr;
    const int32_t page = table[static_cast<size_t>(at)];
    return page < 0 ? nullptr : pages.ahead(page, h_kv, value);
  };
  Softmax acc[kTileRows];
  for (int i = 0; i < n; i++) {
    const int64_t h = it.h0 + i / it.n_rows, row = it.row0 + i % it.n_rows;
    __builtin_memcpy(q + i * dk, reinterpret_cast<const float*>(a.q.row(row)) + h * dk,
                     static_cast<size_t>(dk) * sizeof(float));
    if constexpr (Pages::kRotated) hadamard<V>(q + i * dk, dk);
    acc[i].o = reinterpret_cast<float*>(a.y.row(row)) + h * dv;  // sums up in place
    for (int64_t j = 0; j < dv; j++) acc[i].o[j] = 0;
  }

  const Range all{visible(a, pos0).begin, visible(a, pos0 + it.n_rows - 1).end};
  for (int64_t c = all.begin / kKeyChunk * kKeyChunk; c < all.end; c += kKeyChunk) {
    // what the rows of the tile see of this chunk, and the pages that are there
    const int begin = static_cast<int>(all.begin > c ? all.begin - c : 0);
    const int end = static_cast<int>(all.end - c < kKeyChunk ? all.end - c : kKeyChunk);
    const int first = begin / V::kLanes * V::kLanes,
              last = (end + V::kLanes - 1) / V::kLanes * V::kLanes;
    for (int p = first / kPageTokens; p * kPageTokens < last; p++) {
      const int from = first > p * kPageTokens ? first : p * kPageTokens;
      const int to = last < (p + 1) * kPageTokens ? last : (p + 1) * kPageTokens;
      const int32_t page = table[static_cast<size_t>(c / kPageTokens + p)];
      if (page < 0) {
        for (int i = 0; i < n; i++)
          for (int t = from; t < to; t += V::kLanes)
            V::store(s + i * kKeyChunk + t, V::set1(-__builtin_inff()));
        continue;
      }
      const typename Pages::Elem* k = pages.template k<V>(page, h_kv);
      gemm<V>(n, (to - from) / V::kLanes, q, dk, k + from % kPageTokens, kPageTokens, dk, s + from,
              kKeyChunk, false,
              (p + 1) * kPageTokens < last ? ahead(c / kPageTokens + p + 1, false)
                                           : ahead((c + first) / kPageTokens, true));
    }

    Softmax chunk[kTileRows];
    for (int i = 0; i < n; i++) {
      const Range seen = visible(a, pos0 + i % it.n_rows);
      chunk[i].o = o + i * dv;
      soften<V>(s + i * kKeyChunk, first, last, static_cast<int>(seen.begin - c),
                static_cast<int>(seen.end - c), a.scale, a.softcap, chunk[i]);
    }

    bool started = false;
    for (int p = first / kPageTokens; p * kPageTokens < last; p++) {
      const int from = begin > p * kPageTokens ? begin % kPageTokens : 0;
      const int to = end < (p + 1) * kPageTokens ? end - p * kPageTokens : kPageTokens;
      const int32_t page = table[static_cast<size_t>(c / kPageTokens + p)];
      if (page < 0) continue;
      const typename Pages::Elem* v = pages.template v<V>(page, h_kv, from, to);
      gemm<V>(n, static_cast<int>(dv / V::kLanes), s + p * kPageTokens + from, kKeyChunk,
              v + from * dv, dv, to - from, o, dv, started,
              ahead(c / kPageTokens + p + 1, (p + 1) * kPageTokens < last));
      started = true;
    }
    for (int i = 0; i < n; i++)
      if (chunk[i].l != 0) merge(acc[i], chunk[i], dv);  // 0: the row sees nothing of this chunk
  }

  for (int i = 0; i < n; i++) {
    finish(acc[i], a.sinks != nullptr ? a.sinks + it.h0 + i / it.n_rows : nullptr, dv, acc[i].o);
    if constexpr (Pages::kRotated) hadamard<V>(acc[i].o, dv);
  }
}

// Items are ordered by heads, then segments, then tiles; the tiles of a segment from both ends to
// the middle, so that equal shares of the items are equal work although later rows see more keys.
template <class V, class Pages>
void attend(const AttendArgs& a, Range items, Ctx& ctx) noexcept {
  const int64_t rows = tile_rows(a), heads = item_heads(a), tiles = step_tiles(a);
  const Segment* segment = a.step->segments.data();
  int64_t segment_tile = 0;  // number of its first tile
  for (int64_t item = items.begin; item < items.end; item++) {
    const int64_t tile = item % tiles;
    if (tile == 0) segment = a.step->segments.data(), segment_tile = 0;
    int64_t n = (segment->n_rows + rows - 1) / rows;
    while (tile >= segment_tile + n)
      segment_tile += n, segment++, n = (segment->n_rows + rows - 1) / rows;
    const int64_t i = tile - segment_tile, at = (i % 2 == 0 ? n - 1 - i / 2 : i / 2) * rows;
    const int64_t left = segment->n_rows - at;
    attend_item<V, Pages>(
        a, {segment, segment->row0 + at, left < rows ? left : rows, item / tiles * heads, heads},
        reinterpret_cast<float*>(ctx.scratch));
  }
}

template <class V, class Pages>
consteval Kernel<Ctx> attend_kernel(const char* id, DType cache, uint64_t needs, int rank) {
  Kernel<Ctx> k = kernel<Op::attend, attend<V, Pages>, attend_items, attend_grain>(
      id, cache, DType::f32, needs, rank);
  k.accepts = attend_accepts<V>;
  k.scratch = attend_scratch;
  return k;
}

}  // namespace
}  // namespace engine::cpu
