// What an architecture says about a model: the flag set of its layers. Filled from metadata by one
// function per architecture (arch/*.cpp), read by one graph builder (blocks.h).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/pooling.h"
#include "kernels/graph.h"

namespace engine {

struct MoeSpec {
  int32_t n_expert = 0;          // 0: dense
  int32_t n_used = 0, n_ff = 0;  // experts per row, width of an expert
  bool sigmoid = false;          // gating: softmax over all experts, or sigmoid of each
  bool normalize = false;        // weights of the chosen divided by their sum
  float weight_scale = 1;
};

enum class NormKind : uint8_t { rms, layer };  // layer: with bias

struct BlockSpec {
  int32_t n_head = 0, n_head_kv = 0, dk = 0, dv = 0;
  NormKind norm = NormKind::rms;
  bool pre_norm = true;  // attn_norm and ffn_norm, before the attention and the feed-forward
  bool post_ln = false;  // attn_output_norm and layer_output_norm, after the residuals (BERT)
  bool causal = true;    // false: every row sees its whole sequence, which is computed in one step
  float eps = 0;         // of every norm
  bool qk_norm = false;  // per-head RMS norm of Q and K, before RoPE
  RopeSpec rope;         // n_rot 0: none
  float attn_scale = 0;  // of the scores
  float attn_softcap = 0;       // 0: off
  int32_t window = 0;           // keys a row sees, itself included; 0: all
  bool post_attn_norm = false;  // post_attention_norm before the residual
  bool post_ffn_norm = false;   // post_ffw_norm before the residual
  bool gated = true;            // false: down(act(up))
  Act act = Act::silu;          // of the gate, or of up
  int32_t n_ff = 0;
  MoeSpec moe;
};

struct HeadSpec {
  bool norm = true;  // output_norm
  float eps = 0;
  float softcap = 0;  // 0: off
};

struct ModelSpec {
  int32_t n_layer = 0, n_embd = 0, n_vocab = 0, n_ctx_train = 0;
  float emb_scale = 1;
  bool learned_pos = false;                // position_embd, a row per position of the context
  bool token_types = false;                // row 0 of token_types, where the file has them
  bool emb_norm = false;                   // token_embd_norm
  Pooling pooling = Pooling::unspecified;  // else there is no output matrix, only vectors

  bool encoder() const { return !blocks.empty() && !blocks.front().causal; }
  std::vector<BlockSpec> blocks;
  HeadSpec head;
};

}  // namespace engine
