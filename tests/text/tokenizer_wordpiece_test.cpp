// WordPiece on a vocabulary small enough to check by hand.
#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

using Texts = std::vector<std::string>;

TinyVocab tiny_wordpiece() {
  TinyVocab v;
  v.data.model = "bert";
  for (const char* special : {"[PAD]", "[CLS]", "[SEP]", "[UNK]"})
    v.add(special, TokenType::control);
  for (const char* text : {"▁un", "aff", "able", "▁a", "b", "▁ab", "c", "▁.", "▁,", "▁+", "▁安",
                           "▁e", "▁E", "▁é", "▁i", "▁¤", "¤", "▁İ"})
    v.add(text);
  v.data.ids.bos = 1, v.data.ids.sep = 2, v.data.ids.unk = 3, v.data.ids.pad = 0;
  return v;
}

TEST(WordPiece, the_longest_piece_from_the_left) {
  const auto t = tiny_wordpiece().tokenizer();
  EXPECT_EQ(spelled(*t, "unaffable"), (Texts{"▁un", "aff", "able"}));
  EXPECT_EQ(spelled(*t, "abc"), (Texts{"▁ab", "c"}));
  EXPECT_EQ(spelled(*t, "ab b"), (Texts{"▁ab", "[UNK]"})) << "b only continues words";
  EXPECT_EQ(spelled(*t, "unaffx un"), (Texts{"[UNK]", "▁un"})) << "nothing of the word stays";
  EXPECT_EQ(spelled(*t, ""), Texts{});
  EXPECT_EQ(spelled(*t, " \t\n "), Texts{});
}

TEST(WordPiece, words) {
  const auto t = tiny_wordpiece().tokenizer();
  EXPECT_EQ(spelled(*t, "a,ab+.\n un"), (Texts{"▁a", "▁,", "▁ab", "▁+", "▁.", "▁un"}));
  EXPECT_EQ(spelled(*t, "安安a"), (Texts{"▁安", "▁安", "▁a"}));
  EXPECT_EQ(spelled(*t, "¤¤"), (Texts{"▁¤", "¤"})) << "only ASCII symbols stand alone";
  EXPECT_EQ(spelled(*t, "a\xc2\xa0un\xe3\x80\x80un"), (Texts{"▁a", "▁un", "▁un"}));
  EXPECT_EQ(spelled(*t, std::string_view("a\0b\x07\xef\xbf\xbd\xff"
                                         "c",
                                         9)),
            (Texts{"▁ab", "c"}))
      << "control characters and broken bytes vanish";
}

TEST(WordPiece, case_and_accents) {
  TinyVocab v = tiny_wordpiece();
  EXPECT_EQ(spelled(*v.tokenizer(), "UNaffABLE É e\u0301 \u0130"),
            (Texts{"▁un", "aff", "able", "▁e", "▁e", "▁i"}));
  v.data.lowercase = false;  // and with it the accents stay
  EXPECT_EQ(spelled(*v.tokenizer(), "UN E é İ"), (Texts{"[UNK]", "▁E", "▁é", "▁İ"}));
  v.data.strip_accents = true;
  EXPECT_EQ(spelled(*v.tokenizer(), "É E"), (Texts{"▁E", "▁E"}));
  v.data.lowercase = true, v.data.strip_accents = false;
  EXPECT_EQ(spelled(*v.tokenizer(), "É"), (Texts{"▁é"}));
}

TEST(WordPiece, begin_and_end_whatever_the_flags_say) {
  TinyVocab v = tiny_wordpiece();
  v.data.add_bos = false, v.data.add_eos = false, v.data.add_sep = false;
  const auto t = v.tokenizer();
  std::vector<Token> ids;
  ASSERT_TRUE(t->encode("a", {}, ids));
  EXPECT_EQ(ids, (std::vector<Token>{1, t->find("▁a"), 2}));
  EXPECT_EQ(t->detokenize(ids, {.remove_special = true}), " a");
  ids.clear();
  ASSERT_TRUE(t->encode("", {}, ids));
  EXPECT_EQ(ids, (std::vector<Token>{1, 2}));
}

TEST(WordPiece, default_ids_of_the_published_vocabularies) {
  TinyVocab v;
  v.data.model = "bert";
  for (int i = 0; i < 110; ++i) v.add("▁w" + std::to_string(i));
  const auto t = v.tokenizer();
  const SpecialIds& ids = t->ids();
  EXPECT_EQ(ids.bos, 101);
  EXPECT_TRUE(t->vocabulary().rules().add_sep) << "between the texts of a pair";
  EXPECT_EQ(ids.unk, 100);
  EXPECT_EQ(ids.sep, 102);
  EXPECT_EQ(ids.mask, 103);
  EXPECT_EQ(ids.pad, 0);
}

}  // namespace
}  // namespace engine
