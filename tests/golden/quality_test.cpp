// Real models: the reference mode against recorded exact log-probabilities, and what the quantized
// path loses against the reference.
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/core/half.h"
#include "engine/core/json_io.h"
#include "tests/golden/golden.h"

namespace engine::golden {
namespace {

struct RealModel {
  const char *file, *folder;
  // KL divergence of llama.cpp from exact over the same tokens; same-top rate to reach
  double kl_llama, same_top;
};

class QualityTest : public ::testing::TestWithParam<RealModel> {
 protected:
  void SetUp() override {
    model_path_ = models_dir() + "/" + GetParam().file;
    folder_ = shared_dir() + "/golden/" + GetParam().folder + "/";
    if (!exists(model_path_))
      GTEST_SKIP() << "SKIPPED LOUDLY: no model at " << model_path_ << " (scripts/fetch_model.py)";
    if (!exists(folder_ + "logits.json"))
      GTEST_SKIP() << "SKIPPED LOUDLY: no golden data at " << folder_;
    std::ifstream in(folder_ + "logits.json");
    auto json = parse_json(std::string((std::istreambuf_iterator<char>(in)), {}));
    ASSERT_TRUE(static_cast<bool>(json));
    for (const Json& t : (*json)["tokens"]) tokens_.push_back(t.get<Token>());
    for (const Json& p : (*json)["exact.logprobs.f16"]["positions"])
      positions_.push_back(p.get<size_t>());
    n_vocab_ = (*json)["n_vocab"].get<size_t>();
  }
  std::string model_path_, folder_;
  std::vector<Token> tokens_;
  std::vector<size_t> positions_;
  size_t n_vocab_ = 0;
};

// log-probabilities of one row of logits
std::vector<double> log_softmax(const float* row, size_t n) {
  double max = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; ++i) max = std::max(max, static_cast<double>(row[i]));
  for (size_t i = 0; i < n; ++i) sum += std::exp(row[i] - max);
  std::vector<double> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = row[i] - max - std::log(sum);
  return out;
}

TEST_P(QualityTest, reference_mode_is_exact_and_the_quantized_path_close_to_it) {
  auto pool = make_native_pool(2);
  std::vector<float> reference, quantized;
  {
    auto model = load(model_path_, *pool, {.reference = true});
    ASSERT_NE(model, nullptr);
    reference = logits(*model, tokens_, 64);
  }
  {
    auto model = load(model_path_, *pool);
    ASSERT_NE(model, nullptr);
    quantized = logits(*model, tokens_, 64);
  }
  ASSERT_EQ(reference.size(), tokens_.size() * n_vocab_);
  ASSERT_EQ(quantized.size(), reference.size());

  const auto exact = read_file<uint16_t>(folder_ + "exact.logprobs.f16");
  ASSERT_EQ(exact.size(), positions_.size() * n_vocab_);
  double worst = 0;
  for (size_t p = 0; p < positions_.size(); ++p) {
    const std::vector<double> mine =
        log_softmax(reference.data() + positions_[p] * n_vocab_, n_vocab_);
    for (size_t i = 0; i < n_vocab_; ++i) {
      const double want = half_to_float(exact[p * n_vocab_ + i]);
      if (want > std::log(1e-4)) worst = std::max(worst, std::abs(mine[i] - want));
    }
  }
  double kl = 0;
  int same = 0;
  for (size_t t = 0; t < tokens_.size(); ++t) {
    const float *a = reference.data() + t * n_vocab_, *b = quantized.data() + t * n_vocab_;
    const std::vector<double> p = log_softmax(a, n_vocab_), q = log_softmax(b, n_vocab_);
    for (size_t i = 0; i < n_vocab_; ++i) kl += std::exp(p[i]) * (p[i] - q[i]);
    same += std::max_element(a, a + n_vocab_) - a == std::max_element(b, b + n_vocab_) - b;
  }
  kl /= static_cast<double>(tokens_.size());
  const double same_rate = same / static_cast<double>(tokens_.size());
  std::printf(
      "%s: largest log-probability error of the reference %.4f; KL %.5f (llama.cpp %.5f); same top "
      "token %.2f %%\n",
      GetParam().folder, worst, kl, GetParam().kl_llama, 100 * same_rate);
  EXPECT_LE(worst, 0.02);
  EXPECT_LE(kl, 1.15 * GetParam().kl_llama);
  EXPECT_GE(same_rate, GetParam().same_top);
}

// Of 320 tokens a few are near ties, which fall either way: Gemma keeps 96.9 % with AVX-512 VNNI (KL
// 0.00288) and 94.7 % with AVX2 (KL 0.00285).
INSTANTIATE_TEST_SUITE_P(
    Golden, QualityTest,
    ::testing::Values(RealModel{"smollm2-135m.gguf", "smollm2-135m-q4_1", 0.00327, 0.94},
                      RealModel{"gemma3-270m.gguf", "gemma3-270m-q4_k_m", 0.00625, 0.94}),
    [](const auto& info) { return info.index == 0 ? "smollm2" : "gemma3"; });

}  // namespace
}  // namespace engine::golden
