// The graph of a model as plain data: nodes in the order of computing, weights by name, cache
// slots, RoPE tables. Built by engine/graph/builder.h, rewritten by the passes of kernels/plan,
// compiled by a backend. Nothing here depends on rows or threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/op.h"

namespace engine {

using Value = int32_t;  // index of the node that makes it; -1: none

struct WeightInfo {
  std::string name;  // as in the file
  DType dtype = DType::f32;
  int64_t ne[4] = {1, 1, 1, 1};
  bool matmul = false, embed = false, vector = false;  // how nodes use it
};

struct CacheSlot {     // K and V of one layer
  int32_t window = 0;  // 0: all tokens
  int32_t n_head_kv = 0, dk = 0, dv = 0;
  int32_t group = 0;  // page table: slots with the same window share one
};

struct RopeSpec {  // rotation of every dimension pair, all scaling folded into freq
  RopeStyle style = RopeStyle::norm;
  int32_t n_rot = 0;
  float mscale = 1;
  std::vector<double> freq;  // [n_rot / 2]
  bool operator==(const RopeSpec&) const = default;
};

enum class Rows : uint8_t {
  step,
  outputs
};  // a value has a row per row of the step, or per row that wants an output

struct Node {
  Op op;
  int32_t layer = -1;              // -1: before the first layer; n_layer: after the last
  Value in[4] = {-1, -1, -1, -1};  // meaning by op, see builder.h
  int32_t w[3] = {-1, -1, -1};     // weights: matrix or vector; second matrix (up); bias
  int64_t width = 0;               // elements of a row of the result; 0: no result
  DType dtype = DType::f32;        // of the result
  int32_t row_factor = 1;          // rows of the result per row of the step (experts)
  Rows rows = Rows::step;
  Value residual = -1;
  // parameters, by op
  int32_t slot = -1, rope = -1;
  int32_t n_head = 1, n_head_kv = 1, head_dim = 0, n_used = 0, window = 0, n_expert = 0;
  float eps = 0, scale = 1, softcap = 0;
  Act act = Act::none;
  LookupBy by = LookupBy::token;
  bool sigmoid = false, normalize = false, x_per_entry = false;
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<WeightInfo> weights;
  std::vector<CacheSlot> slots;
  std::vector<int32_t> group_window;  // window of each cache group
  std::vector<RopeSpec> ropes;
  int32_t n_layer = 0, n_vocab = 0, n_embd = 0;
  Value logits = -1;  // result of the output matrix; -1: the model has none (n_vocab is then 0)
  Value hidden = -1;  // row after the final norm, n_embd wide
};

}  // namespace engine
