// Vectors from decoders: the rows behind the last norm, pooled.
#include <gtest/gtest.h>

#include "engine/run/embed.h"
#include "tests/run/random_model.h"

namespace engine {
namespace {

std::vector<std::vector<Token>> some_inputs(int n) {
  std::mt19937 rng(3);
  std::vector<std::vector<Token>> out;
  for (int i = 0; i < n; ++i) {
    out.emplace_back();
    for (unsigned k = 1 + rng() % 150; k > 0; --k)
      out.back().push_back(static_cast<Token>(rng() % kTinyVocab));
  }
  return out;
}

std::vector<std::vector<float>> run(Model& model, const std::vector<std::vector<Token>>& inputs,
                                    const EmbedOptions& options) {
  Embedding work(inputs, options);
  for (;;) {
    const Result<bool> more = work.step(model);
    EXPECT_TRUE(more) << more.error().message;
    if (!more) return {};
    if (!*more) return work.take().vectors;
  }
}

// Rows behind the last norm, from the model as it answers with logits.
std::vector<std::vector<float>> hidden_rows(Model& model, const std::vector<Token>& tokens) {
  std::vector<std::vector<float>> out;
  auto seq = model.open({});
  for (const Token& t : tokens) {
    const OutputNeed need{OutputNeed::hidden};
    const Model::Rows rows{*seq, {&t, 1}, {&need, 1}};
    const auto step = model.step({&rows, 1});
    EXPECT_TRUE(step);
    out.emplace_back((*step)[0].hidden.begin(), (*step)[0].hidden.end());
  }
  model.close(*seq, false);
  return out;
}

TEST(EmbedDecoder, every_pooling) {
  auto pool = ThreadPool::create(PoolKind::native, 2);
  auto plain = random_model(*pool, {.n_ctx = 512});
  const auto inputs = some_inputs(4);
  for (const int pooling : {0, 1, 2, 3, 4}) {
    auto model = random_model(*pool, {.n_ctx = 512, .n_sequences = 4}, 0, 0.2f, pooling);
    ASSERT_NE(model, nullptr);
    EXPECT_FALSE(model->info().encoder);
    const auto got = run(*model, inputs, {.normalize = false});
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto rows = hidden_rows(*plain, inputs[i]);
      std::vector<float> want = pooling == 2 ? rows.front() : rows.back();
      if (pooling == 1) {
        for (size_t j = 0; j < want.size(); ++j) {
          double sum = 0;
          for (const auto& row : rows) sum += static_cast<double>(row[j]);
          want[j] = static_cast<float>(sum / static_cast<double>(rows.size()));
        }
      }
      EXPECT_EQ(got[i], want) << "pooling " << pooling << ", input " << i;
    }
  }
}

TEST(EmbedDecoder, texts_longer_than_a_step_and_more_texts_than_pages) {
  auto pool = ThreadPool::create(PoolKind::native, 2);
  auto wide = random_model(*pool, {.n_ctx = 512, .n_sequences = 8}, 0, 0.2f, 1);
  const auto inputs = some_inputs(60);
  const auto want = run(*wide, inputs, {});
  for (const int rows : {1, 7, 64, 512}) {
    auto narrow = random_model(*pool, {.n_ctx = 160, .max_rows = rows}, 0, 0.2f, 1);
    ASSERT_NE(narrow, nullptr);
    EXPECT_EQ(run(*narrow, inputs, {}), want) << rows;
    EXPECT_EQ(run(*narrow, inputs, {}), want) << "no page was lost";
  }
}

TEST(EmbedDecoder, given_up_in_the_middle) {
  auto pool = ThreadPool::create(PoolKind::native, 2);
  auto model = random_model(*pool, {.n_ctx = 160, .max_rows = 16}, 0, 0.2f, 3);
  const auto inputs = some_inputs(5);
  const auto want = run(*model, inputs, {});
  for (int i = 0; i < 50; ++i) {  // more than there are pages
    Embedding work(inputs, {});
    ASSERT_TRUE(work.step(*model));
    work.abandon(*model);
  }
  EXPECT_EQ(run(*model, inputs, {}), want);
}

TEST(EmbedDecoder, a_model_that_completes_text_is_refused) {
  auto pool = ThreadPool::create(PoolKind::native, 1);
  auto model = random_model(*pool, {.n_ctx = 64});
  const auto result = embed_texts(*model, std::vector<std::string>{"a"}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::unsupported);
  EXPECT_EQ(result.error().message, "this model does not support embeddings");
}

}  // namespace
}  // namespace engine
