// The file of recorded log-probabilities: header "_logits_", i32 n_ctx, n_vocab, n_chunk, the
// tokens, then per scored position f32 scale, f32 lowest log-probability and n_vocab u16 codes: log
// p = scale * code + lowest.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/core/mapped_file.h"
#include "engine/core/result.h"
#include "engine/core/row_output.h"

namespace engine {

class LogitsWriter {
 public:
  static Result<LogitsWriter> create(const std::string& path, int n_ctx, int n_vocab,
                                     std::span<const Token> tokens);
  Status row(std::span<const float> logits, double log_sum_exp);
  Status finish();  // flushes and closes

 private:
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::string path_;
  std::vector<uint16_t> buffer_;
};

class LogitsReader {
 public:
  // Errc::corrupt: not such a file, or shorter than its header promises.
  static Result<LogitsReader> open(const std::string& path);
  int n_ctx() const { return n_ctx_; }
  int n_vocab() const { return n_vocab_; }
  int n_chunk() const { return n_chunk_; }
  std::span<const Token> tokens() const { return tokens_; }
  // Log-probabilities of scored position `index` (counted over all chunks) into out [n_vocab].
  // Requires: index < rows().
  void row(int64_t index, std::span<float> out) const;
  int64_t rows() const { return int64_t{n_chunk_} * (n_ctx_ - 1 - n_ctx_ / 2); }

 private:
  MappedFile file_;
  int n_ctx_ = 0, n_vocab_ = 0, n_chunk_ = 0;
  std::vector<Token> tokens_;
  const std::byte* rows_ = nullptr;
  size_t row_bytes_ = 0;
};

}  // namespace engine
