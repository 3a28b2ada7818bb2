// Vectors of tiny encoders against a forward pass in double, written from the formulas alone; and
// what makes up an embedding: cutting, batching, pooling, normalizing.
#include "engine/run/embed.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/core/cpu_info.h"
#include "engine/text/tokenizer.h"
#include "gguf/reader.h"
#include "tests/run/random_model.h"
#include "tests/support/oracle.h"
#include "tests/support/tiny_encoder.h"

namespace engine {
namespace {

using test::Matrix;
using test::Vector;
using testing::TinyEncoder;
using testing::TinyEncoderFile;

// The forward pass; columns are tokens.
class Oracle {
 public:
  Oracle(const TinyEncoder& o, const TinyEncoderFile& file) : o_(o), file_(file) {}

  Matrix hidden(const std::vector<Token>& tokens) const {
    const int64_t n = std::ssize(tokens);
    Matrix x(E, n);
    const Matrix words = matrix("token_embd.weight", E), types = matrix("token_types.weight", E);
    for (int64_t t = 0; t < n; ++t) {
      x.col(t) = words.row(tokens[static_cast<size_t>(t)]).transpose() + types.row(0).transpose();
      if (bert()) x.col(t) += matrix("position_embd.weight", E).row(t).transpose();
    }
    x = norm("token_embd_norm", x);
    for (uint32_t il = 0; il < TinyEncoder::kLayers; ++il) {
      const std::string p = "blk." + std::to_string(il) + ".";
      x = norm(p + "attn_output_norm", x + attention(p, x));
      x = norm(p + "layer_output_norm", x + ffn(p, x));
    }
    return x;
  }

  Vector vector(const std::vector<Token>& tokens) const {
    const Matrix x = hidden(tokens);
    switch (o_.pooling) {
      case 1:
        return x.rowwise().mean();
      case 2:
        return x.col(0);
      case 4: {
        if (o_.labels == 0) return x.col(0);
        const Vector v =
            (matrix("cls.weight", E) * x.col(0) + bias("cls.bias", E)).array().tanh().matrix();
        return matrix("cls.output.weight", E) * v + bias("cls.output.bias", o_.labels);
      }
      default:  // none and last
        return x.col(x.cols() - 1);
    }
  }

 private:
  static constexpr int64_t E = TinyEncoder::kEmbd, H = TinyEncoder::kHeads, D = E / H;
  bool bert() const { return o_.arch == "bert"; }

  // Rows are outputs.
  Matrix matrix(const std::string& name, int64_t columns) const {
    const std::vector<float>& w = file_.weights.at(name);
    return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(
               w.data(), std::ssize(w) / columns, columns)
        .cast<double>();
  }
  Vector bias(const std::string& name, int64_t n) const {
    const auto at = file_.weights.find(name);
    if (at == file_.weights.end()) return Vector::Zero(n);
    return Eigen::Map<const Eigen::VectorXf>(at->second.data(), n).cast<double>();
  }
  Matrix linear(const std::string& name, const Matrix& x) const {
    const Matrix w = matrix(name + ".weight", x.rows());
    return (w * x).colwise() + bias(name + ".bias", w.rows());
  }
  Matrix norm(const std::string& name, const Matrix& x) const {
    Matrix y(x.rows(), x.cols());
    for (int64_t t = 0; t < x.cols(); ++t) {
      const Vector c = x.col(t).array() - x.col(t).mean();
      const double inverse = 1 / std::sqrt(c.squaredNorm() / static_cast<double>(E) + 1e-12);
      y.col(t) = (c * inverse).cwiseProduct(bias(name + ".weight", E)) + bias(name + ".bias", E);
    }
    return y;
  }
  // Q, K or V of all heads.
  Matrix projected(const std::string& p, int part, const Matrix& x) const {
    if (o_.fused_qkv) return linear(p + "attn_qkv", x).middleRows(part * E, E);
    return linear(p + (part == 0 ? "attn_q" : part == 1 ? "attn_k" : "attn_v"), x);
  }
  // Pairs (i, i + D / 2) turn by position * base^(-2 i / D).
  static void rotate(Matrix& x) {
    for (int64_t t = 0; t < x.cols(); ++t)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t i = 0; i < D / 2; ++i) {
          const double angle =
              static_cast<double>(t) *
              std::pow(1000.0, -2.0 * static_cast<double>(i) / static_cast<double>(D));
          double &a = x(h * D + i, t), &b = x(h * D + i + D / 2, t);
          const double a0 = a, b0 = b;
          a = a0 * std::cos(angle) - b0 * std::sin(angle);
          b = a0 * std::sin(angle) + b0 * std::cos(angle);
        }
  }
  Matrix attention(const std::string& p, const Matrix& x) const {
    Matrix q = projected(p, 0, x), k = projected(p, 1, x);
    const Matrix v = projected(p, 2, x);
    if (!bert()) rotate(q), rotate(k);
    Matrix out(E, x.cols());
    const std::vector<bool> all(static_cast<size_t>(x.cols()), true);
    for (int64_t h = 0; h < H; ++h)
      for (int64_t t = 0; t < x.cols(); ++t)
        out.col(t).segment(h * D, D) = test::attention(
            q.col(t).segment(h * D, D), k.middleRows(h * D, D), v.middleRows(h * D, D), all,
            1 / std::sqrt(static_cast<double>(D)), 0, std::numeric_limits<double>::quiet_NaN());
    return linear(p + "attn_output", out);
  }
  Matrix ffn(const std::string& p, const Matrix& x) const {
    Matrix up = linear(p + "ffn_up", x);
    const Matrix gate = bert() ? Matrix() : linear(p + "ffn_gate", x);
    for (int64_t t = 0; t < up.cols(); ++t)
      for (int64_t i = 0; i < up.rows(); ++i)
        up(i, t) = bert() ? test::act(Act::gelu_tanh, up(i, t))
                          : test::act(Act::silu, gate(i, t)) * up(i, t);
    return linear(p + "ffn_down", up);
  }

  TinyEncoder o_;
  const TinyEncoderFile& file_;
};

class EmbedTest : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("ENGINE_ISA"); }

  std::unique_ptr<Model> load(const TinyEncoder& o, LoadOptions options = {}) {
    auto made = testing::make_tiny_encoder(o);
    EXPECT_TRUE(made);
    file_ = std::make_shared<TinyEncoderFile>(std::move(*made));
    auto parsed = gguf::File::parse(file_->bytes);
    EXPECT_TRUE(parsed);
    auto model = Model::load(std::move(*parsed), file_, options, *pool_);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }
  static std::vector<std::vector<float>> embed(Model& model, const std::vector<std::string>& texts,
                                               const EmbedOptions& options = {}) {
    auto result = embed_texts(model, texts, options);
    EXPECT_TRUE(result) << result.error().message;
    return result ? result->vectors : std::vector<std::vector<float>>();
  }
  static std::vector<Token> tokens(const Model& model, const std::string& text) {
    auto out = embedding_tokens(model, text, true);
    EXPECT_TRUE(out);
    return *out;
  }

  std::unique_ptr<ThreadPool> pool_ = ThreadPool::create(PoolKind::native, 2);
  std::shared_ptr<TinyEncoderFile> file_;
};

void expect_near(const std::vector<float>& got, const Vector& want) {
  ASSERT_EQ(std::ssize(got), want.size());
  const Vector v = Eigen::Map<const Eigen::VectorXf>(got.data(), want.size()).cast<double>();
  EXPECT_LE((v - want).norm(), 1e-4 * want.norm());
}

const std::vector<std::string> kTexts = {
    "the sky is blue",
    "a",
    "",
    "is the sky? blue, the sky is . abcdefghijklmnop qrstuvwxyz",
    "testing the sky",
    "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm the"};

TEST_F(EmbedTest, both_families_and_every_pooling_match_the_double_forward_pass) {
  for (const char* isa : {"scalar", "avx2", ""}) {
    if (*isa != '\0' && !cap_features(cpu_features(), isa)) continue;
    setenv("ENGINE_ISA", isa, 1);
    for (const char* arch : {"bert", "nomic-bert"})
      for (const bool fused : {false, true})
        for (const uint32_t labels : {0u, 1u, 3u})
          for (uint32_t pooling = 0; pooling <= 4; ++pooling) {
            if (labels > 0 && pooling != 4) continue;
            const TinyEncoder o{
                .arch = arch, .pooling = pooling, .labels = labels, .fused_qkv = fused};
            SCOPED_TRACE(std::string(isa) + " " + arch + (fused ? " fused" : "") + " pooling " +
                         std::to_string(pooling) + " labels " + std::to_string(labels));
            auto model = load(o);
            ASSERT_NE(model, nullptr);
            const Oracle oracle(o, *file_);
            const auto got = embed(*model, kTexts, {.normalize = false});
            ASSERT_EQ(got.size(), kTexts.size());
            for (size_t i = 0; i < got.size(); ++i)
              expect_near(got[i], oracle.vector(tokens(*model, kTexts[i])));
          }
  }
}

TEST_F(EmbedTest, a_vector_per_token) {
  const TinyEncoder o{.pooling = 0};
  auto model = load(o);
  ASSERT_NE(model, nullptr);
  const std::vector<float> got =
      embed(*model, {kTexts[0]}, {.normalize = false, .per_token = true}).front();
  const Matrix want = Oracle(o, *file_).hidden(tokens(*model, kTexts[0]));
  ASSERT_EQ(std::ssize(got), want.size());
  for (int64_t t = 0; t < want.cols(); ++t)
    expect_near({got.begin() + t * want.rows(), got.begin() + (t + 1) * want.rows()}, want.col(t));
  const std::vector<float> unit = embed(*model, {kTexts[0]}, {.per_token = true}).front();
  for (int64_t t = 0; t < want.cols(); ++t)
    EXPECT_NEAR(
        Eigen::Map<const Eigen::VectorXf>(unit.data() + t * want.rows(), want.rows()).norm(), 1,
        1e-5);
}

TEST_F(EmbedTest, a_model_without_the_key_pools_nothing) {
  auto model = load({.pooling = TinyEncoder::kNoPooling});
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info().pooling, Pooling::none);
}

TEST_F(EmbedTest, the_same_bits_for_any_batch_and_thread_count) {
  for (const char* arch : {"bert", "nomic-bert"}) {
    auto model = load({.arch = arch});
    ASSERT_NE(model, nullptr);
    std::vector<std::string> many;
    for (int i = 0; i < 40; ++i)
      for (const std::string& t : kTexts) many.push_back(t);
    const auto all = embed(*model, many);
    std::vector<std::vector<float>> alone;
    for (const std::string& t : kTexts) alone.push_back(embed(*model, {t}).front());
    for (size_t i = 0; i < many.size(); ++i) ASSERT_EQ(all[i], alone[i % kTexts.size()]) << i;
    auto single = load({.arch = arch}, {.threads = 1});
    ASSERT_NE(single, nullptr);
    for (size_t i = 0; i < kTexts.size(); ++i) EXPECT_EQ(embed(*single, {kTexts[i]})[0], alone[i]);
  }
}

TEST_F(EmbedTest, every_step_agrees_with_its_scalar_twin) {
  setenv("ENGINE_VERIFY", "1", 1);
  auto model = load({.arch = "nomic-bert"});
  unsetenv("ENGINE_VERIFY");
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(embed(*model, kTexts).size(), kTexts.size());
}

TEST_F(EmbedTest, long_texts_are_cut_or_refused) {
  auto model = load({.n_ctx = 16}, {.n_ctx = 4096});
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->info().n_ctx, 16) << "there are no more positions";
  std::string fits, longer;
  for (int i = 0; i < 14; ++i) fits += "a ";
  longer = fits + "b b b";
  EXPECT_EQ(tokens(*model, fits).size(), 16u);
  EXPECT_EQ(tokens(*model, longer), tokens(*model, fits));
  EXPECT_EQ(tokens(*model, longer).back(), model->tokenizer()->ids().sep);
  EXPECT_EQ(embed(*model, {longer}), embed(*model, {fits}));
  const auto refused = embed_texts(*model, std::vector{longer}, {.truncate = false});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
  EXPECT_EQ(refused.error().message, "the input length exceeds the context length");
  auto narrow = load({.n_ctx = 2});
  ASSERT_NE(narrow, nullptr);
  const auto none = embed_texts(*narrow, std::vector<std::string>{"a"}, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message, "input after truncation exceeds maximum context length");
}

TEST_F(EmbedTest, length_and_dimensions) {
  auto model = load({});
  ASSERT_NE(model, nullptr);
  const auto norm = [](const std::vector<float>& v) {
    return Eigen::Map<const Eigen::VectorXf>(v.data(), std::ssize(v)).norm();
  };
  const std::vector<float> raw = embed(*model, {"the sky"}, {.normalize = false}).front(),
                           unit = embed(*model, {"the sky"}).front();
  EXPECT_GT(std::fabs(norm(raw) - 1), 0.1);
  EXPECT_NEAR(norm(unit), 1, 1e-6);
  EXPECT_NEAR(unit[3], raw[3] / norm(raw), 1e-6);
  const std::vector<float> half = embed(*model, {"the sky"}, {.dimensions = 24}).front();
  ASSERT_EQ(half.size(), 24u);
  EXPECT_NEAR(norm(half), 1, 1e-6);
  EXPECT_NEAR(half[1] / half[0], unit[1] / unit[0], 1e-5);
  for (const int n : {0, 48, 480})
    EXPECT_EQ(embed(*model, {"the sky"}, {.dimensions = n}).front(), unit);
}

TEST_F(EmbedTest, text_is_never_control) {
  auto model = load({});
  ASSERT_NE(model, nullptr);
  const std::vector<Token> ids = tokens(*model, "[SEP]");
  EXPECT_EQ(std::count(ids.begin(), ids.end(), model->tokenizer()->ids().sep), 1);
}

TEST_F(EmbedTest, results_that_are_no_numbers_are_an_error) {
  auto made = testing::make_tiny_encoder({});
  ASSERT_TRUE(made);
  auto parsed = gguf::File::parse(made->bytes);
  ASSERT_TRUE(parsed);
  const auto norm = parsed->find("blk.1.layer_output_norm.weight");
  ASSERT_TRUE(norm);
  auto view = parsed->view(*norm);
  ASSERT_TRUE(view);
  const_cast<float*>(view->as<const float>())[5] = std::numeric_limits<float>::quiet_NaN();
  auto model = Model::load(std::move(*parsed), nullptr, {}, *pool_);
  ASSERT_TRUE(model);
  const auto result = embed_texts(**model, std::vector<std::string>{"a"}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "embedding contains NaN or Inf values");
  EXPECT_EQ(result.error().code, Errc::invalid_argument);
}

TEST_F(EmbedTest, which_models_keep_raw_vectors_in_the_old_form) {
  const auto raw = [&](TinyEncoder o) {
    auto model = load(o);
    return model != nullptr && keeps_raw_vectors(*model);
  };
  EXPECT_FALSE(raw({}));
  EXPECT_TRUE(raw({.normalize_key = true, .normalize_value = false}));
  EXPECT_TRUE(raw({.arch = "nomic-bert"}));
  EXPECT_FALSE(raw({.arch = "nomic-bert", .normalize_key = true, .normalize_value = true}));
}

TEST_F(EmbedTest, no_text_from_an_embedding_model) {
  auto model = load({});
  ASSERT_NE(model, nullptr);
  const std::vector<Token> ids = tokens(*model, "the sky");
  auto seq = model->open({});
  ASSERT_TRUE(seq);
  for (const auto kind : {OutputNeed::full, OutputNeed::top}) {
    std::vector<OutputNeed> needs(ids.size());
    needs.back().kind = kind, needs.back().k = 1;
    const Model::Rows rows{*seq, ids, needs};
    const auto out = model->step({&rows, 1});
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().message, "this model gives embeddings, not text");
  }
  model->close(*seq, false);
}

TEST_F(EmbedTest, broken_files_give_one_error) {
  const auto error = [&](const TinyEncoder& o, const char* gone) {
    auto made = testing::make_tiny_encoder(o);
    std::string bytes(reinterpret_cast<const char*>(made->bytes.data()), made->bytes.size());
    const size_t at = bytes.find(gone);
    EXPECT_NE(at, std::string::npos);
    bytes[at] = 'X';  // another key or tensor
    std::memcpy(made->bytes.data(), bytes.data(), bytes.size());
    auto parsed = gguf::File::parse(made->bytes);
    EXPECT_TRUE(parsed);
    auto model = Model::load(std::move(*parsed), nullptr, {}, *pool_);
    EXPECT_FALSE(model);
    return model ? std::string() : model.error().message;
  };
  EXPECT_EQ(error({}, "tokenizer.ggml.token_type_count"),
            "bert model needs to define token type count");
  EXPECT_EQ(error({}, "position_embd.weight"), "missing tensor 'position_embd.weight'");
  EXPECT_EQ(error({}, "token_embd_norm.bias"), "missing tensor 'token_embd_norm.bias'");
  EXPECT_NE(error({}, "bert.attention.layer_norm_epsilon"), "");
  const auto odd = testing::make_tiny_encoder({.pooling = 7});
  auto parsed = gguf::File::parse(odd->bytes);
  auto model = Model::load(std::move(*parsed), nullptr, {}, *pool_);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Errc::unsupported);
  EXPECT_TRUE(model.error().message.starts_with("bert.pooling_type is 7")) << model.error().message;
}

}  // namespace
}  // namespace engine
