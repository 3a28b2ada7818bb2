// An answer longer than the context: whole pages are forgotten, and what is kept is not read again.
#include <cmath>

#include "engine/run/draft.h"
#include "engine/run/scheduler.h"
#include "kernels/op.h"
#include "tests/run/collect.h"

namespace engine {
namespace {

constexpr int kContext = 256, kLong = 600, kRows = 16;

struct Kind {
  DType kv;
  uint32_t window;
};
constexpr Kind kKinds[] = {{DType::f16, 0}, {DType::q8_0, 0}, {DType::f16, 70}, {DType::q8_0, 70}};

std::string name(const Kind& k) {
  return std::string(k.kv == DType::f16 ? "f16" : "q8_0") + ", window " + std::to_string(k.window);
}

// What a shift of n tokens forgets.
struct Cut {
  int begin, count;
};
Cut cut(int n, int keep) {
  return {(keep + kPageTokens - 1) / kPageTokens * kPageTokens,
          (n - keep) / 2 / kPageTokens * kPageTokens};
}

// prompt, and behind it tokens, shifted as the scheduler does.
std::vector<Token> shifted(std::vector<Token> text, const std::vector<Token>& answer, int keep) {
  for (Token t : answer) {
    text.push_back(t);
    if (std::ssize(text) < kContext) continue;
    const Cut c = cut(kContext, keep);
    text.erase(text.begin() + c.begin, text.begin() + c.begin + c.count);
  }
  return text;
}

class ShiftTest : public ::testing::Test {
 protected:
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(2);

  std::unique_ptr<Model> model(const Kind& k, int sequences = 4, uint32_t layers = 2) {
    LoadOptions o;
    o.n_ctx = kContext, o.n_sequences = sequences, o.max_rows = kRows, o.kv_type = k.kv;
    return random_model(*pool_, o, k.window, 0.2f, -1, layers);
  }
  Request long_request(std::vector<Token> p, std::shared_ptr<Sink> sink, int seed = 3) {
    Request r = request(std::move(p), std::move(sink), kLong);
    r.num_keep = 10, r.sampling.seed = seed;
    return r;
  }
  // The answers to requests that come at once.
  std::vector<std::shared_ptr<Collect>> answers(Model& m, std::vector<Request> requests,
                                                const SpeculateOptions& o = {},
                                                uint64_t* steps = nullptr) {
    Scheduler s(m, o);
    std::vector<std::shared_ptr<Collect>> out;
    for (Request& r : requests) {
      r.sink = out.emplace_back(std::make_shared<Collect>());
      s.submit(r);
    }
    for (int i = 0; s.step(); ++i)
      if (i > 100000) {
        ADD_FAILURE() << "no end";
        break;
      }
    for (const auto& sink : out) EXPECT_EQ(sink->error, "");
    if (steps != nullptr) *steps = s.counts().steps;
    return out;
  }
  std::vector<Token> answer(Model& m, const Request& r, uint64_t* steps = nullptr) {
    return answers(m, {r}, {}, steps)[0]->tokens;
  }
};

// The logits behind a text that is fed in pieces.
std::vector<float> feed(Model& m, Model::SeqId s, std::span<const Token> text) {
  std::vector<float> out;
  while (!text.empty()) {
    const auto part = text.first(std::min<size_t>(text.size(), kRows));
    std::vector<OutputNeed> needs(part.size());
    needs.back().kind = OutputNeed::full;
    const Model::Rows rows[] = {{s, part, needs}};
    const auto got = m.step(rows);
    if (!got) {
      ADD_FAILURE() << got.error().message;
      return out;
    }
    out.assign((*got)[0].full.begin(), (*got)[0].full.end());
    text = text.subspan(part.size());
  }
  return out;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::pow(a[i] - b[i], 2), size += std::pow(b[i], 2);
  return std::sqrt(sum / size);
}

// With one layer, keys and values depend on their token and its position alone: after a shift they
// are those of the shortened text, but for rounding.
TEST_F(ShiftTest, one_layer_computes_as_if_it_had_read_the_shortened_text) {
  for (const Kind& k :
       {Kind{DType::f16, 0}, {DType::q8_0, 0}, {DType::f16, 150}, {DType::q8_0, 150}}) {
    auto m = model(k, 4, 1);
    const auto text = prompt(250, 1), more = prompt(100, 2);
    const Model::SeqId s = *m->open(text);
    feed(*m, s, text);
    const auto unshifted = feed(*m, *m->open(text), std::span(text).last(1));
    ASSERT_TRUE(m->shift(s, 0, 64)) << name(k);
    EXPECT_EQ(m->past(s), 250 - 64);
    const auto got = feed(*m, s, more);
    std::vector<Token> shorter(text.begin() + 64, text.end());
    shorter.insert(shorter.end(), more.begin(), more.end());
    auto fresh = model(k, 1, 1);
    const auto want = feed(*fresh, *fresh->open(shorter), shorter);
    EXPECT_LT(distance(got, want), k.kv == DType::f16 ? 2e-3 : 6e-2) << name(k);
    EXPECT_GT(distance(unshifted, want), 0.1) << "another text has other logits";
  }
}

TEST_F(ShiftTest, an_answer_goes_on_and_its_prompt_is_read_once) {
  for (const Kind& k : kKinds)
    for (const int keep : {0, 10, 64, 65, 100, -1}) {
      auto m = model(k, 1);
      Request r = long_request(prompt(40, 1), nullptr);
      r.num_keep = keep;
      uint64_t steps = 0;
      const auto got = answers(*m, {r}, {}, &steps);
      EXPECT_EQ(got[0]->tokens.size(), static_cast<size_t>(kLong)) << name(k);
      EXPECT_EQ(got[0]->stats.reason, DoneReason::length);
      const bool reads_again = k.window == 70 && keep > 64;  // it would see rows given back
      if (reads_again) continue;
      EXPECT_EQ(steps, static_cast<uint64_t>((40 + kRows - 1) / kRows + kLong - 1))
          << name(k) << ", keep " << keep;
    }
}

// The same by hand: which tokens are kept, and where.
TEST_F(ShiftTest, num_keep_is_kept_up_to_a_whole_page) {
  for (const int keep : {0, 10, 64, 65, -1}) {
    auto m = model({DType::f16, 0}, 2);
    const auto p = prompt(70, 4);
    Request r = long_request(p, nullptr);
    r.sampling.temperature = 0, r.num_keep = keep;
    const auto got = answer(*m, r);
    const int kept = keep < 0 ? 70 : keep;

    const Model::SeqId s = *m->open({});
    auto logits = feed(*m, s, p);
    std::vector<Token> want;
    int n = 70;
    while (want.size() < static_cast<size_t>(kLong)) {
      want.push_back(
          static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
      if (++n == kContext) {
        const Cut c = cut(n, kept);
        ASSERT_TRUE(m->shift(s, c.begin, c.count));
        n -= c.count;
      }
      logits = feed(*m, s, std::span(want).last(1));
    }
    EXPECT_EQ(got, want) << "keep " << keep;
  }
}

TEST_F(ShiftTest, answers_are_the_same_alone_and_among_others_and_again) {
  for (const Kind& k : kKinds) {
    // Three whole pages of the prompt are shared, one of them behind the cut.
    const auto p = prompt(220, 5);
    std::vector<Request> requests;
    for (int seed = 0; seed < 3; ++seed) requests.push_back(long_request(p, nullptr, seed));
    requests.push_back(long_request(prompt(30, 6), nullptr, 9));
    auto shared = model(k);
    for (int again = 0; again < 2; ++again) {
      const auto together = answers(*shared, requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        auto alone = model(k, 1);
        EXPECT_EQ(together[i]->tokens, answer(*alone, requests[i]))
            << name(k) << ", request " << i << ", time " << again;
        EXPECT_EQ(together[i]->tokens.size(), static_cast<size_t>(kLong));
      }
    }
  }
}

TEST_F(ShiftTest, where_no_whole_page_can_go_the_kept_tokens_are_read_again) {
  auto m = model({DType::f16, 0}, 1);
  Request r = long_request(prompt(210, 1), nullptr);
  r.num_keep = 200;
  uint64_t steps = 0;
  EXPECT_EQ(answer(*m, r, &steps).size(), static_cast<size_t>(kLong));
  EXPECT_GT(steps, static_cast<uint64_t>((210 + kRows - 1) / kRows + kLong - 1));
}

TEST_F(ShiftTest, what_a_shifted_answer_leaves_in_the_cache_is_what_it_seems) {
  for (const Kind& k : kKinds) {
    auto m = model(k);
    const auto p = prompt(100, 8);
    const auto got = answer(*m, long_request(p, nullptr));
    // The text that the model had before it in the end, and what it had read first.
    std::vector<Token> last = shifted(p, got, 10), first = p;
    ASSERT_LT(last.size(), static_cast<size_t>(kContext));
    first.insert(first.end(), got.begin(), got.begin() + 150);
    for (const auto& text : {last, first, p}) {
      auto fresh = model(k, 1);
      const auto r = request(text, nullptr, 5);
      const auto again = answers(*m, {r});
      EXPECT_EQ(again[0]->tokens, answer(*fresh, r)) << name(k);
      EXPECT_GE(again[0]->stats.cached_tokens, k.window == 0 ? 64 : 0);
    }
  }
}

TEST_F(ShiftTest, answers_in_too_few_pages_all_come_to_their_end) {
  for (const Kind& k : kKinds) {
    auto m = model(k, 1);  // pages for one context
    const auto p = prompt(220, 5);
    std::vector<Request> requests;
    for (int seed = 0; seed < 3; ++seed) requests.push_back(long_request(p, nullptr, seed));
    for (const auto& got : answers(*m, requests)) {
      EXPECT_EQ(got->tokens.size(), static_cast<size_t>(kLong)) << name(k);
      EXPECT_EQ(got->ends, 1);
    }
    auto alone = model(k, 1);
    EXPECT_EQ(answer(*m, requests[0]), answer(*alone, requests[0]))
        << "no page was lost or mixed up";
  }
}

TEST_F(ShiftTest, proposals_change_nothing) {
  for (const Kind& k : kKinds) {
    auto m = model(k), draft = model(k);
    for (const int length : {100, 101, 102, 103, 230}) {
      Request r = long_request(prompt(9, 4), nullptr);
      while (std::ssize(r.prompt) < length)
        r.prompt.push_back(r.prompt[r.prompt.size() - 9]);  // something to look up
      r.sampling.temperature = 0;
      const auto want = answer(*m, r);
      for (const SpeculateOptions& o :
           {SpeculateOptions{.lookup = true, .adaptive = false},
            SpeculateOptions{.draft = draft.get(), .adaptive = false}}) {
        const auto got = answers(*m, {r}, o);
        EXPECT_EQ(got[0]->tokens, want) << name(k) << ", prompt " << length;
        if (o.draft == nullptr) continue;
        // A draft model that is the model forgets the same.
        const GenerateStats& stats = got[0]->stats;
        EXPECT_GT(stats.accepted_tokens, 0.75 * stats.proposed_tokens)
            << name(k) << ", prompt " << length;
        EXPECT_GT(stats.proposed_tokens, static_cast<int>(want.size()) / 4);
      }
    }
  }
}

}  // namespace
}  // namespace engine
