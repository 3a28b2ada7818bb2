// What a vocabulary asks for: defaults, keys over defaults, damaged data,
// whole-text decoding, models without words.
#include "tests/text/tiny_vocab.h"

namespace engine {
namespace {

using Texts = std::vector<std::string>;

Error error_of(TinyVocab& v) {
  Result<std::unique_ptr<Tokenizer>> made = v.make();
  EXPECT_FALSE(made);
  return made ? Error{Errc::internal, ""} : made.error();
}

TEST(VocabRules, algorithms_that_are_missing) {
  TinyVocab v = tiny_bpe();
  v.data.model = "rwkv";
  EXPECT_EQ(error_of(v).code, Errc::unsupported);
  EXPECT_EQ(error_of(v).message, "tokenizer 'rwkv' is not supported yet");
  v.data.model = "x";
  EXPECT_EQ(error_of(v).message, "unknown tokenizer: 'x'");
  v.data.model = "gpt2";
  v.data.pre = "x";
  EXPECT_EQ(error_of(v).message, "unknown pre-tokenizer type: 'x'");
}

TEST(VocabRules, incomplete_data) {
  TinyVocab empty;
  empty.data.model = "llama";
  EXPECT_EQ(error_of(empty).message, "cannot find tokenizer vocab in model file");
  TinyVocab v = tiny_bpe();
  v.merges.clear();
  EXPECT_EQ(error_of(v).message, "cannot find tokenizer merges in model file");
  v.data.pre = "kimi-k2";
  EXPECT_TRUE(v.make());

  const std::string_view texts[] = {"a", "b", "c"};
  VocabData data;
  data.model = "llama";
  data.tokens.assign(std::begin(texts), std::end(texts));
  EXPECT_TRUE(make_tokenizer(data)) << "types and scores may be missing";
  data.types = {1, 1};
  EXPECT_EQ(make_tokenizer(data).error().code, Errc::corrupt);
  data.types = {1, 1, 1, 77, -5};
  EXPECT_TRUE(make_tokenizer(data)) << "more than needed";
  data.scores = {0};
  EXPECT_EQ(make_tokenizer(data).error().code, Errc::corrupt);
}

TEST(VocabRules, damaged_texts) {
  TinyVocab v = tiny_spm();
  const Token first = v.add("twice"), second = v.add("twice"), empty = v.add("");
  const auto t = v.tokenizer();
  EXPECT_EQ(t->find("twice"), second);
  EXPECT_EQ(t->piece(first), "twice");
  EXPECT_EQ(t->piece(empty), "[EMPTY_" + std::to_string(empty) + "]");
}

TEST(VocabRules, ids_outside_the_vocabulary) {
  TinyVocab v = tiny_spm();
  v.data.ids.bos = 1'000'000;
  EXPECT_EQ(v.tokenizer()->ids().bos, 1) << "the default stays";
  TinyVocab small;
  small.data.model = "gpt2";
  small.data.pre = "gpt-2";
  small.add("a");
  small.merge("a", "a");
  EXPECT_EQ(small.tokenizer()->ids().bos, kNoToken)
      << "the default 11 is no token of this vocabulary";
  small.data.add_bos = true;
  EXPECT_EQ(spelled(*small.tokenizer(), "a", {true, true}), (Texts{"a"}));
}

TEST(VocabRules, defaults_then_pre_then_keys) {
  TinyVocab v = tiny_bpe();
  const auto adds_bos = [&] { return spelled(*v.tokenizer(), "a", {true, true}).front() == "<s>"; };
  EXPECT_FALSE(adds_bos());
  v.data.pre = "llama-bpe";
  EXPECT_TRUE(adds_bos());
  v.data.add_bos = false;
  EXPECT_FALSE(adds_bos());
  v.data.add_bos = true;
  v.data.ids.bos = kNoToken;
  v.data.pre = "glm4";
  EXPECT_FALSE(adds_bos()) << "this family has none";
  v.data.ids.bos = v.data.ids.eos - 1;
  EXPECT_TRUE(adds_bos()) << "a key gives it back";
}

TEST(Detokenize, one_leading_space) {
  const auto t = tiny_spm().tokenizer();
  const std::vector<Token> ids = encode(*t, " abc  d", {true, true});
  EXPECT_EQ(t->detokenize(ids, {true, false}), "  abc  d")
      << "behind a removed begin token nothing is stripped";
  EXPECT_EQ(t->detokenize(std::span(ids).subspan(1), {true, false}), " abc  d");
  EXPECT_EQ(t->detokenize(ids, {false, true}), "<s>  abc  d");
  EXPECT_EQ(t->detokenize({}, {true, true}), "");
}

TEST(Detokenize, end_token) {
  TinyVocab v = tiny_spm();
  v.data.add_eos = true;
  const auto t = v.tokenizer();
  const std::vector<Token> ids = encode(*t, "d", {true, true});
  EXPECT_EQ(t->detokenize(ids, {true, true}), " d");
  EXPECT_EQ(t->detokenize(ids, {false, true}), "<s> d</s>");
}

TEST(Detokenize, tidies_spaces_where_the_vocabulary_wants_it) {
  TinyVocab v = tiny_bpe();
  const std::string text = "a . b , c ! d ? x 's y 'll z 've o ' c  .";
  const auto t = v.tokenizer();
  EXPECT_EQ(t->detokenize(encode(*t, text), {}), "a. b, c! d? x's y 'll z've o'c .");
  v.data.pre = "qwen2";
  const auto kept = v.tokenizer();
  EXPECT_EQ(kept->detokenize(encode(*kept, text), {}), text);
}

TEST(DummyTokenizer, none_takes_ids_only) {
  VocabData data;
  data.model = "none";
  data.dummy_size = 128;
  const Result<std::unique_ptr<Tokenizer>> t = make_tokenizer(data);
  ASSERT_TRUE(t);
  EXPECT_EQ((*t)->size(), 128);
  std::vector<Token> ids;
  const Status status = (*t)->encode("a", {}, ids);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::unsupported);
  EXPECT_EQ((*t)->piece(5), "");
  EXPECT_EQ((*t)->detokenize(std::vector<Token>{1, 2}, {}), "");
}

TEST(DummyTokenizer, test_hashes_five_bytes_at_a_time) {
  TinyVocab v;
  v.data.model = "test";
  for (int i = 0; i < 128; ++i) v.add("t" + std::to_string(i));
  v.data.add_bos = true;
  const auto t = v.tokenizer();
  const Token ab = ('a' * 31 + 'b') % 128;
  EXPECT_EQ(encode(*t, "ab", {true, true}), (std::vector<Token>{ab}));
  EXPECT_EQ(encode(*t, "aaaaaab").size(), 2u);
  EXPECT_EQ(encode(*t, "aaaaaab").back(), ab);
  EXPECT_EQ(t->piece(0x1f), "1f");
}

}  // namespace
}  // namespace engine
