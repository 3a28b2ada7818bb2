// Constrained answers of a model: they keep to the grammar, with and without speculation alike.
#include "engine/grammar/constraint.h"

#include "engine/grammar/gbnf.h"
#include "engine/run/scheduler.h"
#include "tests/run/random_model.h"

namespace engine {
namespace {

struct Answer : Sink {
  std::vector<Token> tokens;
  GenerateStats stats;
  std::string error;
  void token(const TokenEvent& e) override { tokens.push_back(e.token); }
  void done(const GenerateStats& s) override { stats = s; }
  void failed(const Error& e) override { error = e.message; }
};

// Token i stands for the character 32 + i.
std::shared_ptr<const grammar::TokenTrie> letters() {
  std::vector<std::string> pieces;
  for (int i = 0; i < kTinyVocab; ++i) pieces.emplace_back(1, static_cast<char>(32 + i));
  return std::make_shared<const grammar::TokenTrie>(pieces, std::vector<Token>{});
}

std::shared_ptr<Answer> answer(Model& model, const std::string& gbnf, float temperature,
                               bool speculate, int max_tokens = 100) {
  auto g = grammar::parse_gbnf(gbnf);
  EXPECT_TRUE(g) << g.error().message;
  auto program = grammar::Program::compile(*g);
  EXPECT_TRUE(program);
  Scheduler s(model, {.lookup = speculate, .adaptive = false});
  auto sink = std::make_shared<Answer>();
  Request r;
  for (Token t = 0; t < 20; ++t) r.prompt.push_back(t * 7 % kTinyVocab);
  r.max_tokens = max_tokens;
  r.sampling.seed = 5;
  r.sampling.temperature = temperature;
  r.constraint = std::make_shared<grammar::Constraint>(*program, letters());
  r.sink = sink;
  s.submit(std::move(r));
  while (s.step()) {
  }
  return sink;
}

std::string text_of(const Answer& sink) {
  std::string out;
  for (const Token t : sink.tokens)
    if (t >= 0) out += static_cast<char>(32 + t);
  return out;
}

class ConstraintTest : public ::testing::Test {
 protected:
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(2);
  std::unique_ptr<Model> model_ = random_model(*pool_, {.n_ctx = 512}, 0, 0.02f);
};

TEST_F(ConstraintTest, SpeculationChangesNothing) {
  int accepted = 0;
  for (const float temperature : {0.0f, 0.9f})
    for (const char* gbnf :
         {"root ::= (\"ab\" | \"cd\" | \"a\" [x-z]){40}", "root ::= [a-e ]{30,200}"}) {
      const auto plain = answer(*model_, gbnf, temperature, false);
      const auto fast = answer(*model_, gbnf, temperature, true);
      EXPECT_EQ(plain->tokens, fast->tokens) << gbnf << " " << temperature;
      EXPECT_GE(plain->tokens.size(), 30u) << plain->error;
      accepted += fast->stats.accepted_tokens;
    }
  EXPECT_GT(accepted, 0);
}

TEST_F(ConstraintTest, EndsWhenNothingMayFollow) {
  const auto sink = answer(*model_, "root ::= \"yes\" | \"no\"", 0.9f, false);
  EXPECT_TRUE(text_of(*sink) == "yes" || text_of(*sink) == "no") << text_of(*sink);
  EXPECT_EQ(sink->stats.reason, DoneReason::stop);
  EXPECT_EQ(sink->stats.output_tokens, static_cast<int>(text_of(*sink).size()));
}

TEST_F(ConstraintTest, AnErrorWhenTheVocabularyCannotSayIt) {
  const auto sink = answer(*model_, "root ::= \"a\" [\\u4e00-\\u9fff]", 0, false);
  EXPECT_EQ(text_of(*sink), "a");
  EXPECT_EQ(sink->error, "the grammar allows no token of this vocabulary here");
}

TEST_F(ConstraintTest, AnErrorWhenTheGrammarIsTooAmbiguous) {
  // Every "a" doubles what may follow.
  const auto sink = answer(*model_, "root ::= \"a\" root \"b\" | \"a\" root \"c\"", 0, false);
  EXPECT_TRUE(sink->error.starts_with("the grammar is too ambiguous")) << sink->error;
  EXPECT_GT(sink->tokens.size(), 5u);
}

}  // namespace
}  // namespace engine
