// What an architecture says about a model: the flag set of its layers. Filled from metadata by one
// function per architecture (arch/*.cpp), read by one graph builder (blocks.h).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/graph.h"

namespace engine {

struct MoeSpec {
  int32_t n_expert = 0;          // 0: dense
  int32_t n_used = 0, n_ff = 0;  // experts per row, width of an expert
  bool sigmoid = false;          // gating: softmax over all experts, or sigmoid of each
  bool normalize = false;        // weights of the chosen divided by their sum
  float weight_scale = 1;
};

struct BlockSpec {
  int32_t n_head = 0, n_head_kv = 0, dk = 0, dv = 0;
  float eps = 0;         // of every norm
  bool qk_norm = false;  // per-head RMS norm of Q and K, before RoPE
  RopeSpec rope;
  float attn_scale = 0;         // of the scores
  float attn_softcap = 0;       // 0: off
  int32_t window = 0;           // keys a row sees, itself included; 0: all
  bool post_attn_norm = false;  // post_attention_norm before the residual
  bool post_ffn_norm = false;   // post_ffw_norm before the residual
  Act act = Act::silu;          // of the gate
  int32_t n_ff = 0;
  MoeSpec moe;
};

struct HeadSpec {
  float eps = 0;
  float softcap = 0;  // 0: off
};

struct ModelSpec {
  int32_t n_layer = 0, n_embd = 0, n_vocab = 0, n_ctx_train = 0;
  float emb_scale = 1;
  std::vector<BlockSpec> blocks;
  HeadSpec head;
};

}  // namespace engine
