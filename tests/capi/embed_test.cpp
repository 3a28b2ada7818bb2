// Vectors of texts.
#include <cmath>
#include <cstring>
#include <thread>

#include "tests/capi/fixture.h"
#include "tests/support/tiny_encoder.h"

namespace engine {
namespace {

class CapiEmbed : public CapiTest {
 protected:
  void SetUp() override {
    write_encoder("bert.gguf", {});
    open("bert.gguf");
    engine_model_info info = {};
    info.size = sizeof info;
    ASSERT_EQ(engine_model_get_info(model_, &info), ENGINE_OK);
    width_ = static_cast<size_t>(info.n_embd);
  }
  void write_encoder(const std::string& name, const testing::TinyEncoder& options) {
    const auto status = testing::write_tiny_encoder(path(name), options);
    ASSERT_TRUE(status) << status.error().message;
  }
  std::vector<float> embed(const std::vector<const char*>& texts, uint32_t flags = 0) {
    std::vector<float> out(texts.size() * width_, NAN);
    EXPECT_EQ(engine_embed(model_, texts.data(), texts.size(), flags, out.data(), out.size()),
              ENGINE_OK)
        << engine_last_error();
    return out;
  }
  static double length(const float* v, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) sum += double(v[i]) * double(v[i]);
    return std::sqrt(sum);
  }
  size_t width_ = 0;
};

TEST_F(CapiEmbed, RowsAreTheVectorsOfTheTexts) {
  const std::vector<float> both = embed({"hello world", "a"}), first = embed({"hello world"}),
                           second = embed({"a"});
  ASSERT_EQ(both.size(), 2 * width_);
  EXPECT_EQ(std::memcmp(both.data(), first.data(), width_ * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(both.data() + width_, second.data(), width_ * sizeof(float)), 0);
  EXPECT_NE(first, second);
  EXPECT_NEAR(length(first.data(), width_), 1, 1e-5);
}

TEST_F(CapiEmbed, RawIsTheSameDirection) {
  const std::vector<float> scaled = embed({"hello"}), raw = embed({"hello"}, ENGINE_EMBED_RAW);
  const double n = length(raw.data(), width_);
  EXPECT_GT(std::fabs(n - 1), 1e-3);
  for (size_t i = 0; i < width_; ++i) EXPECT_NEAR(raw[i] / n, scaled[i], 1e-5);
}

TEST_F(CapiEmbed, LongTexts) {
  const std::string text(200, 'a');
  std::vector<float> out(2 * width_, 7);
  const char* texts[] = {"a", text.c_str()};
  EXPECT_FAILS(engine_embed(model_, texts, 2, 0, out.data(), out.size()), ENGINE_INVALID_ARGUMENT,
               "texts[1]: ");
  EXPECT_EQ(out, std::vector<float>(2 * width_, 7));
  std::string words;
  for (int i = 0; i < 100; ++i) words += "a ";
  const char* many = words.c_str();
  EXPECT_FAILS(engine_embed(model_, &many, 1, 0, out.data(), out.size()), ENGINE_INVALID_ARGUMENT,
               "texts[0]: ");
  EXPECT_NEAR(length(embed({many}, ENGINE_EMBED_TRUNCATE).data(), width_), 1, 1e-5);
}

TEST_F(CapiEmbed, BadArguments) {
  std::vector<float> out(width_);
  const char* text = "a";
  const char* none = nullptr;
  const auto call = [&](engine_model* m, const char* const* texts, size_t n, uint32_t flags,
                        float* to,
                        size_t capacity) { return engine_embed(m, texts, n, flags, to, capacity); };
  EXPECT_FAILS(call(nullptr, &text, 1, 0, out.data(), width_), ENGINE_INVALID_ARGUMENT,
               "model is null");
  EXPECT_FAILS(call(model_, nullptr, 1, 0, out.data(), width_), ENGINE_INVALID_ARGUMENT,
               "texts is null");
  EXPECT_FAILS(call(model_, &none, 1, 0, out.data(), width_), ENGINE_INVALID_ARGUMENT,
               "texts[0] is null");
  EXPECT_FAILS(call(model_, &text, 1, 0, nullptr, width_), ENGINE_INVALID_ARGUMENT,
               "vectors is null");
  EXPECT_FAILS(call(model_, &text, 1, 4, out.data(), width_), ENGINE_INVALID_ARGUMENT,
               "unknown flags: 0x4");
  EXPECT_FAILS(call(model_, &text, 1, 0, out.data(), width_ - 1), ENGINE_BUFFER_TOO_SMALL,
               "floats, the buffer holds");
  EXPECT_FAILS(call(model_, &text, SIZE_MAX, 0, out.data(), width_), ENGINE_BUFFER_TOO_SMALL,
               "the buffer holds");
  EXPECT_EQ(call(model_, nullptr, 0, 0, out.data(), 0), ENGINE_OK);
}

TEST_F(CapiEmbed, ModelsWithoutVectors) {
  std::vector<float> out(4096);
  const char* text = "a";
  write("tiny.gguf", {});
  open("tiny.gguf");
  EXPECT_FAILS(engine_embed(model_, &text, 1, 0, out.data(), out.size()), ENGINE_UNSUPPORTED,
               "does not support embeddings");
  write_encoder("rank.gguf", {.pooling = 4, .labels = 1});
  open("rank.gguf");
  EXPECT_FAILS(engine_embed(model_, &text, 1, 0, out.data(), out.size()), ENGINE_UNSUPPORTED,
               "it ranks documents");
}

TEST_F(CapiEmbed, ThreadsShareAModel) {
  const std::vector<const char*> texts = {"hello", "world", "a b c", "hello world a b"};
  std::vector<std::vector<float>> together(texts.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < texts.size(); ++i)
    threads.emplace_back([&, i] { together[i] = embed({texts[i], texts[0]}); });
  for (std::thread& t : threads) t.join();
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(together[i], embed({texts[i], texts[0]}));
}

TEST_F(CapiEmbed, ADecoderWithAPooling) {
  write("embed.gguf", {.embedding = true});
  open("embed.gguf");
  std::vector<float> out(4096);
  const char* text = "the sky";
  ASSERT_EQ(engine_embed(model_, &text, 1, 0, out.data(), out.size()), ENGINE_OK)
      << engine_last_error();
  engine_model_info info = {};
  info.size = sizeof info;
  ASSERT_EQ(engine_model_get_info(model_, &info), ENGINE_OK);
  EXPECT_NEAR(length(out.data(), static_cast<size_t>(info.n_embd)), 1, 1e-5);
}

}  // namespace
}  // namespace engine
