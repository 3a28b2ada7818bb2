// Requests of one model, step by step: what a client gets does not depend on who else is served.
#include "engine/run/scheduler.h"

#include "tests/run/collect.h"

namespace engine {
namespace {

class SchedulerTest : public ::testing::Test {
 protected:
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(2);
  std::vector<Token> alone(const std::vector<Token>& p, int max_tokens = 12) {
    auto model = random_model(*pool_, {.n_ctx = 512});
    Scheduler s(*model);
    auto sink = std::make_shared<Collect>();
    s.submit(request(p, sink, max_tokens));
    while (s.step()) {
    }
    EXPECT_EQ(sink->ends, 1);
    return sink->tokens;
  }
};

TEST_F(SchedulerTest, tasks_take_turns_with_each_other_and_with_answers) {
  auto model = random_model(*pool_, {.n_ctx = 512});
  Scheduler s(*model);
  EXPECT_FALSE(s.step());
  std::string order;
  const auto task = [&](char name, int calls) {
    return [&order, name, left = calls](Model&) mutable { return order += name, --left > 0; };
  };
  auto sink = std::make_shared<Collect>();
  s.submit(request(prompt(5, 1), sink, 4));
  s.post(task('a', 3));
  s.post(task('b', 2));
  s.post([&](Model& m) {
    EXPECT_EQ(&m, model.get());
    s.post(task('d', 1));  // from the model thread
    return order += 'c', false;
  });
  EXPECT_FALSE(s.idle());
  EXPECT_TRUE(s.step());
  EXPECT_EQ(order, "a");
  EXPECT_EQ(sink->tokens.size(), 1u) << "one token beside one task";
  while (s.step()) {
  }
  EXPECT_EQ(order, "abcabda");
  EXPECT_EQ(sink->tokens, alone(prompt(5, 1), 4));
  EXPECT_TRUE(s.idle());
}

TEST_F(SchedulerTest, answers_are_the_same_alone_and_together) {
  auto model = random_model(*pool_, {.n_ctx = 512, .n_sequences = 8, .max_rows = 64});
  Scheduler s(*model);
  std::vector<std::shared_ptr<Collect>> sinks;
  std::vector<std::vector<Token>> prompts;
  for (int i = 0; i < 6; ++i) {
    prompts.push_back(prompt(5 + 37 * i, i));
    sinks.push_back(std::make_shared<Collect>());
    s.submit(request(prompts.back(), sinks.back()));
    s.step();  // they join one after the other
  }
  while (s.step()) {
  }
  EXPECT_TRUE(s.idle());
  for (size_t i = 0; i < sinks.size(); ++i) {
    EXPECT_EQ(sinks[i]->ends, 1);
    EXPECT_EQ(sinks[i]->tokens, alone(prompts[i])) << i;
    EXPECT_EQ(sinks[i]->stats.prompt_tokens, static_cast<int>(prompts[i].size()));
    EXPECT_EQ(sinks[i]->stats.output_tokens, 12);
    EXPECT_EQ(sinks[i]->stats.reason, DoneReason::length);
  }
}

TEST_F(SchedulerTest, a_prefix_hit_changes_nothing_but_the_work) {
  auto model = random_model(*pool_, {.n_ctx = 512, .n_sequences = 2});
  Scheduler s(*model);
  const auto p = prompt(200, 9);
  auto first = std::make_shared<Collect>(), second = std::make_shared<Collect>();
  s.submit(request(p, first));
  while (s.step()) {
  }
  s.submit(request(p, second));
  while (s.step()) {
  }
  EXPECT_EQ(first->stats.cached_tokens, 0);
  EXPECT_EQ(second->stats.cached_tokens, 192);
  EXPECT_EQ(second->tokens, first->tokens);
}

TEST_F(SchedulerTest, prompts_that_begin_alike_are_computed_once_although_they_come_at_once) {
  auto model = random_model(*pool_, {.n_ctx = 512, .n_sequences = 3});
  Scheduler s(*model);
  std::vector<std::shared_ptr<Collect>> sinks;
  std::vector<std::vector<Token>> prompts;
  for (int i = 0; i < 3; ++i) {
    prompts.push_back(prompt(200, 7));
    prompts.back().push_back(static_cast<Token>(i));
    sinks.push_back(std::make_shared<Collect>());
    s.submit(request(prompts.back(), sinks.back()));
  }
  while (s.step()) {
  }
  EXPECT_EQ(sinks[0]->stats.cached_tokens, 0);
  EXPECT_EQ(sinks[1]->stats.cached_tokens, 192) << "three whole pages of 200 tokens";
  EXPECT_EQ(sinks[2]->stats.cached_tokens, 192);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(sinks[i]->tokens, alone(prompts[i]));
}

TEST_F(SchedulerTest, without_pages_the_youngest_is_replayed_later_with_the_same_answer) {
  auto model = random_model(*pool_, {.n_ctx = 256, .n_sequences = 1});  // 6 pages
  Scheduler s(*model);
  std::vector<std::shared_ptr<Collect>> sinks;
  std::vector<std::vector<Token>> prompts;
  for (int i = 0; i < 3; ++i) {
    prompts.push_back(prompt(120, 20 + i));
    sinks.push_back(std::make_shared<Collect>());
    s.submit(request(prompts.back(), sinks.back(), 40));
  }
  for (int steps = 0; s.step(); ++steps) ASSERT_LT(steps, 2000);
  for (size_t i = 0; i < sinks.size(); ++i) {
    EXPECT_EQ(sinks[i]->error, "");
    EXPECT_EQ(sinks[i]->tokens, alone(prompts[i], 40)) << i;
  }
}

TEST_F(SchedulerTest, cancel_ends_one_request_and_no_other) {
  auto model = random_model(*pool_, {.n_ctx = 512, .n_sequences = 4});
  Scheduler s(*model);
  auto a = std::make_shared<Collect>(), b = std::make_shared<Collect>();
  const RequestId id = s.submit(request(prompt(10, 1), a, 100));
  s.submit(request(prompt(10, 2), b, 20));
  for (int i = 0; i < 5; ++i) s.step();
  s.cancel(id);
  while (s.step()) {
  }
  EXPECT_EQ(a->stats.reason, DoneReason::cancelled);
  EXPECT_LT(a->tokens.size(), 10u);
  EXPECT_EQ(b->tokens.size(), 20u);
  EXPECT_EQ(a->ends, 1);
}

TEST_F(SchedulerTest, a_row_without_room_rests_and_comes_back) {
  auto model = random_model(*pool_, {.n_ctx = 512, .n_sequences = 4});
  Scheduler s(*model);
  auto a = std::make_shared<Collect>(), b = std::make_shared<Collect>();
  const auto pa = prompt(10, 1), pb = prompt(10, 2);
  s.submit(request(pa, a));
  s.submit(request(pb, b));
  s.step(), s.step();
  a->has_room = false;
  const size_t had = a->tokens.size();
  while (s.step()) {
  }
  EXPECT_EQ(a->tokens.size(), had);
  EXPECT_EQ(b->ends, 1);
  EXPECT_FALSE(s.idle());
  a->has_room = true;
  while (s.step()) {
  }
  EXPECT_EQ(a->tokens, alone(pa));
}

TEST_F(SchedulerTest, a_full_context_shifts_or_ends_the_answer) {
  auto model = random_model(*pool_, {.n_ctx = 128, .n_sequences = 2});
  Scheduler s(*model);
  auto shifted = std::make_shared<Collect>(), ended = std::make_shared<Collect>();
  Request r = request(prompt(100, 4), shifted, 150);
  r.num_keep = 8;
  s.submit(std::move(r));
  while (s.step()) {
  }
  EXPECT_EQ(shifted->tokens.size(), 150u);
  Request e = request(prompt(100, 4), ended, 150);
  e.shift = false;
  s.submit(std::move(e));
  while (s.step()) {
  }
  EXPECT_EQ(ended->stats.reason, DoneReason::length);
  EXPECT_EQ(ended->tokens.size(), 28u);
}

TEST_F(SchedulerTest, a_prompt_beyond_the_context_fails_with_one_clear_error) {
  auto model = random_model(*pool_, {.n_ctx = 64});
  Scheduler s(*model);
  auto sink = std::make_shared<Collect>();
  s.submit(request(prompt(65, 4), sink));
  while (s.step()) {
  }
  EXPECT_NE(sink->error.find("prompt 65 tokens, context 64"), std::string::npos) << sink->error;
}

TEST_F(SchedulerTest, q8_0_cache_is_as_invariant_as_f16) {
  std::vector<Token> answers[2];
  for (const int rows : {512, 7}) {
    auto model = random_model(*pool_, {.n_ctx = 512, .max_rows = rows, .kv_type = DType::q8_0});
    Scheduler s(*model);
    auto sink = std::make_shared<Collect>();
    s.submit(request(prompt(150, 6), sink, 30));
    while (s.step()) {
    }
    answers[rows == 7] = sink->tokens;
  }
  EXPECT_EQ(answers[0], answers[1]);
  EXPECT_EQ(answers[0].size(), 30u);
}

TEST(ModelMemory, what_does_not_fit_is_refused_with_the_numbers) {
  const auto pool = make_native_pool(1);
  const auto bytes = std::make_shared<std::vector<std::byte>>(random_model_bytes());
  setenv("ENGINE_MEMORY", "1MiB", 1);
  const auto load = [&](int n_ctx) {
    return Model::load(std::move(*gguf::File::parse(*bytes)), bytes, {.n_ctx = n_ctx}, *pool);
  };
  const auto refused = load(65536);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::out_of_memory);
  EXPECT_TRUE(refused.error().message.starts_with("model requires more system memory ("));
  EXPECT_TRUE(refused.error().message.ends_with(") than is available (1.0 MiB)"));
  EXPECT_TRUE(load(64)) << "a smaller context fits";
  unsetenv("ENGINE_MEMORY");
}

TEST(ModelMemory, a_context_that_may_shrink_is_halved_until_it_fits) {
  const auto pool = make_native_pool(1);
  const auto bytes = std::make_shared<std::vector<std::byte>>(random_model_bytes());
  const auto context = [&](int fit, const char* memory) {
    setenv("ENGINE_MEMORY", memory, 1);
    const auto model =
        Model::load(std::move(*gguf::File::parse(*bytes)), bytes, {.fit_n_ctx = fit}, *pool);
    unsetenv("ENGINE_MEMORY");
    return model ? (*model)->info().n_ctx : 0;
  };
  const int whole = context(64, "4GiB");
  EXPECT_EQ(whole, 4096) << "all of the context the model was trained with";
  const int halved = context(64, "1MiB");
  EXPECT_LT(halved, whole);
  EXPECT_GE(halved, 64);
  EXPECT_EQ(whole % halved, 0);
  EXPECT_EQ(context(whole, "1MiB"), 0) << "not below what was asked for";
}

}  // namespace
}  // namespace engine
