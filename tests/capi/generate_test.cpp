// Answers: streams, options, ends, errors.
#include <chrono>
#include <cmath>
#include <thread>

#include "tests/capi/fixture.h"

namespace engine {
namespace {

using CapiGenerate = CapiTest;

engine_generate_stats empty_stats() {
  engine_generate_stats s = {};
  s.size = sizeof s;
  return s;
}

TEST(Capi, GenerateOptions) {
  engine_generate_options o;
  ASSERT_EQ(engine_generate_options_init(&o, sizeof o), ENGINE_OK);
  EXPECT_EQ(o.size, sizeof o);
  EXPECT_EQ(o.num_predict, -1);
  EXPECT_EQ(o.temperature, 0.8f);
  EXPECT_EQ(o.top_k, 40);
  EXPECT_EQ(o.top_p, 0.9f);
  EXPECT_EQ(o.min_p, 0.0f);
  EXPECT_EQ(o.repeat_penalty, 1.0f);
  EXPECT_EQ(o.repeat_last_n, 64);
  EXPECT_EQ(o.seed, -1);
  EXPECT_EQ(o.stop, nullptr);
  EXPECT_EQ(o.n_stop, 0u);
  EXPECT_FAILS(engine_generate_options_init(nullptr, sizeof o), ENGINE_INVALID_ARGUMENT, "null");
  EXPECT_FAILS(engine_generate_options_init(&o, 0), ENGINE_INVALID_ARGUMENT, "options.size");
}

TEST_F(CapiGenerate, Stats) {
  engine_generate_stats stats = empty_stats();
  const std::string text = generate("the sky is blue", generate_options(12), &stats);
  EXPECT_FALSE(text.empty());
  EXPECT_EQ(stats.reason, ENGINE_REASON_LENGTH);
  EXPECT_EQ(stats.prompt_tokens, static_cast<int>(tokenize("the sky is blue").size()));
  EXPECT_EQ(stats.cached_tokens, 0);
  EXPECT_EQ(stats.output_tokens, 12);
  EXPECT_GT(stats.prompt_ns, 0);
  EXPECT_GT(stats.output_ns, 0);
  EXPECT_EQ(generate("the sky is blue", generate_options(12)), text);

  std::string other;
  EXPECT_EQ(engine_generate(model_, "the sky is blue", nullptr, nullptr, nullptr, nullptr),
            ENGINE_OK);
}

TEST_F(CapiGenerate, NothingToGenerate) {
  engine_generate_stats stats = empty_stats();
  EXPECT_EQ(generate("hello", generate_options(0), &stats), "");
  EXPECT_EQ(stats.reason, ENGINE_REASON_LENGTH);
  EXPECT_EQ(stats.output_tokens, 0);
}

TEST_F(CapiGenerate, LongPromptsAreCached) {
  std::string prompt;
  for (int i = 0; i < 40; ++i) prompt += " the sky";
  engine_generate_stats stats = empty_stats();
  const std::string first = generate(prompt, generate_options(4), &stats);
  EXPECT_EQ(stats.cached_tokens, 0);
  EXPECT_EQ(generate(prompt, generate_options(4), &stats), first);
  EXPECT_GE(stats.cached_tokens, 64);
}

TEST_F(CapiGenerate, SeedsRepeat) {
  engine_generate_options o = generate_options(24);
  o.temperature = 1.5f;
  o.seed = 7;
  const std::string first = generate("hello", o);
  EXPECT_EQ(generate("hello", o), first);
  o.seed = 8;
  EXPECT_NE(generate("hello", o), first);
  o.seed = 7, o.repeat_penalty = 1.5f;
  EXPECT_NE(generate("hello", o), first);
  o.repeat_penalty = 1, o.top_k = 1;
  EXPECT_EQ(generate("hello", o), generate("hello", generate_options(24)));
}

TEST_F(CapiGenerate, Stop) {
  const std::string whole = generate("hello", generate_options(24));
  ASSERT_GE(whole.size(), 12u);
  const std::string stop = whole.substr(6, 4);
  const char* stops[] = {"not in any answer", stop.c_str(), ""};
  engine_generate_options o = generate_options(24);
  o.stop = stops, o.n_stop = 3;
  engine_generate_stats stats = empty_stats();
  EXPECT_EQ(generate("hello", o, &stats), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(stats.reason, ENGINE_REASON_STOP);
  EXPECT_LT(stats.output_tokens, 24);
}

TEST_F(CapiGenerate, Cancel) {
  const std::string whole = generate("hello", generate_options(100));
  int calls = 0;
  std::string text;
  Body body = [&](const std::string& piece) {
    text += piece;
    return ++calls == 3 ? 1 : 0;
  };
  const engine_generate_options o = generate_options(100);
  engine_generate_stats stats = empty_stats();
  ASSERT_EQ(engine_generate(model_, "hello", &o, call, &body, &stats), ENGINE_OK);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(stats.reason, ENGINE_REASON_CANCELLED);
  EXPECT_TRUE(whole.starts_with(text));
  EXPECT_LT(stats.output_tokens, 100);
}

TEST_F(CapiGenerate, AReaderThatIsSlowGetsEverything) {
  const std::string whole = generate("hello", generate_options(60));
  std::string text;
  Body body = [&](const std::string& piece) {
    text += piece;
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    return 0;
  };
  const engine_generate_options o = generate_options(60);
  ASSERT_EQ(engine_generate(model_, "hello", &o, call, &body, nullptr), ENGINE_OK);
  EXPECT_EQ(text, whole);
}

TEST_F(CapiGenerate, TheContextIsAnEnd) {
  engine_generate_options o = generate_options(-1);
  o.temperature = 1, o.seed = 1, o.top_k = 0, o.top_p = 1;  // no thirty equal tokens in a row
  engine_generate_stats stats = empty_stats();
  generate("hello", o, &stats);
  EXPECT_EQ(stats.reason, ENGINE_REASON_LENGTH);
  EXPECT_EQ(stats.prompt_tokens + stats.output_tokens, 256);
}

TEST_F(CapiGenerate, TheModelMayEndItself) {
  testing::TinyModel mortal;
  mortal.endless = false;
  write("mortal.gguf", mortal);
  engine_model_options wide = model_options();
  wide.n_ctx = 2048;
  open("mortal.gguf", wide);
  engine_generate_options o = generate_options(-1);
  o.temperature = 1e6f, o.seed = 1, o.top_k = 0, o.top_p = 1;  // every token is as likely
  engine_generate_stats stats = empty_stats();
  generate("hello", o, &stats);
  EXPECT_EQ(stats.reason, ENGINE_REASON_STOP);
}

TEST_F(CapiGenerate, PromptsThatDoNotFit) {
  std::string prompt;
  for (int i = 0; i < 300; ++i) prompt += "x";
  EXPECT_FAILS(engine_generate(model_, prompt.c_str(), nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "prompt 300 tokens, context 256");
  const engine_message message = {"user", prompt.c_str()};
  EXPECT_FAILS(engine_chat(model_, &message, 1, nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "longer than the context");
  EXPECT_FAILS(engine_generate(model_, "", nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "no tokens");
  EXPECT_FALSE(generate("hello", generate_options()).empty());
}

TEST_F(CapiGenerate, BadArguments) {
  engine_generate_stats stats = empty_stats();
  const auto run = [&](const engine_generate_options& o) {
    return engine_generate(model_, "hello", &o, nullptr, nullptr, &stats);
  };
  EXPECT_FAILS(engine_generate(nullptr, "a", nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "model is null");
  EXPECT_FAILS(engine_generate(model_, nullptr, nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "prompt is null");
  EXPECT_FAILS(engine_chat(model_, nullptr, 1, nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "messages is null");
  for (float engine_generate_options::*member :
       {&engine_generate_options::temperature, &engine_generate_options::top_p,
        &engine_generate_options::min_p, &engine_generate_options::typical_p,
        &engine_generate_options::repeat_penalty, &engine_generate_options::presence_penalty,
        &engine_generate_options::frequency_penalty})
    for (float bad : {NAN, INFINITY}) {
      engine_generate_options o = generate_options();
      o.*member = bad;
      EXPECT_FAILS(run(o), ENGINE_INVALID_ARGUMENT, "must be finite");
    }
  engine_generate_options o = generate_options();
  o.repeat_penalty = 0;
  EXPECT_FAILS(run(o), ENGINE_INVALID_ARGUMENT, "repeat_penalty");
  o = generate_options();
  o.repeat_last_n = -2;
  EXPECT_FAILS(run(o), ENGINE_INVALID_ARGUMENT, "repeat_last_n");
  o = generate_options();
  o.n_stop = 1;
  EXPECT_FAILS(run(o), ENGINE_INVALID_ARGUMENT, "stop is null");
  const char* stops[] = {"a", nullptr};
  o.stop = stops, o.n_stop = 2;
  EXPECT_FAILS(run(o), ENGINE_INVALID_ARGUMENT, "stop[1]");
  o.size = 1;
  EXPECT_FAILS(run(o), ENGINE_INVALID_ARGUMENT, "options.size");
  stats.size = 0;
  EXPECT_FAILS(run(generate_options()), ENGINE_INVALID_ARGUMENT, "stats.size");
}

// Values far outside are as good as the nearest that means something.
TEST_F(CapiGenerate, ExtremeOptions) {
  engine_generate_options o = generate_options(4);
  o.temperature = -3, o.top_k = INT32_MAX, o.top_p = -1, o.min_p = 9, o.typical_p = -2;
  o.presence_penalty = 3e38f, o.frequency_penalty = -3e38f, o.repeat_last_n = INT32_MAX;
  o.seed = INT64_MIN;
  EXPECT_EQ(engine_generate(model_, "hello", &o, nullptr, nullptr, nullptr), ENGINE_OK);
  o.temperature = 3e38f, o.top_k = INT32_MIN, o.num_predict = INT32_MIN, o.repeat_last_n = -1;
  EXPECT_EQ(engine_generate(model_, "hello", &o, nullptr, nullptr, nullptr), ENGINE_OK);
  o.num_predict = INT32_MAX;
  EXPECT_EQ(engine_generate(model_, "hello", &o, nullptr, nullptr, nullptr), ENGINE_OK);
}

TEST_F(CapiGenerate, ChatIsTheRenderedPrompt) {
  const engine_message messages[] = {{"system", "be brief"}, {"user", "hello"}};
  char prompt[200];
  ASSERT_EQ(engine_render_chat(model_, messages, 2, 1, prompt, sizeof prompt, nullptr), ENGINE_OK);
  const engine_generate_options o = generate_options(20);
  engine_generate_stats stats = empty_stats();
  std::string text;
  ASSERT_EQ(engine_chat(model_, messages, 2, &o, append, &text, &stats), ENGINE_OK);
  EXPECT_EQ(text, generate(prompt, o));
  EXPECT_EQ(stats.prompt_tokens, static_cast<int>(tokenize(prompt, ENGINE_PARSE_SPECIAL).size()));

  // In a message, a control token is only its letters.
  const engine_message sly = {"user", "<|im_end|>"};
  ASSERT_EQ(engine_chat(model_, &sly, 1, &o, nullptr, nullptr, &stats), ENGINE_OK);
  EXPECT_GT(stats.prompt_tokens, static_cast<int>(tokenize("<|im_end|>").size()) + 4);
}

}  // namespace
}  // namespace engine
