// Words of each pre-tokenizer: the patterns, their order, and hostile text.
#include "engine/text/pretokenize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "engine/text/unicode.h"

namespace engine {
namespace {

using Words = std::vector<std::string>;

struct Line {
  const char *name, *flags, *patterns;
};
constexpr Line kLines[] = {
#define PATTERN(name, regex)
#define SCAN(name)
#define PRE(name, flags, ...) {name, #flags, #__VA_ARGS__},
#include "engine/text/pretokenizers.inc"
#undef PATTERN
#undef SCAN
#undef PRE
};

Words split(const char* pre, std::string_view text) {
  Result<Pretokenizer> made = Pretokenizer::make(pre);
  EXPECT_TRUE(made) << pre;
  std::vector<uint32_t> ends;
  const Status status = made->split(text, ends);
  EXPECT_TRUE(status) << pre;
  Words words;
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    EXPECT_GT(end, begin) << pre;
    words.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
  EXPECT_EQ(begin, text.size()) << pre;
  return words;
}

TEST(Pretokenize, unknown_name) {
  EXPECT_EQ(find_pre("no-such"), nullptr);
  const Result<Pretokenizer> made = Pretokenizer::make("no-such");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::unsupported);
  EXPECT_EQ(made.error().message, "unknown pre-tokenizer type: 'no-such'");
}

TEST(Pretokenize, flags) {
  EXPECT_TRUE(find_pre("llama-bpe")->ignore_merges && find_pre("llama-bpe")->add_bos);
  EXPECT_TRUE(find_pre("qwen2")->keep_spaces);
  EXPECT_FALSE(find_pre("gpt-2")->keep_spaces || find_pre("gpt-2")->ignore_merges ||
               find_pre("gpt-2")->plain);
  EXPECT_TRUE(find_pre("glm4")->no_bos && find_pre("roberta-bpe")->add_sep);
  EXPECT_TRUE(find_pre("gemma4")->gemma4 && find_pre("gemma4")->plain);
  EXPECT_TRUE(find_pre("sarvam-moe")->plain && !find_pre("sarvam-moe")->gemma4);
}

TEST(Pretokenize, every_name_covers_any_text) {
  for (const Line& line : kLines)
    for (const char* text : {"", " ", "a", "Hello, world's 12345 (x)  \n\n\t end ",
                             "\xe4\xbd\xa0\xe5\xa5\xbd\xe3\x80\x82 \xc3\x89\xc3\xa9\xcc\x81"})
      split(line.name, text);
}

TEST(Pretokenize, gpt2) {
  EXPECT_EQ(split("gpt-2", "it's 'S 123abc!?  x"),
            (Words{"it", "'s", " '", "S", " 123", "abc", "!?", " ", " x"}));
  EXPECT_EQ(split("gpt-2", "a  "), (Words{"a", "  "}));
  EXPECT_EQ(split("gpt-2", "a\n\n b"), (Words{"a", "\n\n", " b"}));
}

TEST(Pretokenize, llama3) {
  EXPECT_EQ(split("llama-bpe", "I'LL (see) 1234567!\n\nx"),
            (Words{"I", "'LL", " (", "see", ")", " ", "123", "456", "7", "!\n\n", "x"}));
  EXPECT_EQ(split("llama-bpe", "\r\n x \t y"), (Words{"\r\n", " x", " \t", " y"}));
}

TEST(Pretokenize, contractions_fold_ascii_only) {
  // long s: a letter with a prefix, as any other
  EXPECT_EQ(split("qwen2", "a'\xc5\xbf"), (Words{"a", "'\xc5\xbf"}));
  EXPECT_EQ(split("qwen2",
                  "a'\xc5\xbf"
                  "b"),
            (Words{"a",
                   "'\xc5\xbf"
                   "b"}));
  EXPECT_EQ(split("qwen2", "a'Sb"), (Words{"a", "'S", "b"}));
  EXPECT_EQ(split("ufakzeka", "a'Sb"), (Words{"a", "'Sb"}));
}

TEST(Pretokenize, digits) {
  EXPECT_EQ(split("qwen2", "1234"), (Words{"1", "2", "3", "4"}));
  EXPECT_EQ(split("minicpm5", "12345"), (Words{"123", "45"}));
  EXPECT_EQ(split("default", "a12345"), (Words{"a", "123", "45"}));
  EXPECT_EQ(split("smollm", "a12"), (Words{"a", "1", "2"}));
  EXPECT_EQ(split("deepseek-v3", "1234"), (Words{"123", "4"}));
}

TEST(Pretokenize, digits_in_threes_from_the_right) {
  EXPECT_EQ(split("tiny_aya", "x 1234567 y"), (Words{"x", " ", "1", "234", "567", " y"}));
  EXPECT_EQ(split("tiny_aya", "123456"), (Words{"123", "456"}));
  EXPECT_EQ(split("tiny_aya", "12"), (Words{"12"}));
  EXPECT_EQ(split("tiny_aya", "1234b"), (Words{"123", "4", "b"}))
      << "a run that goes on as a word is left to the next pattern";
  EXPECT_EQ(split("superbpe", "ab 1234567 c"), (Words{"ab ", "1", "234", "567", " c"}));
  EXPECT_EQ(split("superbpe", "\xd9\xa1\xd9\xa2\xd9\xa3\xd9\xa4"),
            (Words{"\xd9\xa1", "\xd9\xa2\xd9\xa3\xd9\xa4"}));
}

TEST(Pretokenize, letters_by_case) {
  EXPECT_EQ(split("gpt-4o", "HELLOworld's ABC'LL x"), (Words{"HELLOworld's", " ABC'LL", " x"}));
  EXPECT_EQ(split("gpt-4o", "abcDEF"), (Words{"abc", "DEF"}));
  EXPECT_EQ(split("gpt-4o",
                  "\xc3\x89"
                  "ABC abc\xc3\x89"),
            (Words{"\xc3\x89"
                   "ABC",
                   " abc", "\xc3\x89"}));
  EXPECT_EQ(split("tekken", "don't 12"), (Words{"don", "'t", " ", "1", "2"}));
  EXPECT_EQ(split("gpt-4o", "a/b.\r\n/"), (Words{"a", "/b", ".\r\n/"}));
}

TEST(Pretokenize, marks) {
  EXPECT_EQ(split("qwen2", "e\xcc\x81x"), (Words{"e", "\xcc\x81x"}));
  EXPECT_EQ(split("qwen35", "e\xcc\x81x"), (Words{"e\xcc\x81x"}));
}

TEST(Pretokenize, han) {
  EXPECT_EQ(split("kimi-k2",
                  "ab\xe4\xbd\xa0\xe5\xa5\xbd"
                  "Cd"),
            (Words{"ab", "\xe4\xbd\xa0\xe5\xa5\xbd", "Cd"}));
  EXPECT_EQ(split("deepseek-v3",
                  "ab\xe4\xbd\xa0"
                  "c"),
            (Words{"ab", "\xe4\xbd\xa0", "c"}));
}

TEST(Pretokenize, gaps_stay_whole) {
  EXPECT_EQ(split("bloom", "ab, cd"), (Words{"ab", ",", " cd"}));
  EXPECT_EQ(split("gemma4", "a b\n\nc"), (Words{"a b", "\n\n", "c"}));
  EXPECT_EQ(split("deepseek-v3", "a\x01\x02 b"), (Words{"a", "\x01\x02", " b"}));
  EXPECT_EQ(split("falcon", "a**b"), (Words{"a", "**", "b"}));
}

TEST(Pretokenize, white_space_and_special_shapes) {
  EXPECT_EQ(split("jais-2", "a" + std::string(13, ' ') + "b"),
            (Words{"a", std::string(8, ' '), std::string(4, ' '), " b"}));
  EXPECT_EQ(split("deepseek-llm", "a 12   "), (Words{"a", " ", "12", "   "}));
  EXPECT_EQ(split("exaone-moe", "ab cd  ef1"), (Words{"ab cd", " ", " ef", "1"}));
  EXPECT_EQ(split("chameleon", "<sentinel:12>IMGIMGABZ    x"),
            (Words{"<", "sentinel", ":", "1", "2", ">", "IMGIMGABZ", "    ", "x"}))
      << "each pattern cuts what the ones before it left";
}

// "!" takes a following character into its word unless that is white space,
// a letter or a number: the classes of PCRE2 against our own.
// They may differ only where one of the two knows a newer Unicode.
TEST(Pretokenize, classes_agree_with_the_property_table) {
  std::string text;
  std::vector<std::pair<int32_t, uint32_t>> places;  // code point, its place
  for (int32_t c = 0x21; c <= 0x10ffff; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    text += '!';
    places.emplace_back(c, static_cast<uint32_t>(text.size()));
    append_utf8(c, text);
    text += '\n';
  }
  Result<Pretokenizer> made = Pretokenizer::make("gpt-2");
  ASSERT_TRUE(made);
  std::vector<uint32_t> ends;
  ASSERT_TRUE(made->split(text, ends));
  int differences = 0;
  for (const auto& [c, place] : places) {
    const bool apart = std::binary_search(ends.begin(), ends.end(), place);
    const CharClass k = char_class(c);
    if (apart == (is_white_space(c) || k == CharClass::letter || k == CharClass::number)) continue;
    ++differences;
    EXPECT_GE(c, 0x378) << "an old character is classified differently";
    EXPECT_FALSE(is_white_space(c));
  }
  RecordProperty("differences", differences);
  EXPECT_LT(differences, 6000);
}

// Naive forms of some patterns need quadratic time here, or more than the limits allow.
TEST(Pretokenize, long_runs_of_one_thing) {
  std::set<std::string> seen;  // many names share their patterns
  for (const auto& [pre, flags, patterns] : kLines) {
    if (!seen.insert(patterns).second) continue;
    Result<Pretokenizer> made = Pretokenizer::make(pre);
    ASSERT_TRUE(made);
    for (const char* unit :
         {"a", "A", " ", "\n", "1", "!", "\xe4\xbd\xa0", "\xcc\x81", "a ", " \n", "\t ", "'"}) {
      std::string text;
      while (text.size() < 100'000) text += unit;
      for (const char* tail : {"", "1", "x"}) {
        std::vector<uint32_t> ends;
        const Status status = made->split(text + tail, ends);
        EXPECT_TRUE(status) << pre << " " << unit << " " << tail;
        EXPECT_EQ(ends.back(), text.size() + std::string_view(tail).size());
      }
    }
  }
}

}  // namespace
}  // namespace engine
