// Unigram on vocabularies small enough to check by hand, and against SentencePiece.
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "engine/core/base64.h"
#include "engine/core/json_io.h"
#include "tests/text/charsmap_builder.h"
#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

using Texts = std::vector<std::string>;

// <pad>, </s>, <unk>, then words with scores. One space goes before each word.
TinyVocab tiny_unigram() {
  TinyVocab v;
  v.data.model = "t5";
  v.data.add_space_prefix = v.data.remove_extra_whitespaces = true;
  v.add("<pad>", TokenType::control);
  v.add("</s>", TokenType::control);
  v.add("<unk>", TokenType::unknown);
  for (const auto& [text, score] : {std::pair{"▁", -3.0f},
                                    {"a", -4.0f},
                                    {"b", -4.0f},
                                    {"c", -4.0f},
                                    {"ab", -6.0f},
                                    {"bc", -5.0f},
                                    {"▁a", -6.5f},
                                    {"▁abc", -20.0f},
                                    {"é", -5.0f},
                                    {"\uFFFD", -9.0f}})
    v.add(text, TokenType::normal, score);
  return v;
}

Texts plain(TinyVocab& v, std::string_view text) {
  return spelled(*v.tokenizer(), text, {false, false});
}

TEST(Unigram, the_largest_sum_wins) {
  TinyVocab v = tiny_unigram();
  EXPECT_EQ(plain(v, "abc"), (Texts{"▁a", "bc"})) << "-11.5, against -13 for ▁ ab c";
  EXPECT_EQ(plain(v, "ab"), (Texts{"▁", "ab"})) << "-9, against -10.5 for ▁a b";
  v.add("▁ab", TokenType::normal, -9.0f);
  EXPECT_EQ(plain(v, "ab"), (Texts{"▁ab"})) << "of equal sums the one whose last token is longer";
  EXPECT_EQ(plain(v, ""), Texts{});
}

TEST(Unigram, unknown_characters) {
  TinyVocab v = tiny_unigram();
  EXPECT_EQ(plain(v, "aüüb"), (Texts{"▁a", "<unk>", "b"})) << "a run is one token";
  EXPECT_EQ(plain(v, "ü ü"), (Texts{"▁", "<unk>", "▁", "<unk>"}));
  EXPECT_EQ(plain(v, "é"), (Texts{"▁", "é"}));
  EXPECT_EQ(plain(v, "😀"), (Texts{"▁", "<unk>"}));
  EXPECT_EQ(plain(v, std::string_view("a\0b", 3)), (Texts{"▁a", "<unk>", "b"}));
  EXPECT_EQ(plain(v, "\xff"), (Texts{"▁", "\uFFFD"})) << "a byte that is no character";
  EXPECT_EQ(plain(v, "a\xe3\x81"), (Texts{"▁a", "\uFFFD", "\uFFFD"}));
  v.entries[2].text = "<nothing>";
  v.entries[2].type = TokenType::normal;
  EXPECT_EQ(plain(v, "aüb"), (Texts{"▁a", "<nothing>", "b"})) << "by its default id";
}

TEST(Unigram, a_vocabulary_without_unknown_token) {
  TinyVocab v;
  v.data.model = "t5";
  v.add("a");
  v.add("b");
  EXPECT_EQ(plain(v, "aüb"), (Texts{"a", "b"}));
}

TEST(Unigram, an_unknown_character_costs_more_than_any_token) {
  TinyVocab v = tiny_unigram();
  v.add("bü", TokenType::normal, -29.0f);  // worst score, so that an unknown one has -39
  EXPECT_EQ(plain(v, "bü"), (Texts{"▁", "bü"}));
  v.add("ü", TokenType::normal, -24.0f);
  EXPECT_EQ(plain(v, "bü"), (Texts{"▁", "b", "ü"}));
}

TEST(Unigram, spaces) {
  TinyVocab v = tiny_unigram();
  v.add("▁▁", TokenType::normal, -3.5f);
  const auto with = [&](bool prefix, bool remove) {
    v.data.add_space_prefix = prefix;
    v.data.remove_extra_whitespaces = remove;
    return plain(v, "  a  c ");
  };
  EXPECT_EQ(with(true, true), (Texts{"▁a", "▁", "c"}));
  EXPECT_EQ(with(false, true), (Texts{"▁a", "▁", "c"})) << "each word has its mark anyway";
  EXPECT_EQ(with(true, false), (Texts{"▁▁", "▁a", "▁▁", "c", "▁"}));
  EXPECT_EQ(with(false, false), (Texts{"▁▁", "a", "▁▁", "c", "▁"}));
  v.data.add_space_prefix = v.data.remove_extra_whitespaces = std::nullopt;
  EXPECT_EQ(plain(v, "a a"), (Texts{"a", "▁a"})) << "neither, unless a key asks for it";
  v.data.add_space_prefix = true;
  EXPECT_EQ(plain(v, " "), (Texts{"▁"})) << "the prefix belongs to a word";
}

TEST(Unigram, special_tokens) {
  TinyVocab v = tiny_unigram();
  v.add("<x>", TokenType::user_defined, -1000.0f);
  EXPECT_EQ(plain(v, "a<x>a</s>b"), (Texts{"▁a", "<x>", "▁a", "<unk>", "b"}))
      << "control tokens are text, in plain text";
  EXPECT_EQ(spelled(*v.tokenizer(), "a<x>a</s>b", {true, true}),
            (Texts{"▁a", "<x>", "▁a", "</s>", "▁", "b", "</s>"}))
      << "an end token by default";
  v.data.ids.bos = v.add("<s>", TokenType::control);
  v.data.add_bos = true;
  v.data.add_eos = false;
  EXPECT_EQ(spelled(*v.tokenizer(), "a", {true, true}), (Texts{"<s>", "▁a"}));
}

// The stored type counts: </s> ends a generation and thereby becomes a control token, which plain
// text does not spell; as a user-defined token it stays one of the pieces.
TEST(Unigram, types) {
  TinyVocab v = tiny_unigram();
  v.entries[1].type = TokenType::user_defined;
  EXPECT_EQ(plain(v, "b</s>c"), (Texts{"▁", "b", "</s>", "c"}));
  v.add("bca", TokenType::unused, -1.0f);
  v.add("cab", TokenType::control, -1.0f);
  v.add("cba", TokenType::undefined, -1.0f);
  v.add("<0x41>", TokenType::byte, -1.0f);
  EXPECT_EQ(plain(v, "bca"), (Texts{"▁", "bca"}));
  EXPECT_EQ(plain(v, "cab"), (Texts{"▁", "c", "ab"}));
  EXPECT_EQ(plain(v, "cba"), (Texts{"▁", "c", "b", "a"}));
  EXPECT_EQ(plain(v, "A<0x41>"), (Texts{"▁", "<unk>"})) << "no token spells a byte";
  EXPECT_EQ(v.tokenizer()->piece(v.tokenizer()->find("<0x41>")), "A");
  const Token first = v.add("ac", TokenType::normal, -1), last = v.add("ac", TokenType::normal, -1);
  EXPECT_EQ(encode(*v.tokenizer(), "ac").back(), last) << "not " << first;
}

TEST(Unigram, text_is_normalized) {
  TinyVocab v = tiny_unigram();
  v.add("▁x", TokenType::normal, -5.0f);
  v.add("A!", TokenType::user_defined);
  v.data.charsmap = CharsmapBuilder::build({{"A", "a"},
                                            {"A!", "c"},
                                            {"AB", "bc"},
                                            {"e\u0301", "é"},
                                            {"\t", " "},
                                            {"\u00ad", ""},
                                            {"Ⅻ", "x x"},
                                            {"\xfe", "b"},
                                            {"?", "\xe3"}});
  EXPECT_EQ(plain(v, "Ab"), (Texts{"▁", "ab"}));
  EXPECT_EQ(plain(v, "AB"), (Texts{"▁", "bc"})) << "the longest sequence";
  EXPECT_EQ(plain(v, "e\u0301\t\ta"), (Texts{"▁", "é", "▁a"}));
  EXPECT_EQ(plain(v, "a\u00adb"), (Texts{"▁", "ab"})) << "deleted";
  EXPECT_EQ(plain(v, "Ⅻ"), (Texts{"▁x", "▁x"})) << "spaces of a replacement part words";
  EXPECT_EQ(plain(v, "\xfe\xff"), (Texts{"▁", "b", "\uFFFD"})) << "bytes can be replaced too";
  EXPECT_EQ(plain(v, "?"), (Texts{"▁", "<unk>"})) << "a replacement that is no character";
  EXPECT_EQ(plain(v, "?a"), (Texts{"▁", "<unk>"})) << "it takes what follows for its own";
  EXPECT_EQ(plain(v, "A!"), (Texts{"A!"})) << "user-defined tokens stay as they are";
  EXPECT_EQ(plain(v, "\u00ad"), Texts{});
  v.data.charsmap.pop_back();
  const Result<std::unique_ptr<Tokenizer>> made = v.make();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::corrupt);
  EXPECT_NE(made.error().message.find("charsmap"), std::string::npos) << made.error().message;
}

TEST(Unigram, scores_that_are_no_numbers) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    TinyVocab v = tiny_unigram();
    v.entries[0].score = bad;  // a control token needs none
    EXPECT_TRUE(v.make());
    v.entries[4].score = bad;
    const Result<std::unique_ptr<Tokenizer>> made = v.make();
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::corrupt);
    EXPECT_EQ(made.error().message, "the score of token 4 ('a') is no number");
  }
  TinyVocab v = tiny_unigram();
  for (TinyVocab::Entry& e : v.entries) e.score = -std::numeric_limits<float>::max();
  EXPECT_EQ(plain(v, "a c"), (Texts{"▁a", "▁", "c"})) << "the worst that there can be";
  TinyVocab none;
  none.data.model = "t5";
  for (const char* text : {"<pad>", "</s>", "<unk>"}) none.add(text, TokenType::control);
  EXPECT_EQ(plain(none, "ab"), (Texts{"<unk>"})) << "a vocabulary without pieces";
}

TEST(Unigram, pieces) {
  TinyVocab v = tiny_unigram();
  const auto t = v.tokenizer();
  EXPECT_EQ(t->piece(t->find("▁abc")), " abc");
  EXPECT_EQ(t->piece(2), "");
  EXPECT_EQ(t->piece(2, true), "<unk>");
  const std::vector<Token> ids = encode(*t, "abc  é", {true, true});
  EXPECT_EQ(t->detokenize(ids, {true, false}), "abc é");
  EXPECT_EQ(t->detokenize(ids, {false, true}), "abc é</s>");
}

// Every way to cut short texts, and the best of them.
TEST(Unigram, any_text_is_cut_as_well_as_can_be) {
  TinyVocab v = tiny_unigram();
  std::mt19937 random(5);
  for (const char* text : {"aa", "aab", "ba", "bab", "▁b", "▁aa", "cab", "aabc", "bcb", "cc"})
    v.add(text, TokenType::normal, -static_cast<float>(random() % 97) / 7);
  const auto t = v.tokenizer();
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (unsigned n = 1 + random() % 14; n > 0; --n) text += "aabbc"[random() % 5];
    const std::string whole = "▁" + text;
    std::vector<double> best(whole.size() + 1, -INFINITY);
    best[0] = 0;
    for (size_t end = 1; end <= whole.size(); ++end)
      for (size_t from = 0; from < end; ++from)
        if (const Token id = t->find(whole.substr(from, end - from)); id != kNoToken)
          best[end] =
              std::max(best[end], best[from] + double{v.entries[static_cast<size_t>(id)].score});
    double sum = 0;
    const std::vector<Token> ids = encode(*t, text);
    for (const Token id : ids) sum += double{v.entries[static_cast<size_t>(id)].score};
    ASSERT_NEAR(sum, best.back(), 1e-9) << text;
    ASSERT_EQ(pieces(*t, ids), " " + text);
  }
}

TEST(Unigram, a_word_of_a_megabyte) {
  TinyVocab v = tiny_unigram();
  v.add("aa", TokenType::normal, -5);
  v.add("aaaa", TokenType::normal, -6);
  v.data.charsmap = CharsmapBuilder::build({{"A", "a"}, {"AAAAAAAAAAAAAAAAb", ""}});
  EXPECT_EQ(encode(*v.tokenizer(), std::string(1 << 20, 'a')).size(), (size_t{1} << 18) + 1);
  EXPECT_EQ(encode(*v.tokenizer(), std::string(1 << 20, 'A')).size(), (size_t{1} << 18) + 1);
  EXPECT_EQ(encode(*v.tokenizer(), std::string(1 << 20, 'z')).size(), 2u);
  EXPECT_EQ(encode(*v.tokenizer(), std::string(1 << 20, ' ')).size(), 0u);
}

// data/unigram.json, by make_unigram_golden.py.
TEST(Unigram, cuts_as_sentencepiece_does) {
  std::ifstream in(ENGINE_SOURCE_DIR "/tests/text/data/unigram.json");
  std::stringstream text;
  text << in.rdbuf();
  const Result<Json> json = parse_json(text.str());
  ASSERT_TRUE(json) << json.error().message;
  TinyVocab v;
  v.data.model = "t5";
  for (const Json& p : (*json)["pieces"])
    v.add(p[0].get<std::string>(), static_cast<TokenType>(p[2].get<int>()), p[1].get<float>());
  v.data.ids.unk = 0;
  const auto charsmap = decode_base64((*json)["charsmap"].get<std::string>());
  ASSERT_TRUE(charsmap);
  ASSERT_GT(charsmap->size(), 1000u);
  v.data.charsmap = *charsmap;
  v.data.add_space_prefix = v.data.remove_extra_whitespaces = true;
  const auto trained = v.tokenizer();
  v.data.add_space_prefix = v.data.remove_extra_whitespaces = false;
  const auto spaces_kept = v.tokenizer();
  const Json& cases = (*json)["cases"];
  ASSERT_GE(cases.size(), 80u);
  for (const Json& c : cases) {
    const std::string input = c[0].get<std::string>();
    EXPECT_EQ(encode(*trained, input, {false, false}), c[1].get<std::vector<Token>>()) << input;
    EXPECT_EQ(encode(*spaces_kept, input, {false, false}), c[2].get<std::vector<Token>>()) << input;
  }
}

}  // namespace
}  // namespace engine
