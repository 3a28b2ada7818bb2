// Speculation changes the time of an answer
// and nothing else: the same requests with and without it.
#include "engine/run/speculate.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "engine/run/draft.h"
#include "engine/run/prompt_lookup.h"
#include "engine/run/scheduler.h"
#include "engine/text/tokenizer.h"
#include "tests/run/random_model.h"
#include "tests/support/data_dirs.h"
#include "tests/support/tiny_model.h"

namespace engine {
namespace {

constexpr SpeculateOptions kEager{.lookup = true, .adaptive = false};  // proposes whenever it can

struct Answer : Sink {
  std::vector<Token> tokens;
  std::string text, error;
  GenerateStats stats;
  int ends = 0;
  void token(const TokenEvent& e) override {
    if (e.token >= 0) tokens.push_back(e.token);
    text += e.text;
  }
  void done(const GenerateStats& s) override { stats = s, ++ends; }
  void failed(const Error& e) override { error = e.message, ++ends; }
};

std::vector<Token> tokens_of_prompt(int n, int seed, int vocabulary = kTinyVocab) {
  std::mt19937 rng(static_cast<uint32_t>(seed));
  std::vector<Token> out;
  for (int i = 0; i < n; ++i)
    out.push_back(static_cast<Token>(rng() % static_cast<uint32_t>(vocabulary)));
  return out;
}

// A few tokens again and again, so that there is something to look up.
std::vector<Token> repetitive(int n, int seed) {
  std::vector<Token> out, part = tokens_of_prompt(9, seed);
  while (static_cast<int>(out.size()) < n) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Request greedy(std::vector<Token> p, int max_tokens) {
  Request r;
  r.prompt = std::move(p);
  r.max_tokens = max_tokens;
  r.sampling.temperature = 0;
  r.sampling.seed = 3;
  return r;
}

Request sampled(std::vector<Token> p, int max_tokens, float temperature = 0.4f) {
  Request r = greedy(std::move(p), max_tokens);
  r.sampling.temperature = temperature;
  return r;
}

std::vector<std::shared_ptr<Answer>> answers(Model& model, const SpeculateOptions& options,
                                             const std::vector<Request>& requests) {
  Scheduler s(model, options);
  std::vector<std::shared_ptr<Answer>> out;
  for (Request r : requests) {
    out.push_back(std::make_shared<Answer>());
    r.sink = out.back();
    s.submit(std::move(r));
  }
  for (int steps = 0; s.step(); ++steps)
    if (steps > 20000) {
      ADD_FAILURE() << "no end";
      break;
    }
  return out;
}

Answer answer(Model& model, const SpeculateOptions& options, const Request& r) {
  return *answers(model, options, {r})[0];
}

void expect_equal(const Answer& got, const Answer& want, const std::string& what) {
  EXPECT_EQ(got.error, want.error) << what;
  EXPECT_EQ(got.ends, 1) << what;
  EXPECT_EQ(got.tokens, want.tokens) << what;
  EXPECT_EQ(got.text, want.text) << what;
  EXPECT_EQ(got.stats.reason, want.stats.reason) << what;
  EXPECT_EQ(got.stats.output_tokens, want.stats.output_tokens) << what;
  EXPECT_EQ(got.stats.context, want.stats.context) << what;
  EXPECT_EQ(want.stats.proposed_tokens, 0) << what;
  EXPECT_LE(got.stats.accepted_tokens, got.stats.proposed_tokens) << what;
}

class SpeculateTest : public ::testing::Test {
 protected:
  // A model with a vocabulary.
  std::unique_ptr<Model> tiny(const testing::TinyModel& options, int n_ctx = 512) {
    const std::string path = (std::filesystem::temp_directory_path() / file_name()).string();
    const Status written = testing::write_tiny_model(path, options);
    EXPECT_TRUE(written);
    auto model = Model::load(path, {.n_ctx = n_ctx}, *pool_);
    std::filesystem::remove(path);
    if (!model) {
      ADD_FAILURE() << model.error().message;
      return nullptr;
    }
    return std::move(*model);
  }
  static std::string file_name() {
    static int count = 0;
    return "engine-speculate-" + std::to_string(getpid()) + "-" + std::to_string(count++) + ".gguf";
  }
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(2);
};

TEST_F(SpeculateTest, answers_are_the_same_with_and_without) {
  for (const uint32_t window : {0u, 70u}) {
    for (const DType kv : {DType::f16, DType::q8_0}) {
      auto model = random_model(*pool_, {.n_ctx = 512, .kv_type = kv}, window);
      int proposed = 0, accepted = 0, rejected = 0;
      for (int seed = 0; seed < 4; ++seed) {
        std::vector<Request> requests = {greedy(tokens_of_prompt(40, seed), 250),
                                         sampled(repetitive(40, seed), 250),
                                         sampled(tokens_of_prompt(40, seed), 250, 0.9f)};
        requests.push_back(requests[1]);
        requests.back().sampling.repeat_penalty = 1.2f;
        requests.back().sampling.presence_penalty = 0.3f;
        requests.back().sampling.repeat_last_n = 20;
        requests.push_back(requests[1]);
        requests.back().sampling.top_k = 0;
        requests.push_back(greedy(repetitive(60, seed), 250));
        requests.back().sampling.frequency_penalty = 0.1f;
        requests.push_back(requests[1]);
        requests.back().sampling.dry.multiplier = 0.5f;
        requests.back().sampling.xtc_probability = 0.5f;
        requests.back().sampling.dynatemp_range = 0.3f;
        requests.push_back(requests[1]);
        requests.back().sampling.mirostat = 2;
        requests.back().sampling.mirostat_tau = 2;
        requests.push_back(requests[3]);
        requests.back().sampling.order = {SamplerStage::temperature, SamplerStage::top_p,
                                          SamplerStage::penalties};
        for (size_t i = 0; i < requests.size(); ++i) {
          const Answer want = answer(*model, {}, requests[i]);
          for (const SpeculateOptions& o : {kEager, SpeculateOptions{.lookup = true}}) {
            const Answer got = answer(*model, o, requests[i]);
            expect_equal(got, want,
                         "window " + std::to_string(window) + ", request " + std::to_string(i));
            if (o.adaptive) continue;  // how often it proposes depends on the time of steps
            proposed += got.stats.proposed_tokens, accepted += got.stats.accepted_tokens;
            rejected += got.stats.proposed_tokens - got.stats.accepted_tokens;
          }
        }
      }
      EXPECT_GT(accepted, 100) << proposed;
      EXPECT_GT(rejected, 100) << proposed;
    }
  }
}

TEST_F(SpeculateTest, what_repeats_itself_is_mostly_accepted) {
  for (const uint32_t window : {0u, 70u}) {
    auto model = random_model(*pool_, {.n_ctx = 1024}, window, 0.02f);
    const Request r = greedy(repetitive(60, 1), 400);
    const Answer got = answer(*model, kEager, r);
    expect_equal(got, answer(*model, {}, r), "window " + std::to_string(window));
    EXPECT_EQ(got.stats.output_tokens, 400);
    EXPECT_GT(got.stats.accepted_tokens, 200);
    EXPECT_GT(got.stats.accepted_tokens * 2, got.stats.proposed_tokens);
    const std::vector<int>& at = got.stats.accepted_at;
    EXPECT_EQ(std::accumulate(at.begin(), at.end(), 0), got.stats.accepted_tokens);
    EXPECT_TRUE(std::is_sorted(at.rbegin(), at.rend())) << "who is second comes behind a first";
    ASSERT_FALSE(at.empty());
    EXPECT_GE(got.stats.proposals, at[0]);
    EXPECT_GE(got.stats.proposed_tokens, got.stats.proposals);
  }
}

TEST_F(SpeculateTest, sequences_speculate_together) {
  for (const uint32_t window : {0u, 70u}) {
    auto model = random_model(*pool_, {.n_ctx = 512, .n_sequences = 8, .max_rows = 64}, window);
    std::vector<Request> requests;
    for (int i = 0; i < 6; ++i)
      requests.push_back(i % 2 == 0 ? greedy(tokens_of_prompt(5 + 37 * i, i), 90 + 20 * i)
                                    : sampled(repetitive(30 + 20 * i, i), 80));
    requests.push_back(requests[0]);  // the same at the same time: equal pages
    const auto got = answers(*model, kEager, requests);
    int proposed = 0;
    for (size_t i = 0; i < requests.size(); ++i) {
      expect_equal(*got[i], answer(*model, {}, requests[i]), "request " + std::to_string(i));
      proposed += got[i]->stats.proposed_tokens;
    }
    EXPECT_GT(proposed, 50);
  }
}

TEST_F(SpeculateTest, without_pages_proposals_go_first) {
  auto model = random_model(*pool_, {.n_ctx = 256, .n_sequences = 1});  // 6 pages
  std::vector<Request> requests;
  for (int i = 0; i < 3; ++i) requests.push_back(greedy(tokens_of_prompt(120, 20 + i), 60));
  const auto got = answers(*model, kEager, requests);
  for (size_t i = 0; i < requests.size(); ++i)
    expect_equal(*got[i], answer(*model, {}, requests[i]), "request " + std::to_string(i));
}

TEST_F(SpeculateTest, the_limit_ends_an_accepted_run) {
  auto model = random_model(*pool_, {.n_ctx = 512}, 0, 0.02f);
  int accepted = 0;
  for (int limit = 1; limit < 60; ++limit) {
    const Request r = greedy(repetitive(60, 1), limit);
    const Answer got = answer(*model, kEager, r);
    EXPECT_EQ(got.stats.output_tokens, limit);
    expect_equal(got, answer(*model, {}, r), "limit " + std::to_string(limit));
    accepted += got.stats.accepted_tokens;
  }
  EXPECT_GT(accepted, 300);
}

TEST_F(SpeculateTest, a_full_context_shifts_or_ends_the_answer) {
  for (const uint32_t window : {0u, 40u}) {
    auto model = random_model(*pool_, {.n_ctx = 128, .n_sequences = 2}, window);
    for (const bool shift : {true, false}) {
      Request r = greedy(repetitive(100, 4), 300);
      r.num_keep = 8, r.shift = shift;
      for (const int length : {100, 101, 102, 103, 128}) {
        r.prompt.resize(static_cast<size_t>(length), 7);
        expect_equal(answer(*model, kEager, r), answer(*model, {}, r),
                     "prompt " + std::to_string(length));
      }
    }
  }
}

TEST_F(SpeculateTest, cancelling_ends_an_answer_between_runs) {
  auto model = random_model(*pool_, {.n_ctx = 512});
  Scheduler s(*model, kEager);
  auto sink = std::make_shared<Answer>();
  Request r = greedy(repetitive(60, 1), 400);
  const Answer want = answer(*model, {}, r);
  r.sink = sink;
  const RequestId id = s.submit(r);
  for (int i = 0; i < 10; ++i) s.step();
  s.cancel(id);
  while (s.step()) {
  }
  EXPECT_EQ(sink->stats.reason, DoneReason::cancelled);
  ASSERT_LT(sink->tokens.size(), want.tokens.size());
  EXPECT_TRUE(std::equal(sink->tokens.begin(), sink->tokens.end(), want.tokens.begin()));
}

TEST_F(SpeculateTest, a_stop_string_ends_an_accepted_run) {
  auto model = tiny({}), draft = tiny({});  // always right
  Request r = greedy(tokens_of_prompt(20, 5, 250), 200);
  const Answer whole = answer(*model, {}, r);
  ASSERT_GT(whole.text.size(), 60u);
  int accepted = 0;
  for (size_t at = 20; at + 6 < whole.text.size() && at < 120; at += 3) {
    r.stop = {whole.text.substr(at, 5)};
    const Answer got = answer(*model, {.draft = draft.get(), .adaptive = false}, r);
    expect_equal(got, answer(*model, {}, r), "stop at " + std::to_string(at));
    EXPECT_EQ(got.stats.reason, DoneReason::stop);
    accepted += got.stats.accepted_tokens;
  }
  EXPECT_GT(accepted, 0);
}

TEST_F(SpeculateTest, an_end_of_text_that_was_proposed_ends_the_answer) {
  auto model = tiny({.endless = false});
  const Token end = model->tokenizer()->ids().eos;
  ASSERT_TRUE(model->tokenizer()->is_eog(end));
  int ended = 0;
  for (int seed = 0; seed < 12; ++seed) {
    Request r = sampled({10, 11, end, 10, 11, end, 10, 11, end, 10, 11}, 40, 1);
    r.sampling.seed = seed;
    r.sampling.logit_bias = {{end, 6.0f}, {10, 5.0f}, {11, 5.0f}};
    const Answer got = answer(*model, kEager, r);
    expect_equal(got, answer(*model, {}, r), "seed " + std::to_string(seed));
    ended += got.stats.reason == DoneReason::stop && got.stats.accepted_tokens > 0;
  }
  EXPECT_GT(ended, 0);
}

TEST_F(SpeculateTest, a_draft_model_that_is_the_model_is_always_right) {
  for (const uint32_t window : {0u, 70u}) {
    auto model = random_model(*pool_, {.n_ctx = 512}, window),
         draft = random_model(*pool_, {.n_ctx = 512}, window);
    ASSERT_TRUE(check_draft(*model, *draft));
    const SpeculateOptions o{.draft = draft.get(), .adaptive = false};
    Request r = greedy(tokens_of_prompt(200, 2), 150);
    const Answer got = answer(*model, o, r);
    expect_equal(got, answer(*model, {}, r), "window " + std::to_string(window));
    EXPECT_GT(got.stats.proposed_tokens, 100);
    EXPECT_EQ(got.stats.accepted_tokens, got.stats.proposed_tokens);
    r.draft_tokens = 0;
    EXPECT_EQ(answer(*model, o, r).stats.proposed_tokens, 0);
  }
}

TEST_F(SpeculateTest, a_draft_model_that_is_mostly_wrong_changes_nothing) {
  auto model = tiny({}), draft = tiny({.seed = 2});
  ASSERT_TRUE(check_draft(*model, *draft));
  for (const bool lookup : {false, true}) {
    const SpeculateOptions o{.lookup = lookup, .draft = draft.get(), .adaptive = false};
    std::vector<Request> requests = {greedy(tokens_of_prompt(30, 1, 250), 200),
                                     sampled(tokens_of_prompt(90, 2, 250), 200, 0.8f)};
    requests[1].draft_tokens = 7;
    const auto got = answers(*model, o, requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      expect_equal(*got[i], answer(*model, {}, requests[i]), "request " + std::to_string(i));
      EXPECT_GT(got[i]->stats.proposed_tokens, got[i]->stats.accepted_tokens);
    }
  }
}

TEST_F(SpeculateTest, a_draft_model_follows_a_shifted_context) {
  auto model = random_model(*pool_, {.n_ctx = 128}), draft = random_model(*pool_, {.n_ctx = 128});
  Request r = greedy(tokens_of_prompt(100, 4), 200);
  r.num_keep = 8;
  const Answer got = answer(*model, {.draft = draft.get(), .adaptive = false}, r);
  expect_equal(got, answer(*model, {}, r), "shifted");
  EXPECT_GT(got.stats.accepted_tokens, 50);
}

TEST_F(SpeculateTest, a_draft_model_of_another_vocabulary_is_refused) {
  auto model = tiny({}), other = tiny({.other_vocabulary = true});
  const Status texts = check_draft(*model, *other);
  ASSERT_FALSE(texts);
  EXPECT_EQ(texts.error().code, Errc::invalid_argument);
  EXPECT_NE(texts.error().message.find("vocabulary is not that of the model: token"),
            std::string::npos)
      << texts.error().message;
  auto none = random_model(*pool_, {.n_ctx = 64});
  EXPECT_FALSE(check_draft(*model, *none));
}

TEST(PromptLookup, continues_the_longest_match_and_the_latest_of_equal_ones) {
  PromptLookup p;
  std::vector<Token> out;
  //                          1 2 3 then 50                2 3 then 60     2 3 then 70
  const std::vector<Token> t = {1, 2, 3, 50, 51, 52, 53, 9, 2, 3, 60, 61, 8, 2, 3, 70, 71, 1, 2, 3};
  ASSERT_GE(p.grade(t), 0);
  p.propose(t, 3, out);
  EXPECT_EQ(out, (std::vector<Token>{50, 51, 52}));
  std::vector<Token> u(t.begin(), t.end() - 3);
  u.insert(u.end(), {4, 2, 3});
  p.reset();
  out.clear();
  ASSERT_GE(p.grade(u), 0);
  p.propose(u, 2, out);
  EXPECT_EQ(out, (std::vector<Token>{70, 71}));
}

TEST(PromptLookup, a_period_goes_on_behind_the_end) {
  PromptLookup p;
  std::vector<Token> out, t;
  EXPECT_EQ(p.grade(t), -1);
  for (Token next : {5, 6, 7, 5, 6}) t.push_back(next), p.grade(t);  // the index grows
  ASSERT_GE(p.grade(t), 0);
  p.propose(t, 7, out);
  EXPECT_EQ(out, (std::vector<Token>{7, 5, 6, 7, 5, 6, 7}));
  t.push_back(100);
  EXPECT_EQ(p.grade(t), -1);
}

// Costs of a machine where every further row is a fifth of a step.
Costs costs() {
  Costs c;
  for (int rows = 1; rows <= kMostSpeculativeRows; ++rows) c.add_step(rows, 800 + 200 * rows);
  return c;
}

TEST(Gate, proposals_that_are_never_right_cost_one_percent) {
  const Costs c = costs();
  Gate gate(0);
  double lost = 0;
  constexpr int kTokens = 2000;
  for (int i = 0; i < kTokens; ++i) {
    gate.earn(1);
    const int n = gate.choose(4, 7, {}, c).n;
    if (n == 0) continue;
    lost += 0.2 * n;
    gate.settle(4, n, 0, {}, c);
  }
  EXPECT_GT(lost, 1);  // it tries again
  EXPECT_LE(lost, 1 + 0.01 * kTokens);
}

TEST(Gate, proposals_that_are_always_right_grow_to_the_most) {
  const Costs c = costs();
  Gate gate(0);
  int n = 0;
  for (int i = 0; i < 5; ++i) {
    n = gate.choose(4, 7, {}, c).n;
    ASSERT_GT(n, 0);
    gate.settle(4, n, n, {}, c);
    gate.earn(static_cast<size_t>(n) + 1);
  }
  EXPECT_EQ(n, 7);
}

TEST(Gate, dear_proposals_wait) {
  Costs c = costs();
  c.add_proposals(1, 1, 1000);  // as long as a step
  EXPECT_EQ(Gate(1).choose(2, 4, {}, c).n, 0);
  EXPECT_GT(Gate(0).choose(2, 4, {}, c).n, 0);
}

TEST_F(SpeculateTest, real_models_give_the_same_text) {
  for (const char* name : {"smollm2-135m.gguf", "gemma3-270m.gguf"}) {
    const std::string path = testing::models_dir() + "/" + name;
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << path << " is missing: scripts/fetch_model.py";
    auto model = Model::load(path, {.n_ctx = 1024}, *pool_);
    ASSERT_TRUE(model) << model.error().message;
    std::vector<Token> tokens;
    const std::string list = "one potato, two potatoes, three potatoes, four; ";
    ASSERT_TRUE(
        (*model)->tokenizer()->encode("The song goes: " + list + list + "one potato", {}, tokens));
    for (const Request& r : {greedy(tokens, 120), sampled(tokens, 120, 0.8f)}) {
      const Answer want = answer(**model, {}, r);
      expect_equal(answer(**model, kEager, r), want, name);
      const Answer got = answer(**model, {.lookup = true}, r);
      expect_equal(got, want, name);
      std::printf("%s: %d of %d accepted\n", name, got.stats.accepted_tokens,
                  got.stats.proposed_tokens);
    }
  }
}

}  // namespace
}  // namespace engine
