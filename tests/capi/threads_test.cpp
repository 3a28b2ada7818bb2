// Callbacks that use the library, exceptions in them, and several threads with one model.
#include <stdexcept>
#include <thread>

#include "tests/capi/fixture.h"

namespace engine {
namespace {

using CapiThreads = CapiTest;

TEST_F(CapiThreads, CallbacksMayUseTheModel) {
  const std::string expected = generate("sky", generate_options(5));
  int calls = 0;
  Body body = [&](const std::string&) {
    if (++calls == 2) {
      EXPECT_EQ(generate("sky", generate_options(5)), expected);
      std::vector<float> logits(4096);
      const engine_token token = 5;
      EXPECT_EQ(engine_logits(model_, &token, 1, logits.data(), logits.size()), ENGINE_OK);
    }
    return 0;
  };
  engine_model_options two = model_options();
  two.n_sequences = 2;
  open("tiny.gguf", two);
  const engine_generate_options o = generate_options(10);
  EXPECT_EQ(engine_generate(model_, "hello", &o, call, &body, nullptr), ENGINE_OK);
  EXPECT_GE(calls, 2);
}

TEST_F(CapiThreads, AnExceptionOfTheCallbackStaysInside) {
  Body body = [](const std::string&) -> int { throw std::runtime_error("not my day"); };
  const engine_generate_options o = generate_options(50);
  EXPECT_FAILS(engine_generate(model_, "hello", &o, call, &body, nullptr), ENGINE_INTERNAL,
               "not my day");
  EXPECT_FALSE(generate("hello", o).empty());
}

TEST_F(CapiThreads, ThreadsShareAModel) {
  engine_model_options four = model_options();
  four.n_sequences = 4;
  open("tiny.gguf", four);
  const std::vector<std::string> prompts = {"hello", "the sky", "is blue", "you", "a user", "as"};
  std::vector<std::string> alone, together(prompts.size());
  for (const std::string& p : prompts) alone.push_back(generate(p, generate_options(40)));
  std::vector<std::thread> threads;
  for (size_t i = 0; i < prompts.size(); ++i)
    threads.emplace_back([&, i] { together[i] = generate(prompts[i], generate_options(40)); });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(together, alone);
}

// More answers than the cache has room for: they wait for each other.
TEST_F(CapiThreads, ThreadsShareASmallCache) {
  engine_generate_options o = generate_options(150);
  o.temperature = 1, o.seed = 3, o.top_k = 0;
  const std::string alone = generate("hello", o);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { EXPECT_EQ(generate("hello", o), alone); });
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace engine
