// An encoder of the BERT family small enough for every test: random float32 weights, a WordPiece
// vocabulary of letters and a few words. The same options give the same bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "gguf/writer.h"

namespace engine::testing {

struct TinyEncoder {
  std::string arch = "bert";  // bert (learned positions, GELU) or nomic-bert (RoPE, gated)
  uint32_t pooling = 1;       // 0 none, 1 mean, 2 cls, 3 last, 4 rank; kNoPooling: no key
  uint32_t seed = 1;
  uint32_t n_ctx = 64;
  uint32_t labels = 0;      // > 0: a classifier (cls, cls.output)
  std::string rerank = {};  // the template of question and document; "": none
  bool fused_qkv = false;
  bool normalize_key = false, normalize_value = false;  // ARCH.normalize_embeddings

  static constexpr uint32_t kNoPooling = 99;
  static constexpr uint32_t kEmbd = 48, kHeads = 3, kFf = 96, kLayers = 2, kTypes = 2;
};

struct TinyEncoderFile {
  std::vector<std::byte> bytes;
  std::map<std::string, std::vector<float>> weights;  // by tensor name, rows one behind the other
};

Result<TinyEncoderFile> make_tiny_encoder(const TinyEncoder& options);
Status write_tiny_encoder(const std::string& path, const TinyEncoder& options);

}  // namespace engine::testing
