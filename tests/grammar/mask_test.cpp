// Constraints over vocabularies: masks against checking every token, and draws with a grammar
// against draws from a masked row.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "engine/grammar/constraint.h"
#include "engine/model/vocab.h"
#include "engine/sample/sampler.h"
#include "engine/text/tokenizer.h"
#include "tests/grammar/support.h"
#include "tests/support/data_dirs.h"

namespace engine::grammar {
namespace {

constexpr Token kEnd = 0;

// Every byte, many short texts, parts of characters, texts that are there twice, tokens without
// text.
std::vector<std::string> small_vocabulary() {
  std::vector<std::string> out = {"<end>", "", ""};
  for (int b = 0; b < 256; ++b) out.emplace_back(1, static_cast<char>(b));
  for (const char* t : {"{\"", "\":",  "\", \"",   "\"}",  "true",     "false",        "null",
                        "tru", "12",   "  ",       "\n\n", "\xe4\xb8", "\xe4\xb8\xad", "\xb8\xad\"",
                        "\\u", "\\n",  "abc",      "a",    "a",        "],",           "[[",
                        "}}",  "name", "\"name\"", ": ",   "-0.",      "e+",           "ab\"c"})
    out.emplace_back(t);
  std::mt19937 rng(5);
  for (int i = 0; i < 300; ++i) {
    std::string t;
    static constexpr std::string_view kLetters = "{}[]\":,0123ab.e-\\ ntu\n";
    for (size_t n = rng() % 5 + 2; n > 0; --n) t += kLetters[rng() % kLetters.size()];
    out.push_back(t);
  }
  return out;
}

std::shared_ptr<const TokenTrie> small_trie() {
  return std::make_shared<const TokenTrie>(small_vocabulary(), std::vector<Token>{kEnd});
}

const char* const kSchemas[] = {
    R"({"type":"object","properties":{"name":{"type":"string"},"n":{"type":"integer","minimum":3,"maximum":120},"t":{"type":"array","items":{"enum":["a","b",null]}}},"required":["name","n"]})",
    R"({"type":"array","items":{"type":"string","maxLength":5},"minItems":1})",
    R"({"pattern":"^[ab]{1,3}\"?$"})",
    "true",
};

bool bit(std::span<const uint64_t> mask, size_t i) {
  return (mask[i / 64] >> (i % 64) & 1) != 0;
}

TEST(Mask, EqualsCheckingEveryToken) {
  const auto trie = small_trie();
  std::mt19937 rng(1);
  std::vector<std::shared_ptr<const Program>> programs = {compiled(json_grammar())};
  for (const char* s : kSchemas) programs.push_back(schema(s));
  programs.push_back(gbnf("root ::= <[2]> \"a\"* !<[3]> | \"abc\" .{0,3}"));
  for (const auto& program : programs)
    for (int walk = 0; walk < 20; ++walk) {
      Constraint c(program, trie);
      for (int step = 0; step < 25 && !c.finished(); ++step) {
        const std::span<const uint64_t> view = c.mask();
        const std::vector<uint64_t> mask(view.begin(), view.end());
        std::vector<Token> allowed;
        for (size_t i = 0; i < trie->size(); ++i) {
          const auto t = static_cast<Token>(i);
          ASSERT_EQ(bit(mask, i), c.allows(t)) << t << " '" << trie->piece(t) << "'";
          if (bit(mask, i) && t != kEnd) allowed.push_back(t);
        }
        if (allowed.empty()) break;
        c.accept(allowed[rng() % allowed.size()]);
      }
    }
}

TEST(Mask, EndOnlyWhereTheGrammarMayEnd) {
  const auto trie = small_trie();
  Constraint c(gbnf("root ::= \"a\" \"b\"?"), trie);
  const auto token = [&](const char* text) {
    for (size_t i = 3; i < trie->size(); ++i)
      if (trie->piece(static_cast<Token>(i)) == text) return static_cast<Token>(i);
    return Token{-1};
  };
  EXPECT_FALSE(c.allows(kEnd));
  EXPECT_FALSE(c.allows(1)) << "a token without text";
  EXPECT_FALSE(c.allows(-1));
  EXPECT_FALSE(c.allows(100000));
  c.accept(token("a"));
  EXPECT_TRUE(c.allows(kEnd));
  EXPECT_FALSE(c.finished());
  c.accept(token("b"));
  EXPECT_TRUE(c.allows(kEnd));
  EXPECT_TRUE(c.finished());
  size_t bits = 0;
  for (const uint64_t w : c.mask()) bits += static_cast<size_t>(__builtin_popcountll(w));
  EXPECT_EQ(bits, 1u);
}

TEST(Mask, TokenTerminals) {
  const auto trie = small_trie();
  Constraint c(gbnf("root ::= <[1]> (!<[2]>){2}"), trie);
  EXPECT_FALSE(c.allows(2));
  ASSERT_TRUE(c.allows(1));
  c.accept(1);
  EXPECT_FALSE(c.allows(2));
  EXPECT_TRUE(c.allows(1));
  c.accept(50);
  EXPECT_FALSE(c.finished());
  c.accept(51);
  EXPECT_TRUE(c.finished());
}

// The reference: all other logits are minus infinity, then the ordinary chain.
Token masked_pick(Sampler& sampler, const std::vector<float>& logits, Constraint& c) {
  std::vector<float> masked(logits.size(), -INFINITY);
  const std::span<const uint64_t> mask = c.mask();
  for (size_t i = 0; i < logits.size(); ++i)
    if (bit(mask, i)) masked[i] = logits[i];
  RowOutput row;
  row.full = masked;
  return sampler.pick(row);
}

TEST(Sampler, CheckingFirstEqualsMaskingFirst) {
  const auto trie = small_trie();
  std::mt19937 rng(3);
  std::normal_distribution<float> normal(0, 3);
  const SamplerParams settings[] = {
      {.temperature = 0},
      {.seed = 11},
      {.temperature = 1.5f, .top_k = 5, .top_p = 1, .seed = 12},
      {.temperature = 1, .top_k = 0, .top_p = 0.8f, .seed = 13},
      {.temperature = 2, .top_k = 300, .top_p = 1, .min_p = 0.05f, .seed = 14},
      {.temperature = 1,
       .typical_p = 0.7f,
       .repeat_penalty = 1.3f,
       .frequency_penalty = 0.2f,
       .seed = 15,
       .logit_bias = {{10, 4.0f}},
       .suppressed = {kEnd}},
      {.top_n_sigma = 1.5f, .seed = 16},
      {.temperature = 0.8f,
       .dynatemp_range = 0.5f,
       .xtc_probability = 0.7f,
       .xtc_threshold = 0.05f,
       .min_keep = 3,
       .dry = {.multiplier = 2},
       .seed = 17},
      {.temperature = 1, .mirostat = 1, .mirostat_tau = 2, .seed = 18},
      {.temperature = 1, .mirostat = 2, .mirostat_tau = 2, .seed = 19},
  };
  size_t masks = 0, picks = 0;
  for (SamplerParams params : settings)
    for (const char* text : kSchemas) {
      const auto program = schema(text);
      Constraint fast(program, trie), slow(program, trie);
      Sampler a(params), b(params);
      a.restrict_to(&fast);
      EXPECT_EQ(a.need().kind, OutputNeed::full);
      for (int step = 0; step < 60 && !slow.finished(); ++step, ++picks) {
        std::vector<float> logits(trie->size());
        for (float& l : logits) l = normal(rng);
        // most often the model wants what is allowed, as real ones do
        const std::span<const uint64_t> mask = slow.mask();
        if (step % 4 != 0)
          for (size_t i = 0; i < logits.size(); ++i)
            if (bit(mask, i)) logits[i] += 4;
        const std::vector<float> before = logits;
        RowOutput row;
        row.full = logits;
        const Token x = a.pick(row);
        ASSERT_EQ(logits, before) << "the row is left as it was";
        const Token y = masked_pick(b, before, slow);
        ASSERT_EQ(x, y) << text << " step " << step;
        if (x == kEnd) break;
        a.accept(x), b.accept(x), fast.accept(x), slow.accept(x);
      }
      masks += fast.counts().masks;
    }
  EXPECT_LT(masks, picks) << "some draws need no mask";
  EXPECT_GT(masks, 0u);
}

TEST(Sampler, NothingPossible) {
  const auto trie = small_trie();
  Constraint c(gbnf("root ::= [\xe4\xb8\x80-\xe4\xb8\x82]"), trie);
  SamplerParams params;
  Sampler s(params);
  s.restrict_to(&c);
  std::vector<float> logits(trie->size(), -INFINITY);
  logits[5] = 1;
  RowOutput row;
  row.full = logits;
  EXPECT_EQ(s.pick(row), Sampler::kNothing);
  EXPECT_FALSE(c.why().empty());
}

// Random weights write valid JSON whatever the temperature.
TEST(JsonMode, ParsesForManySeeds) {
  const auto trie = small_trie();
  const auto program = compiled(json_grammar());
  int complete = 0;
  for (int seed = 0; seed < 1000; ++seed) {
    std::mt19937 rng(static_cast<uint32_t>(seed));
    std::normal_distribution<float> normal(0, 1);
    SamplerParams params;
    params.temperature = 2, params.seed = seed;
    Sampler sampler(params);
    Constraint c(program, trie);
    sampler.restrict_to(&c);
    std::string text;
    for (int step = 0; step < 150 && !c.finished(); ++step) {
      std::vector<float> logits(trie->size());
      for (size_t i = 0; i < logits.size(); ++i) {
        const std::string_view p = trie->piece(static_cast<Token>(i));
        logits[i] =
            normal(rng) +
            (p.find('}') != std::string_view::npos || p.find('"') != std::string_view::npos ? 2.5f
                                                                                            : 0.0f);
      }
      RowOutput row;
      row.full = logits;
      const Token t = sampler.pick(row);
      ASSERT_NE(t, Sampler::kNothing) << text;
      ASSERT_NE(t, kEnd) << "only a complete object ends, and then nothing else is possible";
      c.accept(t);
      text += trie->piece(t);
    }
    if (!c.finished()) continue;
    ++complete;
    const Json value = Json::parse(text, nullptr, false);
    ASSERT_TRUE(value.is_object()) << text;
  }
  EXPECT_GT(complete, 300);
}

// A real vocabulary of 150,000 tokens: masks against single checks.
TEST(Mask, LargeVocabulary) {
  const std::string path = testing::shared_dir() + "/data/vocab/deepseek-r1-qwen.gguf";
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << "WARNING: NOT TESTED: " << path << " is missing";
  const auto file = gguf::File::open(path);
  ASSERT_TRUE(file) << file.error().message;
  const auto data = read_vocab(*file);
  ASSERT_TRUE(data);
  const auto tokenizer = make_tokenizer(*data);
  ASSERT_TRUE(tokenizer);
  const Tokenizer& t = **tokenizer;
  std::vector<std::string> pieces;
  for (Token id = 0; id < t.size(); ++id) pieces.push_back(t.piece(id));
  const auto trie = std::make_shared<const TokenTrie>(pieces, t.vocabulary().eog_ids());
  const auto program = schema(
      R"({"type":"object","properties":{"name":{"type":"string"},"tags":{"type":"array","items":{"type":"string","maxLength":12}},"n":{"type":"number"}},"required":["name","tags","n"]})");
  Constraint c(program, trie);
  std::vector<Token> ids;
  ASSERT_TRUE(
      t.encode("{\"name\": \"J\xc3\xbcrgen \\\"X\\\" \xe4\xb8\xad\xe6\x96\x87\",\n  \"tags\": "
               "[\"red\", \"very long\"], \"n\": -12.5e3}",
               {.add_special = false}, ids));
  for (const Token id : ids) {
    ASSERT_TRUE(c.allows(id)) << t.piece(id);
    const std::span<const uint64_t> view = c.mask();
    const std::vector<uint64_t> mask(view.begin(), view.end());
    for (size_t i = 0; i < trie->size(); ++i)
      ASSERT_EQ(bit(mask, i), c.allows(static_cast<Token>(i))) << pieces[i];
    c.accept(id);
  }
  EXPECT_TRUE(c.finished());
}

}  // namespace
}  // namespace engine::grammar
