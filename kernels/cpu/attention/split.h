// How the rows of a step are cut into items, and what the parts of an item leave for each other.
//
// unit     a tile of consecutive rows of one segment x some query heads of one KV head: all share
//          the conversion of K and V to float
// part     some chunks of the keys of a unit. With many units a unit has one part. With few (a
//          token or two, a short prompt) it has several, so that no worker waits for the one that
//          took the last unit: each leaves (m, l, o) of every chunk in a cell, and the part that
//          ends last merges the cells. The order of merging is the same either way, so the cut does
//          not show in the bits.
// Source   the split over keys is known as flash-decoding.
#pragma once

#include <atomic>

#include "kernels/cpu/attention/merge.h"
#include "kernels/op.h"

namespace engine::cpu {
namespace {

constexpr int kTileRows = 24;  // rows x heads of a unit, at most

struct Cut {
  int heads, rows;  // of a unit, at most
  int64_t tiles;    // of all segments
  int64_t units;    // tiles x groups of heads
  int64_t chunks;   // most chunks that a segment sees
  int64_t parts;    // of each unit
  int cell_rows;    // rows x heads of a unit, at most
};

// Keys [begin, end) that a row at position t sees.
inline Range visible(const AttendArgs& a, int64_t t) {
  return {a.window > 0 && t + 1 > a.window ? t + 1 - a.window : 0, t + 1};
}

// Chunks that the rows [first, last] of a sequence see.
inline Range seen_chunks(const AttendArgs& a, int64_t first, int64_t last) {
  return {visible(a, first).begin / kKeyChunk, last / kKeyChunk + 1};
}

// Query heads of a unit: as many of one KV head as leave two units per row, at most 8.
inline int unit_heads(const AttendArgs& a) {
  const int group = a.n_head / a.slot.n_head_kv;
  int best = 1;
  for (int h = 2; h <= group && h <= 8; h++)
    if (group % h == 0 && a.n_head / h >= 2) best = h;
  return best;
}

inline int64_t cell_floats(const AttendArgs& a) {
  return a.slot.dv + 2;
}

inline Cut cut(const AttendArgs& a) {
  Cut c{};
  c.heads = unit_heads(a), c.rows = kTileRows / c.heads, c.parts = 1;
  for (const Segment& s : a.step->segments) {
    c.tiles += (s.n_rows + c.rows - 1) / c.rows;
    const int tile = (s.n_rows < c.rows ? s.n_rows : c.rows) * c.heads;
    if (tile > c.cell_rows) c.cell_rows = tile;
    const Range seen = seen_chunks(a, s.past, s.past + s.n_rows - 1);
    if (seen.end - seen.begin > c.chunks) c.chunks = seen.end - seen.begin;
  }
  c.units = c.tiles * (a.n_head / c.heads);
  if (a.split == nullptr || c.units == 0 || c.units >= kSplitItems) return c;
  if (c.units * c.cell_rows * c.chunks * cell_floats(a) > kSplitFloats) return c;
  const int64_t wanted = (kSplitItems + c.units - 1) / c.units;
  c.parts = wanted < c.chunks ? wanted : c.chunks;
  return c;
}

// m, l, o[dv] of row i of a unit and one chunk, counted from the first that the unit sees.
inline float* cell(const AttendArgs& a, const Cut& c, int64_t unit, int i, int64_t chunk) {
  return a.split->cells + ((unit * c.cell_rows + i) * c.chunks + chunk) * cell_floats(a);
}

// One more part of the unit has ended; true: it was the last, and all cells of the unit are there.
inline bool last_part(const AttendArgs& a, const Cut& c, int64_t unit) {
  std::atomic_ref<int32_t> done(a.split->done[unit]);
  if (done.fetch_add(1, std::memory_order_acq_rel) + 1 < c.parts) return false;
  done.store(0, std::memory_order_relaxed);  // for the next step, which a barrier comes before
  return true;
}

}  // namespace
}  // namespace engine::cpu
