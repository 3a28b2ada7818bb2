// TokenTrie: the texts of a vocabulary as a tree of bytes, so that one walk finds all tokens that a
// grammar allows. Built once per model; immutable, thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/row_output.h"

namespace engine::grammar {

class TokenTrie {
 public:
  static constexpr size_t kMaxTokenBytes = 4096;  // longer tokens are never allowed

  // pieces: the bytes of every token; empty for those that have no text. ends: the tokens that end
  // a text.
  TokenTrie(const std::vector<std::string>& pieces, std::vector<Token> ends);

  struct Node {      // in depth-first order
    Token token;     // -1: no token ends here
    uint32_t skip;   // index behind the last node below
    uint16_t depth;  // bytes from the root, from 1
    uint8_t byte;
  };
  // Tokens of characters that stand for themselves in a JSON string, and all others.
  std::span<const Node> text_nodes() const { return text_; }
  std::span<const Node> other_nodes() const { return other_; }
  std::span<const uint64_t> text_mask() const { return text_mask_; }  // the tokens of text_nodes()

  size_t size() const { return offsets_.size() - 1; }
  size_t words() const { return (size() + 63) / 64; }  // of a mask
  std::string_view piece(Token t) const {
    const auto i = static_cast<size_t>(t);
    return std::string_view(bytes_).substr(offsets_[i], offsets_[i + 1] - offsets_[i]);
  }
  bool is_end(Token t) const {
    return (end_mask_[static_cast<size_t>(t) / 64] >> (t % 64) & 1) != 0;
  }
  std::span<const Token> ends() const { return ends_; }
  Token same_text(Token t) const { return same_[static_cast<size_t>(t)]; }  // another one, or -1
  size_t depth() const { return depth_; }

 private:
  std::vector<Node> build(std::vector<Token> tokens);

  std::string bytes_;
  std::vector<size_t> offsets_;
  std::vector<Node> text_, other_;
  std::vector<uint64_t> text_mask_, end_mask_;
  std::vector<Token> ends_, same_;
  size_t depth_ = 0;
};

}  // namespace engine::grammar
