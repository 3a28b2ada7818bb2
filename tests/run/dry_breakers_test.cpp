// Sequence breakers of DRY: a vocabulary of single bytes and a few longer tokens.
#include "engine/run/dry_breakers.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

std::multimap<Token, std::vector<Token>> breakers(const Tokenizer& t,
                                                  const std::vector<std::string>& texts) {
  std::multimap<Token, std::vector<Token>> out;
  const Result<std::vector<DryBreaker>> found = dry_breakers(t, texts);
  EXPECT_TRUE(found) << found.error().message;
  if (found)
    for (const DryBreaker& b : *found) out.emplace(b.head, b.tail);
  return out;
}

using Map = std::multimap<Token, std::vector<Token>>;

TEST(DryBreakers, EveryTokenThatHoldsTheText) {
  const auto t = tiny_bpe().tokenizer();
  const Token h = t->find("h"), he = t->find("he"), hell = t->find("hell"),
              hello = t->find("hello"), space_he = t->find("Ġhe");
  EXPECT_EQ(breakers(*t, {"h"}), (Map{{h, {}}, {he, {}}, {hell, {}}, {hello, {}}, {space_he, {}}}));
  EXPECT_EQ(breakers(*t, {"\n"}), (Map{{t->newline(), {}}})) << "as bytes";
  EXPECT_EQ(breakers(*t, {"", "o"}), (Map{{t->find("o"), {}}, {hello, {}}}));
  EXPECT_EQ(breakers(*t, {}), Map{});
}

TEST(DryBreakers, BeginningsAreFollowedByTheRest) {
  const auto t = tiny_bpe().tokenizer();
  const Token x = t->find("x"), y = t->find("y"), o = t->find("o"), ll = t->find("ll");
  EXPECT_EQ(breakers(*t, {"xy"}), (Map{{x, {y}}}));
  // a token may end with the beginning of the text: o, and hello
  EXPECT_EQ(breakers(*t, {"oll"}), (Map{{o, {ll}}, {t->find("hello"), {ll}}}));
  EXPECT_EQ(breakers(*t, {"xyx"}), (Map{{x, {y, x}}}));
}

TEST(DryBreakers, LongTextsAreCut) {
  const auto t = tiny_bpe().tokenizer();
  const std::string text = "x" + std::string(100, 'y');
  const auto found = breakers(*t, {text});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.begin()->first, t->find("x"));
  EXPECT_EQ(found.begin()->second, std::vector<Token>(20, t->find("y")));
}

}  // namespace
}  // namespace engine
