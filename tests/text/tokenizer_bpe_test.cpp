// Byte-level BPE on vocabularies small enough to check by hand.
#include <random>

#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

using Texts = std::vector<std::string>;

TEST(Bpe, merges_by_rank) {
  const auto t = tiny_bpe().tokenizer();
  EXPECT_EQ(spelled(*t, "hello"), (Texts{"hello"}));
  EXPECT_EQ(spelled(*t, " hello"), (Texts{"Ġ", "hello"}))
      << "the merges of the word come before that of the space";
  EXPECT_EQ(spelled(*t, " he"), (Texts{"Ġhe"}));
  EXPECT_EQ(spelled(*t, "lll"), (Texts{"ll", "l"})) << "of equal ranks the leftmost";
  EXPECT_EQ(spelled(*t, ""), Texts{});
}

TEST(Bpe, merges_stay_inside_words) {
  const auto t = tiny_bpe().tokenizer();
  EXPECT_EQ(spelled(*t, "1212"), (Texts{"12", "12"}));
  TinyVocab v = tiny_bpe();
  v.data.pre = "qwen2";  // every digit is a word
  EXPECT_EQ(spelled(*v.tokenizer(), "12"), (Texts{"1", "2"}));
}

TEST(Bpe, every_byte_round_trips) {
  const auto t = tiny_bpe().tokenizer();
  std::string text = "hello, \xc3\xa9\xe4\xbd\xa0\xf0\x9f\x9a\x80\r\n\t";
  text += '\0';
  for (int c = 1; c < 128; ++c) text += static_cast<char>(c);
  EXPECT_EQ(pieces(*t, encode(*t, text)), text);
}

TEST(Bpe, invalid_utf8_becomes_replacement_characters) {
  const auto t = tiny_bpe().tokenizer();
  EXPECT_EQ(pieces(*t, encode(*t, "a\xff\xc3")), "a\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(pieces(*t, encode(*t, "\xed\xa0\x80")), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Bpe, a_rank_counts_once) {
  TinyVocab v = tiny_bpe();
  v.merges = {"b c", "a b", "b c", "a b"};
  v.add("ab");
  v.add("bc");
  EXPECT_EQ(spelled(*v.tokenizer(), "abc"), (Texts{"a", "bc"})) << "the first of repeated lines";
}

TEST(Bpe, merge_of_spaces_splits_at_the_second_byte) {
  TinyVocab v = tiny_bpe();
  v.data.model = "gemma4";
  v.merges = {"▁ ▁", "  x"};  // "  x": the left part is a space itself
  v.add("▁▁");
  v.add("▁");
  EXPECT_EQ(spelled(*v.tokenizer(), "  "), (Texts{"▁▁"}));
}

TEST(Bpe, a_merge_without_token_still_joins) {
  TinyVocab v = tiny_bpe();
  v.merges = {"x y", "xy z"};
  v.add("xyz");
  const auto t = v.tokenizer();
  EXPECT_EQ(spelled(*t, "xyz"), (Texts{"xyz"})) << "through a text that is no token";
  EXPECT_EQ(spelled(*t, "xy"), (Texts{"x", "y"})) << "left over, it is spelled";
}

TEST(Bpe, ignore_merges_takes_whole_words) {
  TinyVocab v = tiny_bpe();
  v.add("Ġword");
  EXPECT_EQ(spelled(*v.tokenizer(), " word").size(), 5u);
  v.data.pre = "llama-bpe";
  EXPECT_EQ(spelled(*v.tokenizer(), " word"), (Texts{"Ġword"}));
}

TEST(Bpe, bytes_without_a_token_are_lost) {
  TinyVocab v;
  v.data.model = "gpt2";
  v.data.pre = "gpt-2";
  v.add("a");
  v.merge("a", "a");
  EXPECT_EQ(spelled(*v.tokenizer(), "aab"), (Texts{"aa"}));
}

TEST(Bpe, pieces_of_foreign_characters) {
  TinyVocab v = tiny_bpe();
  const Token foreign = v.add("你a"), unused = v.add("reserved", TokenType::unused);
  const auto t = v.tokenizer();
  EXPECT_EQ(t->piece(foreign), "[UNK_BYTE_0xe4bda0你a]a");
  EXPECT_EQ(t->piece(unused), "");
  EXPECT_EQ(t->piece(-1), "");
  EXPECT_EQ(t->piece(t->size()), "");
}

TEST(Bpe, gemma4_has_plain_texts_and_newline_words) {
  TinyVocab v;
  v.data.model = "gemma4";
  v.data.ids.bos = v.add("<bos>", TokenType::control);
  const Token byte = v.add("<0xC3>", TokenType::byte);
  v.add("<0xA9>", TokenType::byte);
  for (const char* c : {"a", "b", "▁", "\n"}) v.add(c);
  v.add("\n\n");  // by no merge
  v.merge("▁", "a");
  v.data.add_bos = false;
  const auto t = v.tokenizer();
  EXPECT_EQ(spelled(*t, " ab a"), (Texts{"▁a", "b", "▁a"}));
  EXPECT_EQ(spelled(*t, "a\n\nb"), (Texts{"a", "\n\n", "b"}));
  EXPECT_EQ(spelled(*t, "é"), (Texts{"<0xC3>", "<0xA9>"}));
  EXPECT_EQ(t->piece(byte), "\xc3");
  EXPECT_EQ(pieces(*t, encode(*t, " ab é\n\n")), " ab é\n\n");
  EXPECT_EQ(spelled(*t, "a", {true, true}), (Texts{"<bos>", "a"})) << "whatever the key says";
}

// Long words go through a heap, short ones through a scan: both must
// do what the rule says, literally.
TEST(Bpe, long_words_merge_by_the_same_rule) {
  TinyVocab v = tiny_bpe();
  v.merges.clear();
  std::mt19937 random(7);
  std::vector<std::string> known = {"a", "b", "c"};
  for (int i = 0; i < 60; ++i) {
    const std::string a = known[random() % known.size()], b = known[random() % known.size()];
    v.merge(a, b);
    known.push_back(a + b);
  }
  const auto t = v.tokenizer();
  const auto rank = [&](const std::string& a, const std::string& b) {
    return std::find(v.merges.begin(), v.merges.end(), a + " " + b) - v.merges.begin();
  };
  for (int round = 0; round < 300; ++round) {
    std::string word;
    for (unsigned n = 1 + random() % 120; n > 0; --n) word += static_cast<char>('a' + random() % 3);
    Texts expected;
    for (const char c : word) expected.emplace_back(1, c);
    for (;;) {
      size_t best = expected.size();
      ptrdiff_t best_rank = static_cast<ptrdiff_t>(v.merges.size());
      for (size_t i = 0; i + 1 < expected.size(); ++i)
        if (const ptrdiff_t r = rank(expected[i], expected[i + 1]); r < best_rank)
          best = i, best_rank = r;
      if (best == expected.size()) break;
      expected[best] += expected[best + 1];
      expected.erase(expected.begin() + static_cast<ptrdiff_t>(best) + 1);
    }
    ASSERT_EQ(spelled(*t, word), expected) << word;
  }
}

TEST(Bpe, a_word_of_a_megabyte) {
  TinyVocab v = tiny_bpe();
  v.merge("ll", "ll");
  const auto t = v.tokenizer();
  EXPECT_EQ(encode(*t, std::string(1 << 20, 'l')).size(), size_t{1} << 18);
}

TEST(Bpe, newline) {
  EXPECT_EQ(tiny_bpe().tokenizer()->newline(), '\n');
}

}  // namespace
}  // namespace engine
