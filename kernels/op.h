// The operators and the structs of their arguments. All pointers are final when a plan has been
// compiled; what changes between steps stands in StepState. Dimensions in this order and these
// letters: k (contracted), out (rows of w), n (rows of the step), h (head), d (head dim), t
// (position). Activations are float [ne0, n], one row per token, unless said otherwise; tensors are
// allocated for the most rows a step may have, and the rows in use are read through `n_rows`.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core/row_output.h"
#include "engine/core/tensor.h"

namespace engine {

enum class Op : uint8_t {
#define OP(name, args) name,
#include "kernels/op.inc"
  count_,
};
const char* op_name(Op op);

enum class Act : uint8_t { none, silu, gelu_tanh, relu };

// ---- what changes between steps ----

constexpr int kPageTokens = 64;  // tokens of a cache page
// Keys of an attention chunk: chunks start at absolute multiples of it.
constexpr int kKeyChunk = 256;
constexpr int kMaxCacheGroups = 4;

// Consecutive rows of one sequence.
struct Segment {
  int32_t row0 = 0, n_rows = 0;
  int32_t past = 0;                                 // rows of this sequence already in the cache
  std::span<const int32_t> pages[kMaxCacheGroups];  // page table per cache group; -1: page dropped
};

struct StepState {
  int32_t n_rows = 0;                    // rows of this step
  int32_t n_out = 0;                     // rows that want an output
  std::span<const Token> tokens;         // [n_rows]
  std::span<const int32_t> positions;    // [n_rows]
  std::span<const int32_t> out_rows;     // [n_out] row of each output
  std::span<const OutputNeed> needs;     // [n_out]
  std::span<const Segment> segments;     // in row order, covering all rows
  std::span<const int32_t> row_segment;  // [n_rows] segment of each row
};

// ---- storage of one cache slot (one layer, or layers that share it) ----

// Page p starts at base + p * page_bytes. K is stored transposed, so that attention reads 64 keys
// of one dimension with one stream and needs no horizontal sums; V by token:
//   f16   K [h][d][64 tokens] half
//         V [h][64 tokens][d] half
//   q8_0  K codes [h][d][64] int8, then scales [h][64] half: one for a token of a head
//         V codes [h][64][d] int8, then scales [h][64] half
struct CacheSlotView {
  std::byte* base = nullptr;
  size_t page_bytes = 0, v_offset = 0;  // from page to page of this slot; where V starts in one
  DType dtype = DType::f16;             // f16 or q8_0
  int32_t group = 0;                    // index of the page table in Segment::pages
  int32_t n_head_kv = 0, dk = 0, dv = 0;
};
constexpr size_t cache_plane_bytes(DType t, int64_t n_head_kv, int64_t d) {  // K or V of one page
  const int64_t tokens = n_head_kv * kPageTokens;
  return static_cast<size_t>(tokens * (t == DType::q8_0 ? d + 2 : d * 2));
}

// K and V of one page, without what aligns them.
constexpr size_t cache_page_bytes(DType t, int64_t n_head_kv, int64_t dk, int64_t dv) {
  return cache_plane_bytes(t, n_head_kv, dk) + cache_plane_bytes(t, n_head_kv, dv);
}

// ---- arguments ----

struct Pack;
struct Micro;

enum class LookupBy : uint8_t { token, position, first };  // tokens[i], positions[i], row 0

// y[:, i] = scale * a row of table, chosen by what `by` says of row i.  items: rows
struct EmbedArgs {
  Tensor table;      // any computable type; packed when it is also the output matrix
  const Pack* pack;  // packing of table, or nullptr
  Tensor y;
  float scale;
  const StepState* step;
  LookupBy by = LookupBy::token;
};

// y[:, i] = x[:, out_rows[i]].  items: outputs
struct TakeRowsArgs {
  Tensor x, y;
  const StepState* step;
};

// y (a8x32 or a8x256, see kernels/types) = x (f32).  items: rows * row_factor
struct QuantizeArgs {
  Tensor x, y;
  const int32_t* n_rows;
  int32_t row_factor = 1;  // rows of the tensors per row of the step (experts: n_used), else 1
};

// Per vector of len = ne0/groups: y = residual + x * rsqrt(mean(x^2) + eps) * weight (+ bias).
// items: rows * groups
struct NormArgs {
  Tensor x, y;          // y may be x
  const float* weight;  // [len] or nullptr
  const float* bias;    // [len] or nullptr
  Tensor residual;      // [ne0, n] or empty
  float eps;
  int32_t groups;  // vectors per row: 1, or the number of heads
  const int32_t* n_rows;
};

// y[i, r] = mscale * cos(pos * freq[i]), y[half + i, r] = mscale * sin(...),
// half = n_rot / 2.  items: rows
struct RopeTableArgs {
  const double* freq;  // [n_rot / 2]: all scaling (linear, llama3, yarn, factors) is in here
  float mscale;
  int32_t n_rot;
  Tensor y;  // f32 [n_rot, n]
  const StepState* step;
};

enum class RopeStyle : uint8_t { norm, neox };  // pairs (2i, 2i+1); pairs (i, i + n_rot/2)

// y = x rotated, every head; dimensions from n_rot on are copied.  items: rows
struct RopeArgs {
  Tensor x, y;   // f32 [d * n_head, n]; y may be x
  Tensor table;  // of rope_table
  RopeStyle style;
  int32_t n_head, head_dim, n_rot;
  const int32_t* n_rows;
};

// Which rows each expert computes, filled by router_topk. Entry = row * n_used + slot.
struct ExpertList {
  int32_t n_expert, n_used;
  int32_t* offsets;  // [n_expert + 1] into entries
  int32_t* entries;  // [n * n_used], ascending within an expert
};

// Applied to a finished tile in registers, in this order; there is no kernel per fusion
struct Epilogue {
  const float* bias = nullptr;  // [out]
  float scale = 1;
  float softcap = 0;    // 0: off; else cap * tanh(v / cap)
  Act act = Act::none;  // with MatmulArgs::up: act(w x) * (up x)
  Tensor residual;      // [out, n] or empty: y = residual + v. May be y itself
};

// y[out, n] = sum_k w[k, out] * x[k, n].
// items: panels (matmul), expert * panels + panel (expert_matmul)
struct MatmulArgs {
  Tensor w;     // [k, out] or [k, out, n_expert], packed for the picked kernel, or see pack
  Tensor up;    // second matrix of a gated pair, same dtype, shape and pack as w; or empty
  Tensor x, y;  // x: f32, a8x32 or a8x256 [k, n]
  Epilogue epilogue;
  // nullptr: all rows. Else the column of entry e is row e (x_per_entry)
  // or e / n_used, and y's row is e
  const ExpertList* experts;
  bool x_per_entry;
  const Micro* micro;  // of the picked kernel
  // rows of w and up lie as in the file and are packed panel by panel; or nullptr
  const Pack* pack;
  const int32_t* n_rows;
};

// Top n_used of each row of logits, their weights, and the lists of the experts.  items: 1
struct RouterArgs {
  Tensor logits;             // f32 [n_expert, n]
  const float* select_bias;  // [n_expert] or nullptr: added for the choice, not for the weight
  bool sigmoid;              // gating: softmax over all experts, or sigmoid of each
  bool normalize;            // weights of the chosen divided by their sum
  float scale;               // of the weights
  float* weights;            // [n_used, n]
  ExpertList* list;
  const int32_t* n_rows;
};

// y[:, r] = residual[:, r] + sum_s weights[s, r] * x[:, r * n_used + s],
// s in the order of the router.  items: rows
struct CombineArgs {
  Tensor x, y, residual;  // residual may be empty or y
  const float* weights;
  int32_t n_used;
  const int32_t* n_rows;
};

// y = act(gate) * up; without up: act(gate).  items: rows
struct GluArgs {
  Tensor gate, up, y;  // y may be gate or up
  Act act;
  const int32_t* n_rows;
  int32_t row_factor = 1;  // rows of the tensors per row of the step (experts: n_used), else 1
};

// y = a + scale * b.  items: rows
struct AddArgs {
  Tensor a, b, y;  // y may be a or b
  float scale;
  const int32_t* n_rows;
};

// y = cap * tanh(x / cap).  items: rows
struct SoftcapArgs {
  Tensor x, y;
  float cap;
  const int32_t* n_rows;
};

// y = x * scale (* vector[i]).  items: rows
struct ScaleArgs {
  Tensor x, y;
  float scale;
  const float* vector;  // [ne0] or nullptr
  const int32_t* n_rows;
};

// Rows of k and v into the pages of their sequences.  items: rows * n_head_kv
struct KvStoreArgs {
  Tensor k, v;  // f32 [d * n_head_kv, n]
  CacheSlotView slot;
  const StepState* step;
};

// Memory of a plan for keys that are split between workers; used by one attend step at a time.
struct AttendSplit {
  int32_t* done;  // [kSplitItems], 0 between steps
  float* cells;   // [kSplitFloats]
};
constexpr int64_t kSplitItems = 32;           // a step with fewer items is split into so many
constexpr int64_t kSplitFloats = 512 * 1024;  // 2 MiB; a step that needs more is not split

// Causal attention of every row over the keys of its sequence, itself included.
// items: see attend_items
struct AttendArgs {
  Tensor q, y;  // f32 [dk * n_head, n], [dv * n_head, n]
  CacheSlotView slot;
  int32_t n_head;
  int32_t window;        // keys visible to a row, itself included; 0: all
  float scale, softcap;  // score = softcap(scale * q k); softcap 0: off
  const float* sinks;    // [n_head] extra logit without a value, or nullptr
  const StepState* step;
  const AttendSplit* split;  // or nullptr: not split. Unused by the scalar kernel.
};

// Attention of every row over all rows of its segment, before and behind it; no cache.
// items: rows * n_head
struct AttendBatchArgs {
  Tensor q, k, v, y;  // f32 [d * n_head, n], [d * n_head_kv, n] twice, [d * n_head, n]
  int32_t n_head, n_head_kv;
  int32_t window;  // keys further away than window / 2 are not seen; 0: all are
  float scale;     // of q k
  const StepState* step;
};

// Candidates of each row of logits.  items: outputs * groups; merged by merge_top
struct TopArgs {
  Tensor logits;    // f32 [n_vocab, n_out]
  Candidate* best;  // [outputs][groups][k_max]: the best of a group, ordered by (logit down, id up)
  int32_t* counts;  // [outputs][groups]
  // [outputs][groups]: largest logit, sum of exp(logit - max) (only where the need asks)
  float *max, *sum;
  int32_t k_max;  // most candidates a row may ask for
  const StepState* step;
};
// Words of the vocabulary in a group: fixed, so results do not depend on the threads.
constexpr int64_t kTopGroup = 8192;

struct BatchedArgs {
  Tensor w, x, y;
  int32_t n_head;
  const int32_t* n_rows;
};
struct LoraArgs {
  Tensor a, b, x, y;
  float scale;
  const int32_t* n_rows;
};
struct PoolArgs {
  Tensor x, y;
  uint8_t kind;
  const StepState* step;
};
struct ConvArgs {
  Tensor x, w, y, state;
  const StepState* step;
};
struct DeltaArgs {
  Tensor q, k, v, gate, beta, y, state;
  const StepState* step;
};
struct ScanArgs {
  Tensor x, dt, a, b, c, d, y, state;
  const StepState* step;
};

}  // namespace engine
