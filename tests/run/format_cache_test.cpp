// Formats of answers are made once: per process where they hold for every model, else per vocabulary.
#include "engine/run/format_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/core/log.h"
#include "engine/run/constrain.h"
#include "engine/run/forced_calls.h"
#include "tests/support/tiny_model.h"

namespace engine {
namespace {

Result<OutputFormat> of_size(size_t bytes) {
  OutputFormat out;
  out.gbnf = std::string(bytes, 'x');
  return out;
}

TEST(FormatCacheTest, WhatWasUsedLastStays) {
  FormatCache cache(4000);
  const auto get = [&](const std::string& key) {
    ASSERT_TRUE(cache.get(key, [] { return of_size(1000); }));
  };
  get("a"), get("b"), get("c");
  EXPECT_EQ(cache.counts().entries, 3u);
  get("a");
  EXPECT_EQ(cache.counts().hits, 1u);
  get("d");  // in the place of b
  EXPECT_EQ(cache.counts().entries, 3u);
  EXPECT_LE(cache.counts().bytes, 4000u);
  get("a"), get("c"), get("d");
  EXPECT_EQ(cache.counts().hits, 4u);
  get("b");
  EXPECT_EQ(cache.counts().made, 5u);
}

TEST(FormatCacheTest, WhatIsTooLargeOrFailsIsNotKept) {
  FormatCache cache(4000);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(cache.get("large", [] { return of_size(5000); }));
    EXPECT_FALSE(cache.get("bad", []() -> Result<OutputFormat> {
      return Error{Errc::invalid_argument, "no"};
    }));
  }
  EXPECT_EQ(cache.counts().hits, 0u);
  EXPECT_EQ(cache.counts().made, 2u);
  EXPECT_EQ(cache.counts().bytes, 0u);
}

TEST(FormatCacheTest, ManyThreads) {
  FormatCache cache(8000);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&cache, t] {
      for (size_t i = 0; i < 500; ++i) {
        const size_t n = 100 + (i * (t + 1)) % 20;
        const auto got = cache.get(std::to_string(n), [n] { return of_size(n); });
        EXPECT_TRUE(got && got->gbnf.size() == n);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(cache.counts().hits + cache.counts().made, 2000u);
  EXPECT_LE(cache.counts().bytes, 8000u);
}

// Models with texts; the second has two tokens with each other's text.
class FormatsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::off);
    char folder[] = "/tmp/engine_formats_XXXXXX";
    root_ = mkdtemp(folder);
    for (const bool other : {false, true}) {
      testing::TinyModel tiny;
      tiny.other_vocabulary = other;
      const std::string path = root_ + "/tiny.gguf";
      ASSERT_TRUE(testing::write_tiny_model(path, tiny));
      auto model = Model::load(path, {.n_ctx = 64, .map = false}, *pool_);
      ASSERT_TRUE(model) << model.error().message;
      (other ? second_ : first_) = std::move(*model);
    }
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  static const grammar::Program* program_of(const Model& model, const OutputFormat& format,
                                            const Thinking& thinking = {}) {
    const auto made = make_constraint(model, format, thinking);
    EXPECT_TRUE(made) << made.error().message;
    return made ? &(*made)->program() : nullptr;  // the cache keeps it
  }

  std::string root_;
  std::unique_ptr<ThreadPool> pool_ = ThreadPool::create(PoolKind::native, 1);
  std::unique_ptr<Model> first_, second_;
};

TEST_F(FormatsTest, ASchemaIsCompiledOnce) {
  const auto format = [](const char* text) { return schema_format(Json::parse(text)); };
  const auto a = format(R"({"properties":{"a":{"type":"integer"},"b":{}}})");
  const auto again = format(R"({ "properties" : {"a": {"type": "integer"}, "b": {}} })");
  const auto other = format(R"({"properties":{"b":{},"a":{"type":"integer"}}})");
  ASSERT_TRUE(a && again && other);
  EXPECT_EQ(a->program, again->program);
  EXPECT_NE(a->program, other->program) << "the order of the properties is that of the answer";
  EXPECT_EQ(json_format()->program, json_format()->program);
  EXPECT_EQ(program_of(*first_, *a), a->program.get()) << "no token is in it";
  EXPECT_EQ(program_of(*second_, *a), a->program.get());
  EXPECT_EQ(first_->formats().counts().made, 0u);
}

TEST_F(FormatsTest, BehindThinkingItIsCompiledOncePerModelAndTags) {
  const OutputFormat format = *schema_format(Json::parse(R"({"type":"string"})"));
  const Thinking thinking{grammar::Start::may_think_before, "<think>", "</think>"};
  const auto* program = program_of(*first_, format, thinking);
  EXPECT_EQ(program, program_of(*first_, format, thinking));
  EXPECT_EQ(first_->formats().counts().made, 1u);
  EXPECT_EQ(first_->formats().counts().hits, 1u);
  EXPECT_NE(program, program_of(*second_, format, thinking));
  EXPECT_NE(program, program_of(*first_, format, {thinking.start, "<think>", "</t>"}));
  EXPECT_NE(program, program_of(*first_, format, {grammar::Start::after_thinking}));
  EXPECT_EQ(first_->formats().counts().made, 3u);
}

TEST_F(FormatsTest, AGrammarBelongsToAVocabulary) {
  OutputFormat format;
  format.gbnf = "root ::= <|im_start|> \"b\"*";
  const auto* program = program_of(*first_, format);
  EXPECT_EQ(program, program_of(*first_, format));
  EXPECT_EQ(first_->formats().counts().made, 1u);
  EXPECT_NE(program, program_of(*second_, format));
  format.gbnf += " \"c\"";
  EXPECT_NE(program, program_of(*first_, format));
  for (int i = 0; i < 2; ++i) EXPECT_FALSE(make_constraint(*first_, {.gbnf = "root ::= x"}, {}));
}

TEST_F(FormatsTest, CallsAreCompiledOnce) {
  const Json tools = Json::parse(
      R"([{"function":{"name":"f","parameters":{"properties":{"a":{"type":"integer"}}}}},
          {"function":{"name":"g"}}])");
  const AnswerFormat& format = detect_answer_format("<tool_call>");
  const auto calls = [&](const Model& model, const ToolChoice& choice) {
    const auto made = forced_calls(model, format, "", tools, choice);
    EXPECT_TRUE(made) << made.error().message;
    return program_of(model, *made);
  };
  const ToolChoice any{.forced = true};
  const auto* program = calls(*first_, any);
  const size_t made = first_->formats().counts().made;
  EXPECT_EQ(program, calls(*first_, any));
  EXPECT_EQ(first_->formats().counts().made, made);
  EXPECT_NE(program, calls(*second_, any));
  EXPECT_NE(program, calls(*first_, {.forced = true, .name = "f"}));
  EXPECT_NE(program, calls(*first_, {.forced = true, .parallel = false}));
}

}  // namespace
}  // namespace engine
