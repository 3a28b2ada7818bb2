// The arithmetic of perplexity and benchmark: sums, percentiles, files of logits, lists of numbers,
// tables.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/run/logits.h"
#include "engine/tools/bench.h"
#include "engine/tools/bench_output.h"
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

TEST(Bench, ListsOfNumbers) {
  const auto list = [](const char* text) {
    std::vector<int> out;
    return parse_bench_ints(text, out) ? out : std::vector<int>{-1};
  };
  EXPECT_EQ(list("512"), (std::vector<int>{512}));
  EXPECT_EQ(list("1,2,8"), (std::vector<int>{1, 2, 8}));
  EXPECT_EQ(list("1-4"), (std::vector<int>{1, 2, 3, 4}));
  EXPECT_EQ(list("128-512+128"), (std::vector<int>{128, 256, 384, 512}));
  EXPECT_EQ(list("1-64*4,7"), (std::vector<int>{1, 4, 16, 64, 7}));
  for (const char* bad : {"", "a", "1,", "4-1", "1-8*1", "0-8*2", "1-8+0", "-1", "1-999999999"})
    EXPECT_EQ(list(bad), (std::vector<int>{-1})) << bad;
}

TEST(Bench, SizesOfModels) {
  EXPECT_EQ(model_size_label("qwen2", 28, 1536, 151936, 0), "1.5B");
  EXPECT_EQ(model_size_label("qwen2", 28, 3584, 152064, 0), "7B");
  EXPECT_EQ(model_size_label("llama", 32, 4096, 128256, 0), "8B");
  EXPECT_EQ(model_size_label("llama", 32, 4096, 32000, 0), "7B");
  EXPECT_EQ(model_size_label("llama", 32, 4096, 32000, 8), "8x7B");
  EXPECT_EQ(model_size_label("gemma3", 18, 640, 262144, 0), "270M");
  EXPECT_EQ(model_size_label("other", 1, 1, 1, 0), "?B");
}

BenchRow sample_row() {
  BenchRow row;
  row.test.model.shown = "a \"b\".gguf";
  row.test.n_gen = 128;
  row.test.n_depth = 4096;
  row.test.n_threads = 8;
  row.model_type = "qwen2 1.5B Q4_K - Medium";
  row.model_size = 1116691497;
  row.n_params = 1777088000;
  row.samples_ns = {1'000'000'000, 2'000'000'000};
  return row;
}

TEST(Bench, Statistics) {
  const BenchRow row = sample_row();
  EXPECT_DOUBLE_EQ(row.avg_ts(), 96);
  EXPECT_NEAR(row.stddev_ts(), 45.2548, 1e-3);
  EXPECT_EQ(row.test_name(), "tg128 @ d4096");
}

TEST(Bench, MarkdownIsTheKnownTable) {
  auto printer = std::move(*make_bench_printer("md", {"8cf427ff", 5163, "cpu", "avx2"}));
  EXPECT_EQ(printer->header(),
            "| model                          |       size |     params | backend    | threads |   "
            "         test |                  t/s |\n"
            "| ------------------------------ | ---------: | ---------: | ---------- | ------: | "
            "--------------: | -------------------: |\n");
  EXPECT_EQ(printer->row(sample_row()),
            "| qwen2 1.5B Q4_K - Medium       |   1.04 GiB |     1.78 B | CPU        |       8 |   "
            "tg128 @ d4096 |        96.00 ± 45.25 |\n");
  EXPECT_EQ(printer->footer(), "\nbuild: 8cf427ff (5163)\n");
}

TEST(Bench, JsonIsJson) {
  auto printer = std::move(*make_bench_printer("json", {"c", 1, "cpu", "avx2"}));
  std::string text = printer->header();
  for (int i = 0; i < 2; ++i) text += printer->row(sample_row());
  text += printer->footer();
  const auto json = parse_json(text);
  ASSERT_TRUE(json) << text;
  ASSERT_EQ(json->size(), 2u);
  EXPECT_EQ((*json)[0]["model_filename"], "a \"b\".gguf");
  EXPECT_EQ((*json)[0]["n_depth"], 4096);
  EXPECT_EQ((*json)[0]["no_host"], false);
  EXPECT_EQ((*json)[0]["samples_ns"][1], 2'000'000'000);
  EXPECT_TRUE((*json)[0]["avg_ts"].is_number_float());
}

TEST(Bench, CsvQuotes) {
  auto printer = std::move(*make_bench_printer("csv", {"c", 1, "cpu", "avx2"}));
  EXPECT_TRUE(printer->header().starts_with("build_commit,build_number,cpu_info,"));
  EXPECT_TRUE(printer->header().ends_with(",test_time,avg_ns,stddev_ns,avg_ts,stddev_ts\n"));
  EXPECT_NE(printer->row(sample_row()).find("\"a \"\"b\"\".gguf\""), std::string::npos);
  EXPECT_FALSE(make_bench_printer("xml", {}));
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
