// Tiny models of every architecture against recorded float32 logits, and the equality rules: the
// logits of a row are bit-equal for any split of the prompt, any batch and any number of threads.
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "tests/golden/golden.h"

namespace engine::golden {
namespace {

struct Architecture {
  const char *folder, *name;
};

std::ostream& operator<<(std::ostream& out, const Architecture& c) {
  return out << c.name;
}

constexpr Architecture kCases[] = {
    {"arch", "llama"},
    {"arch", "llama-moe"},
    {"arch", "qwen2"},
    {"arch", "qwen3"},
    {"arch", "gemma3"},
    {"arch-variants", "llama-gqa-freqs"},
    {"arch-variants", "llama-moe-4of2-gqa"},
    {"arch-variants", "qwen2-yarn-gqa"},
    {"arch-variants", "gemma3-rope8-gqa"},
};

class ArchTest : public ::testing::TestWithParam<Architecture> {
 protected:
  void SetUp() override {
    folder_ = shared_dir() + "/golden/" + GetParam().folder + "/";
    path_ = folder_ + GetParam().name + ".gguf";
    if (!exists(path_)) GTEST_SKIP() << "SKIPPED LOUDLY: no golden data at " << path_;
    std::ifstream in(folder_ + "tokens.json");
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    auto json = parse_json(text);
    ASSERT_TRUE(static_cast<bool>(json));
    const Json& list = json->is_array() ? *json : (*json)["tokens"];
    for (const Json& t : list) tokens_.push_back(t.get<Token>());
  }
  void TearDown() override { unsetenv("ENGINE_ISA"); }
  std::string folder_, path_;
  std::vector<Token> tokens_;
};

TEST_P(ArchTest, logits_match_the_reference_on_every_isa) {
  const auto want = read_file<float>(folder_ + GetParam().name + ".logits.f32");
  auto pool = make_native_pool(2);
  for (const std::string& isa : usable_isas()) {
    setenv("ENGINE_ISA", isa.c_str(), 1);
    auto model = load(path_, *pool);
    ASSERT_NE(model, nullptr);
    const double error = nmse(logits(*model, tokens_, 512), want);
    std::printf("%-22s %-12s nmse %.3g\n", GetParam().name, isa.c_str(), error);
    EXPECT_LE(error, 5e-6) << isa;
  }
}

TEST_P(ArchTest, logits_are_bit_equal_for_any_split_batch_and_thread_count) {
  for (const std::string& isa : usable_isas()) {
    setenv("ENGINE_ISA", isa.c_str(), 1);
    std::vector<float> want;
    for (int threads : {1, 2, 3, 7}) {
      for (const PoolKind kind : {PoolKind::native, PoolKind::openmp}) {
        if (kind == PoolKind::openmp && threads != 3) continue;
        auto pool = ThreadPool::create(kind, threads);
        auto model = load(path_, *pool, {.n_sequences = 2});
        ASSERT_NE(model, nullptr);
        if (want.empty()) want = logits(*model, tokens_, 512);
        std::vector<int> chunks = {512, 1};
        if (threads == 2 && isa == usable_isas().front())  // every split once
          for (int c = 2; c < static_cast<int>(tokens_.size()); ++c) chunks.push_back(c);
        for (int chunk : chunks)
          ASSERT_EQ(logits(*model, tokens_, chunk), want)
              << isa << ", " << threads << " threads, chunks of " << chunk;
      }
    }
  }
}

TEST_P(ArchTest, weights_that_stay_in_the_file_and_files_that_are_read_give_the_same_bits) {
  auto pool = make_native_pool(2);
  auto model = load(path_, *pool);
  ASSERT_NE(model, nullptr);
  const std::vector<float> want = logits(*model, tokens_, 512);
  for (const LoadOptions& options : {LoadOptions{.repack = false}, LoadOptions{.map = false},
                                     LoadOptions{.map = false, .repack = false}}) {
    auto other = load(path_, *pool, options);
    ASSERT_NE(other, nullptr);
    EXPECT_EQ(logits(*other, tokens_, 512), want);
    EXPECT_EQ(logits(*other, tokens_, 1), want);
  }
}

TEST_P(ArchTest, two_sequences_in_one_batch_do_not_touch_each_other) {
  for (const std::string& isa : usable_isas()) {
    setenv("ENGINE_ISA", isa.c_str(), 1);
    auto pool = make_native_pool(2);
    auto model = load(path_, *pool, {.n_sequences = 2});
    ASSERT_NE(model, nullptr);
    const std::vector<Token> other(tokens_.rbegin(), tokens_.rend());
    const std::vector<float> want_a = logits(*model, tokens_, 512),
                             want_b = logits(*model, other, 512);
    std::vector<float> got_a, got_b;
    auto a = model->open({}), b = model->open({});
    for (size_t at = 0; at < tokens_.size(); at += 5) {
      const size_t n = std::min<size_t>(5, tokens_.size() - at);
      const std::vector<OutputNeed> needs(n, OutputNeed{OutputNeed::full});
      const Model::Rows rows[] = {{*a, std::span(tokens_).subspan(at, n), needs},
                                  {*b, std::span(other).subspan(at, n), needs}};
      auto out = model->step(rows);
      ASSERT_TRUE(static_cast<bool>(out));
      for (size_t i = 0; i < out->size(); ++i) {
        std::vector<float>& to = i < n ? got_a : got_b;
        to.insert(to.end(), (*out)[i].full.begin(), (*out)[i].full.end());
      }
    }
    EXPECT_EQ(got_a, want_a) << isa;
    EXPECT_EQ(got_b, want_b) << isa;
  }
}

TEST_P(ArchTest, every_step_agrees_with_its_scalar_twin) {
  setenv("ENGINE_VERIFY", "1", 1);
  auto pool = make_native_pool(1);
  auto model = load(path_, *pool);
  ASSERT_NE(model, nullptr);
  EXPECT_FALSE(logits(*model, tokens_, 16).empty());
  unsetenv("ENGINE_VERIFY");
}

INSTANTIATE_TEST_SUITE_P(Golden, ArchTest, ::testing::ValuesIn(kCases), [](const auto& info) {
  std::string s = info.param.name;
  for (char& c : s)
    if (c == '-') c = '_';
  return s;
});

}  // namespace
}  // namespace engine::golden
