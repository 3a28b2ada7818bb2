// Tests of the C API: everything goes through engine.h; a tiny model is written for each test.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "include/engine.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace engine {

using Ids = std::vector<engine_token>;

// A callback with a body of the test.
using Body = std::function<int(const std::string&)>;
inline int call(const char* text, size_t n_bytes, void* user) {
  return (*static_cast<Body*>(user))(std::string(text, n_bytes));
}

class CapiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    write("tiny.gguf", {});
    open("tiny.gguf");
  }
  void TearDown() override { engine_model_free(model_); }

  std::string path(const std::string& name) const { return folder_.file(name); }
  void write(const std::string& name, const testing::TinyModel& options) {
    const auto status = testing::write_tiny_model(path(name), options);
    ASSERT_TRUE(status) << status.error().message;
  }

  static engine_model_options model_options() {
    engine_model_options o;
    EXPECT_EQ(engine_model_options_init(&o, sizeof o), ENGINE_OK);
    o.n_ctx = 256;
    o.threads = 2;
    return o;
  }
  // Replaces the model of the test.
  void open(const std::string& name) { open(name, model_options()); }
  void open(const std::string& name, const engine_model_options& options) {
    engine_model_free(model_);
    ASSERT_EQ(engine_model_open(path(name).c_str(), &options, &model_), ENGINE_OK)
        << engine_last_error();
  }

  static engine_generate_options generate_options(int num_predict = 12) {
    engine_generate_options o;
    EXPECT_EQ(engine_generate_options_init(&o, sizeof o), ENGINE_OK);
    o.num_predict = num_predict;
    o.temperature = 0;
    return o;
  }

  Ids tokenize(const std::string& text, uint32_t flags = 0) {
    size_t n = 0;
    EXPECT_EQ(engine_tokenize(model_, text.data(), text.size(), flags, nullptr, 0, &n), ENGINE_OK);
    Ids out(n);
    EXPECT_EQ(engine_tokenize(model_, text.data(), text.size(), flags, out.data(), n, &n),
              ENGINE_OK);
    return out;
  }
  std::string detokenize(const Ids& ids, uint32_t flags = 0) {
    size_t n = 0;
    EXPECT_EQ(engine_detokenize(model_, ids.data(), ids.size(), flags, nullptr, 0, &n), ENGINE_OK);
    std::string out(n + 1, '?');
    EXPECT_EQ(engine_detokenize(model_, ids.data(), ids.size(), flags, out.data(), n + 1, &n),
              ENGINE_OK);
    EXPECT_EQ(out.back(), '\0');
    out.pop_back();
    return out;
  }

  static int append(const char* text, size_t n_bytes, void* user) {
    EXPECT_EQ(text[n_bytes], '\0');
    EXPECT_GT(n_bytes, 0u);
    static_cast<std::string*>(user)->append(text, n_bytes);
    return 0;
  }
  std::string generate(const std::string& prompt, const engine_generate_options& options,
                       engine_generate_stats* stats = nullptr) {
    std::string out;
    EXPECT_EQ(engine_generate(model_, prompt.c_str(), &options, append, &out, stats), ENGINE_OK)
        << engine_last_error();
    return out;
  }

  gguf::TempDir folder_;
  engine_model* model_ = nullptr;
};

// A call fails with this status, and the message has this part.
inline ::testing::AssertionResult fails_with(engine_status got, engine_status wanted,
                                             const std::string& part) {
  const std::string message = engine_last_error();
  if (got == wanted && message.find(part) != std::string::npos &&
      message.find('\n') == std::string::npos)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "status " << got << " instead of " << wanted << ", message \"" << message
         << "\" instead of \"" << part << "\"";
}

#define EXPECT_FAILS(call, status, part) EXPECT_TRUE(fails_with(call, status, part)) << #call

}  // namespace engine
