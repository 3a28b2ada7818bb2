// The arithmetic of perplexity: sums, percentiles, files of logits; models with random weights.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "engine/quantize/choose.h"
#include "engine/run/logits.h"
#include "engine/tools/logits_file.h"
#include "engine/tools/perplexity.h"
#include "engine/tools/synth.h"
#include "engine/tools/token_list.h"

namespace engine {
namespace {

std::string temp_path(const char* name) {
  return (std::filesystem::temp_directory_path() /
          (std::string("engine-") + std::to_string(::getpid()) + name))
      .string();
}

TEST(Perplexity, LogSumExpKeepsLargeValues) {
  const float logits[] = {1000.0f, 1000.0f};
  EXPECT_NEAR(log_sum_exp(logits), 1000 + std::log(2.0), 1e-9);
  const float small[] = {-1000.0f, -1000.0f, -1000.0f};
  EXPECT_NEAR(log_sum_exp(small), -1000 + std::log(3.0), 1e-9);
}

TEST(Perplexity, DivergenceOfARow) {
  const float logits[] = {1.0f, 3.0f, 2.0f};
  const double lse = log_sum_exp(logits);
  std::vector<float> same;
  for (const float l : logits) same.push_back(static_cast<float>(l - lse));
  const TokenDivergence none = compare_row(same, logits, 1);
  EXPECT_NEAR(none.kld, 0, 1e-6);
  EXPECT_NEAR(none.dp, 0, 1e-6);
  EXPECT_TRUE(none.same_top);
  // Base: 1/2, 1/4, 1/4; model: 1/4, 1/2, 1/4. KL = 1/2 ln 2 - 1/4 ln 2.
  const float base[] = {std::log(0.5f), std::log(0.25f), std::log(0.25f)},
              model[] = {std::log(1.0f), std::log(2.0f), std::log(1.0f)};
  const TokenDivergence d = compare_row(base, model, 0);
  EXPECT_NEAR(d.kld, 0.25 * std::log(2.0), 1e-6);
  EXPECT_NEAR(d.dp, -0.25, 1e-6);
  EXPECT_FALSE(d.same_top);
}

TEST(Perplexity, Percentiles) {
  const double v[] = {0, 1, 2, 3, 4};
  EXPECT_EQ(percentile(v, 0), 0);
  EXPECT_EQ(percentile(v, 1), 4);
  EXPECT_EQ(percentile(v, 0.5), 2);
  EXPECT_NEAR(percentile(v, 0.9), 3.6, 1e-12);
  EXPECT_EQ(percentile({}, 0.5), 0);
}

TEST(LogitsFile, RoundTrip) {
  const std::string path = temp_path("logits");
  const std::vector<Token> tokens = {1, 2, 3, 4, 0, 1, 2, 3};
  const std::vector<float> row = {0.0f, 1.0f, 2.0f, -30.0f, 5.0f};
  const double lse = log_sum_exp(row);
  {
    auto w = LogitsWriter::create(path, 4, 5, tokens);
    ASSERT_TRUE(w);
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(w->row(row, lse));
    ASSERT_TRUE(w->finish());
  }
  auto r = LogitsReader::open(path);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->n_ctx(), 4);
  EXPECT_EQ(r->n_chunk(), 2);
  EXPECT_EQ(r->rows(), 2);
  EXPECT_EQ(std::vector<Token>(r->tokens().begin(), r->tokens().end()), tokens);
  std::vector<float> back(5);
  r->row(1, back);
  for (size_t i = 0; i < row.size(); ++i)
    EXPECT_NEAR(back[i], std::max(row[i], 5.0f - 16.0f) - lse, 2e-4) << i;
  std::filesystem::remove(path);
}

TEST(LogitsFile, RefusesWhatIsBroken) {
  const std::string path = temp_path("broken");
  const auto write = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  };
  const auto header = [](int32_t n_ctx, int32_t n_vocab, int32_t n_chunk) {
    std::string s = "_logits_";
    for (const int32_t v : {n_ctx, n_vocab, n_chunk})
      s.append(reinterpret_cast<const char*>(&v), 4);
    return s;
  };
  for (const std::string& bytes :
       {std::string("short"), header(4, 5, 2), header(INT32_MAX, INT32_MAX, INT32_MAX),
        header(-1, 5, 1), header(4, 0, 1), header(4, 5, 1) + std::string(16, '\0'),
        header(4, 2, 1) + std::string(16, '\x7f') + std::string(1000, '\0')}) {
    write(bytes);
    const auto r = LogitsReader::open(path);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Errc::corrupt);
  }
  std::filesystem::remove(path);
}

TEST(Tokens, ListsAreRead) {
  EXPECT_EQ(*parse_tokens("1,2,3"), (std::vector<Token>{1, 2, 3}));
  EXPECT_EQ(*parse_tokens(" [1, 2,\n3]\n"), (std::vector<Token>{1, 2, 3}));
  EXPECT_EQ(parse_tokens("[]")->size(), 0u);
  EXPECT_EQ(parse_tokens("")->size(), 0u);
  for (const char* bad : {"1;2", "[1,2", "1,2]", "a", "1 2", "99999999999", "[1]x["})
    EXPECT_FALSE(parse_tokens(bad)) << bad;
}

TEST(Synth, UnknownNamesListTheKnown) {
  const auto pool = ThreadPool::create(PoolKind::native, 1);
  const auto shape = load_synth("nothing:Q4_0", {}, *pool);
  ASSERT_FALSE(shape);
  EXPECT_NE(shape.error().message.find("smollm2-135m"), std::string::npos);
  const auto type = load_synth("smollm2-135m:Q9", {}, *pool);
  ASSERT_FALSE(type);
  EXPECT_NE(type.error().message.find("Q4_K_M"), std::string::npos);
}

// With few values per key-value head, rows that do not fit (576 is no multiple of 256), and better
// types for some.
TEST(Synth, TypesAreThoseOfTheQuantizer) {
  const auto pool = ThreadPool::create(PoolKind::native, 1);
  LoadOptions options;
  options.n_ctx = 64;
  for (const char* type : {"Q2_K", "q3_k_l", "Q4_K", "IQ4_XS"}) {
    auto model = load_synth(std::string("smollm2-135m:") + type, options, *pool);
    ASSERT_TRUE(model) << model.error().message;
    const gguf::File& file = *(*model)->file();
    const quant::MixInfo& mix = *quant::find_mix(type);
    EXPECT_EQ(*file.u32("general.file_type"), static_cast<uint32_t>(mix.type));
    const auto choices = quant::choose_types(file, mix, {});
    ASSERT_TRUE(choices) << choices.error().message;
    ASSERT_EQ(choices->size(), file.tensors().size());
    for (const quant::TensorChoice& c : *choices) EXPECT_EQ(c.to, c.from) << type << " " << c.name;
  }
}

TEST(Synth, AModelThatComputes) {
  const auto pool = ThreadPool::create(PoolKind::native, 2);
  LoadOptions options;
  options.n_ctx = 64;
  auto model = load_synth("smollm2-135m:Q4_K_M", options, *pool);
  ASSERT_TRUE(model) << model.error().message;
  EXPECT_EQ((*model)->info().n_layer, 30);
  const Token tokens[] = {1, 2, 3, 4, 5};
  int rows = 0;
  const Status status =
      compute_logits(**model, tokens, 2, 1, [&](int index, std::span<float> logits) -> Status {
        EXPECT_EQ(index, ++rows);
        for (const float l : logits) {
          if (!std::isfinite(l)) return Error{Errc::internal, "not finite"};
        }
        return ok;
      });
  EXPECT_TRUE(status) << status.error().message;
  EXPECT_EQ(rows, 4);
}

}  // namespace
}  // namespace engine
