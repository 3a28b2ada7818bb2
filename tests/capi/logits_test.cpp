// Logits of sequences.
#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

#include "tests/capi/fixture.h"
#include "tests/support/tiny_lora.h"

namespace engine {
namespace {

class CapiLogits : public CapiTest {
 protected:
  size_t n_vocab() {
    engine_model_info info = {};
    info.size = sizeof info;
    EXPECT_EQ(engine_model_get_info(model_, &info), ENGINE_OK);
    return static_cast<size_t>(info.n_vocab);
  }
  std::vector<float> logits(const Ids& ids) {
    std::vector<float> out(ids.size() * n_vocab(), NAN);
    EXPECT_EQ(engine_logits(model_, ids.data(), ids.size(), out.data(), out.size()), ENGINE_OK)
        << engine_last_error();
    return out;
  }
};

TEST_F(CapiLogits, RowsBelongToTheirTokens) {
  Ids ids = tokenize("the sky is blue and you are a user of systems");
  const std::vector<float> all = logits(ids);
  for (const float f : all) ASSERT_TRUE(std::isfinite(f));
  const size_t half = ids.size() / 2;
  ids.resize(half);
  const std::vector<float> first = logits(ids);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), all.begin()));  // bit for bit
}

TEST_F(CapiLogits, TheSameForAnyBatchAndThreads) {
  Ids ids;
  for (int i = 0; i < 200; ++i) ids.push_back(i * 7 % 250);
  const std::vector<float> expected = logits(ids);
  engine_model_options o = model_options();
  o.n_batch = 33, o.threads = 1;
  open("tiny.gguf", o);
  EXPECT_EQ(logits(ids), expected);
}

TEST_F(CapiLogits, TheLargestIsTheGreedyToken) {
  std::set<std::string> answers;
  for (const char* prompt : {"hello", "the", "sky", "is", "blue", "you", "user", "a", "system"}) {
    const std::vector<float> all = logits(tokenize(prompt));
    // The last three tokens are control tokens, which this model never gives.
    const auto row = all.end() - static_cast<ptrdiff_t>(n_vocab());
    std::string best =
        detokenize({static_cast<engine_token>(std::max_element(row, all.end() - 3) - row)});
    if (best.size() == 1 && (best[0] & 0x80)) best = "\uFFFD";  // half a character
    EXPECT_EQ(generate(prompt, generate_options(1)), best) << prompt;
    answers.insert(best);
  }
  EXPECT_GE(answers.size(), 4u);
}

TEST_F(CapiLogits, BadArguments) {
  std::vector<float> out(n_vocab() * 2);
  const Ids ids = {1, 2}, long_ones(257, 1);
  EXPECT_FAILS(engine_logits(nullptr, ids.data(), 2, out.data(), out.size()),
               ENGINE_INVALID_ARGUMENT, "model is null");
  EXPECT_FAILS(engine_logits(model_, nullptr, 2, out.data(), out.size()), ENGINE_INVALID_ARGUMENT,
               "tokens is null");
  EXPECT_FAILS(engine_logits(model_, ids.data(), 2, nullptr, out.size()), ENGINE_INVALID_ARGUMENT,
               "logits is null");
  EXPECT_FAILS(engine_logits(model_, ids.data(), 0, out.data(), out.size()),
               ENGINE_INVALID_ARGUMENT, "no tokens");
  EXPECT_FAILS(engine_logits(model_, ids.data(), 2, out.data(), out.size() - 1),
               ENGINE_BUFFER_TOO_SMALL, "floats");
  EXPECT_FAILS(engine_logits(model_, long_ones.data(), 257, out.data(), out.size()),
               ENGINE_INVALID_ARGUMENT, "257 tokens do not fit");
  EXPECT_FAILS(engine_logits(model_, ids.data(), SIZE_MAX, out.data(), out.size()),
               ENGINE_INVALID_ARGUMENT, "do not fit");
  for (engine_token bad : {-1, static_cast<engine_token>(n_vocab()), INT32_MAX})
    EXPECT_FAILS(engine_logits(model_, &bad, 1, out.data(), out.size()), ENGINE_INVALID_ARGUMENT,
                 "outside the vocabulary");
}

TEST_F(CapiLogits, BesideAnAnswer) {
  engine_model_options two = model_options();
  two.n_sequences = 2;
  open("tiny.gguf", two);
  const std::string answer = generate("hello", generate_options(200));
  const Ids ids = tokenize("the sky is blue");
  const std::vector<float> expected = logits(ids);
  std::thread other([&] { EXPECT_EQ(generate("hello", generate_options(200)), answer); });
  for (int i = 0; i < 20; ++i) EXPECT_EQ(logits(ids), expected);
  other.join();
}

TEST_F(CapiLogits, Adapters) {
  const std::string base = path("tiny.gguf"), lora = path("lora.gguf");
  ASSERT_TRUE(testing::write_tiny_lora(lora, base, {.spread = 0.5f}));
  const engine_model_options options = model_options();
  const auto answer_with = [&](const std::vector<engine_adapter>& adapters) {
    engine_model_free(model_);
    EXPECT_EQ(engine_model_open_adapted(base.c_str(), &options, adapters.data(), adapters.size(),
                                        &model_),
              ENGINE_OK)
        << engine_last_error();
    return logits(tokenize("the sky is blue"));
  };
  const std::vector<float> plain = logits(tokenize("the sky is blue")), none = answer_with({}),
                           off = answer_with({{lora.c_str(), 0}}),
                           whole = answer_with({{lora.c_str(), 1}}),
                           halves = answer_with({{lora.c_str(), 0.5f}, {lora.c_str(), 0.5f}});
  EXPECT_EQ(none, plain);
  EXPECT_EQ(off, plain);
  EXPECT_NE(whole, plain);
  ASSERT_EQ(halves.size(), whole.size());
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(halves[i], whole[i], 0.1);

  engine_model* other = nullptr;
  const auto open = [&](const std::vector<engine_adapter>& adapters) {
    return engine_model_open_adapted(base.c_str(), &options, adapters.data(), adapters.size(),
                                     &other);
  };
  EXPECT_FAILS(open({{nullptr, 1}}), ENGINE_INVALID_ARGUMENT, "adapters[0].path is null");
  EXPECT_FAILS(open({{lora.c_str(), NAN}}), ENGINE_INVALID_ARGUMENT,
               "adapters[0].scale is no number");
  EXPECT_FAILS(open({{path("none").c_str(), 1}}), ENGINE_NOT_FOUND, "none");
  EXPECT_FAILS(open({{base.c_str(), 1}}), ENGINE_INVALID_ARGUMENT, "");
  EXPECT_FAILS(engine_model_open_adapted(base.c_str(), &options, nullptr, 1, &other),
               ENGINE_INVALID_ARGUMENT, "adapters is null");
  EXPECT_EQ(other, nullptr);
}

}  // namespace
}  // namespace engine
