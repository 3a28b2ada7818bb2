// A complete model small enough to be written, loaded and run in every test: random weights,
// a byte-level BPE vocabulary of some 300 tokens, a chat template.
// The same options give the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/result.h"

namespace engine::testing {

// ChatML, with the system text, tools and tool results of a request visible in the prompt.
extern const char* const kTinyTemplate;
// The same with a thinking block: the generation prompt opens it when enable_thinking is set.
extern const char* const kTinyThinkingTemplate;

struct TinyModel {
  // llama or qwen2: the first also tests the permuted rope, the second biases
  std::string arch = "llama";
  DType type = DType::f16;  // of the matrices: f32, f16, q8_0 or q4_1
  uint32_t seed = 1;
  uint32_t n_ctx_train = 2048;
  std::string chat_template = kTinyTemplate;  // "": none
  // never ends an answer by itself: lengths are then those that were asked for
  bool endless = true;
  bool zero = false;  // all matrices 0: every token is equally likely, greedy repeats the first
  bool other_vocabulary = false;  // two tokens have each other's text
  // Pieces that the model answers with, one after the other, whatever it is asked; no two are equal.
  // A piece is a token of its own, of a control type when it looks like <...>. Greedy only.
  std::vector<std::string> script;
  bool embedding = false;  // has a pooling type: an embedding model
};

Status write_tiny_model(const std::string& path, const TinyModel& options = {});

}  // namespace engine::testing
