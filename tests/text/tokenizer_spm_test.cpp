// SentencePiece-style BPE on a vocabulary small enough to check by hand.
#include <cmath>
#include <random>

#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

using Texts = std::vector<std::string>;

TEST(Spm, the_best_score_joins_first) {
  const auto t = tiny_spm().tokenizer();
  EXPECT_EQ(spelled(*t, "abc"), (Texts{"▁a", "bc"})) << "▁a before ab, then bc";
  EXPECT_EQ(spelled(*t, "dabc"), (Texts{"▁", "d", "abc"}));
  EXPECT_EQ(spelled(*t, ""), Texts{});
}

TEST(Spm, equal_scores_join_from_the_left) {
  TinyVocab v = tiny_spm();
  v.add("dd", TokenType::normal, 0.0f);
  v.add("da", TokenType::normal, -0.0f);
  const auto t = v.tokenizer();
  EXPECT_EQ(spelled(*t, "cddda"), (Texts{"▁", "c", "dd", "da"}));
  EXPECT_EQ(spelled(*t, "cdda"), (Texts{"▁", "c", "dd", "a"}));
}

TEST(Spm, a_space_goes_before_each_stretch_of_text) {
  TinyVocab v = tiny_spm();
  v.add("<x>", TokenType::user_defined);
  EXPECT_EQ(spelled(*v.tokenizer(), "a<x>a<s>a"), (Texts{"▁a", "<x>", "▁a", "<s>", "▁a"}));
  v.data.add_space_prefix = false;
  EXPECT_EQ(spelled(*v.tokenizer(), "a<x>a"), (Texts{"a", "<x>", "a"}));
}

TEST(Spm, spaces) {
  const auto t = tiny_spm().tokenizer();
  EXPECT_EQ(spelled(*t, "  a  a "), (Texts{"▁▁", "▁a", "▁", "▁a", "▁"}));
}

TEST(Spm, bytes_of_unknown_characters) {
  const auto t = tiny_spm().tokenizer();
  EXPECT_EQ(spelled(*t, "ü"), (Texts{"▁", "<0xC3>", "<0xBC>"}));
  EXPECT_EQ(spelled(*t, "é"), (Texts{"▁", "é"}));
  EXPECT_EQ(spelled(*t, "\xff"), (Texts{"▁", "<0xFF>"})) << "invalid bytes survive";
  EXPECT_EQ(spelled(*t, "\xe3"), (Texts{"▁", "<0xE3>"})) << "a lead byte at the end";
  EXPECT_EQ(spelled(*t, std::string_view("\0", 1)), (Texts{"▁", "<0x00>"}));
  EXPECT_EQ(spelled(*t, "\xe3 a"), (Texts{"▁", "<0xE3>", "<0xE2>", "<0x96>", "<0x81>", "a"}))
      << "a broken lead byte takes two bytes of the space for its own";
}

TEST(Spm, without_byte_tokens) {
  TinyVocab v;
  v.data.model = "llama";
  const Token unk = v.add("<unk>", TokenType::unknown);
  v.add("<s>", TokenType::control);
  v.add("</s>", TokenType::control);
  const Token space = v.add("▁");
  EXPECT_EQ(encode(*v.tokenizer(), "?"), (std::vector<Token>{space, unk}));
}

TEST(Spm, pieces) {
  const auto t = tiny_spm().tokenizer();
  const Vocabulary& v = t->vocabulary();
  EXPECT_EQ(t->piece(v.find("▁▁")), "  ");
  EXPECT_EQ(t->piece(v.find("<0x0A>")), "\n");
  EXPECT_EQ(t->piece(v.find("<0xfF>")), "");
  EXPECT_EQ(t->piece(v.find("<0xFF>")), "\xff");
  EXPECT_EQ(t->piece(0), "");
  EXPECT_EQ(t->piece(0, true), "<unk>");
  EXPECT_EQ(t->newline(), v.find("<0x0A>"));
  const std::string text = "abc  d é ü \n";
  EXPECT_EQ(pieces(*t, encode(*t, text)), " " + text);
}

// Word by word, whole text at once, short lists and long ones: all must do what the rule says,
// literally. The second vocabulary has a token with a space inside,
// so that words cannot be merged on their own.
TEST(Spm, any_text_merges_by_the_same_rule) {
  for (const bool space_inside : {false, true}) {
    TinyVocab v = tiny_spm();
    std::mt19937 random(11);
    for (const char* text : {"aa", "aab", "ba", "bab", "▁b", "▁▁▁", "▁▁a", "cab", "aabc", "bcd"})
      v.add(text, TokenType::normal, -static_cast<float>(random() % 8));
    if (space_inside)
      v.add("b▁", TokenType::normal, -0.5f), v.add("b▁a", TokenType::normal, -0.25f);
    const auto t = v.tokenizer();
    for (int round = 0; round < 300; ++round) {
      std::string text;
      for (unsigned n = 1 + random() % 90; n > 0; --n) text += "aabbcd  "[random() % 8];
      Texts expected{"▁"};
      for (const char c : text) expected.emplace_back(c == ' ' ? "▁" : std::string(1, c));
      for (;;) {
        size_t best = expected.size();
        float best_score = -INFINITY;
        for (size_t i = 0; i + 1 < expected.size(); ++i) {
          const Token id = t->find(expected[i] + expected[i + 1]);
          if (id != kNoToken && t->vocabulary().score(id) > best_score)
            best = i, best_score = t->vocabulary().score(id);
        }
        if (best == expected.size()) break;
        expected[best] += expected[best + 1];
        expected.erase(expected.begin() + static_cast<ptrdiff_t>(best) + 1);
      }
      ASSERT_EQ(spelled(*t, text), expected) << text;
    }
  }
}

TEST(Spm, a_word_of_a_megabyte) {
  TinyVocab v = tiny_spm();
  v.add("dd", TokenType::normal, -1);
  v.add("dddd", TokenType::normal, -2);
  EXPECT_EQ(encode(*v.tokenizer(), std::string(1 << 20, 'd')).size(), (size_t{1} << 18) + 1);
}

}  // namespace
}  // namespace engine
