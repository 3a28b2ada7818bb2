// Vocabularies small enough to work out by hand what they must do.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/byte_map.h"
#include "engine/text/tokenizer.h"

namespace engine {

// Tokens added one by one; owns the texts that VocabData looks at.
struct TinyVocab {
  struct Entry {
    std::string text;
    TokenType type;
    float score;
  };
  std::vector<Entry> entries;
  std::vector<std::string> merges;
  VocabData data;

  Token add(std::string text, TokenType type = TokenType::normal, float score = 0) {
    entries.push_back({std::move(text), type, score});
    return static_cast<Token>(entries.size() - 1);
  }

  // Merges name texts as stored; each result becomes a token unless it is one.
  void merge(const std::string& a, const std::string& b) {
    merges.push_back(a + " " + b);
    for (const Entry& e : entries)
      if (e.text == a + b) return;
    add(a + b);
  }

  Result<std::unique_ptr<Tokenizer>> make() {
    data.tokens.clear();
    data.scores.clear();
    data.types.clear();
    data.merges.assign(merges.begin(), merges.end());
    for (const Entry& e : entries) {
      data.tokens.push_back(e.text);
      data.scores.push_back(e.score);
      data.types.push_back(static_cast<int32_t>(e.type));
    }
    return make_tokenizer(data);
  }

  std::unique_ptr<Tokenizer> tokenizer() {
    Result<std::unique_ptr<Tokenizer>> made = make();
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
};

// The 256 bytes as ids 0 to 255, then merges for "hello", " he" and digits.
inline TinyVocab tiny_bpe() {
  TinyVocab v;
  v.data.model = "gpt2";
  v.data.pre = "gpt-2";
  for (int b = 0; b < 256; ++b) v.add(std::string(kByteMap.text[static_cast<size_t>(b)].view()));
  v.merge("l", "l");
  v.merge("h", "e");
  v.merge("he", "ll");
  v.merge("hell", "o");
  v.merge("Ġ", "he");
  v.merge("1", "2");
  v.data.ids.bos = v.add("<s>", TokenType::control);
  v.data.ids.eos = v.add("</s>", TokenType::control);
  return v;
}

// <unk>, <s>, </s>, the 256 byte tokens, then words with scores: higher joins first.
inline TinyVocab tiny_spm() {
  TinyVocab v;
  v.data.model = "llama";
  v.add("<unk>", TokenType::unknown);
  v.add("<s>", TokenType::control);
  v.add("</s>", TokenType::control);
  for (int b = 0; b < 256; ++b) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", b);
    v.add(text, TokenType::byte);
  }
  float score = -1;
  for (const char* text : {"▁a", "ab", "bc", "▁▁", "abc", "▁abcd"})
    v.add(text, TokenType::normal, score--);
  for (const char* text : {"▁", "a", "b", "c", "d", "é"}) v.add(text, TokenType::normal, -100);
  return v;
}

inline std::vector<Token> encode(const Tokenizer& t, std::string_view text,
                                 EncodeFlags flags = {false, true}) {
  std::vector<Token> ids;
  const Status status = t.encode(text, flags, ids);
  EXPECT_TRUE(status) << status.error().message;
  return ids;
}

// What encode() made, as the texts of the tokens.
inline std::vector<std::string> spelled(const Tokenizer& t, std::string_view text,
                                        EncodeFlags flags = {false, true}) {
  std::vector<std::string> out;
  for (const Token id : encode(t, text, flags)) out.emplace_back(t.vocabulary().text(id));
  return out;
}

inline std::string pieces(const Tokenizer& t, const std::vector<Token>& ids, bool special = false) {
  std::string out;
  for (const Token id : ids) t.append_piece(id, special, out);
  return out;
}

}  // namespace engine
