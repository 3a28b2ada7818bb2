// The options of an answer beyond the usual ones: samplers by the list, forms of the answer, structs of older callers.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "tests/capi/fixture.h"

namespace engine {
namespace {

class CapiOptions : public CapiTest {
 protected:
  // Wide open, so that what one sampler does shows.
  static engine_generate_options wild(int num_predict = 24) {
    engine_generate_options o = generate_options(num_predict);
    o.temperature = 3, o.top_k = 0, o.top_p = 1, o.seed = 11;
    return o;
  }
  engine_status status(const engine_generate_options& o) {
    return engine_generate(model_, "the sky", &o, nullptr, nullptr, nullptr);
  }
};

std::vector<std::string> default_dry_breakers() {
  return {};  // in the struct: null
}

// Each line of the list is a member with its default.
TEST_F(CapiOptions, DefaultsOfTheList) {
  engine_generate_options o;
  ASSERT_EQ(engine_generate_options_init(&o, sizeof o), ENGINE_OK);
  int n = 0;
#define CHECK_number(name, fallback) EXPECT_EQ(o.name, static_cast<float>(fallback)) << #name
#define CHECK_integer(name, fallback) EXPECT_EQ(o.name, fallback) << #name
#define CHECK_texts(name, fallback) EXPECT_EQ(o.n_##name, (fallback).size()) << #name
#define OPTION(name, type, fallback, ...) \
  CHECK_##type(name, fallback);           \
  ++n;
#include "engine/core/sampling_options.inc"
#undef OPTION
  EXPECT_GE(n, 23);
  EXPECT_EQ(o.dry_sequence_breakers, nullptr);
  EXPECT_EQ(o.grammar, nullptr);
  EXPECT_EQ(o.json_schema, nullptr);
}

TEST_F(CapiOptions, NumbersMustBeFinite){
#define TRY_number(name)                                                              \
  {                                                                                   \
    engine_generate_options o = generate_options(1);                                  \
    o.name = NAN;                                                                     \
    EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "\"" #name "\" must be finite"); \
  }
#define TRY_integer(name)
#define TRY_texts(name)
#define OPTION(name, type, ...) TRY_##type(name)
#include "engine/core/sampling_options.inc"
#undef OPTION
}

TEST_F(CapiOptions, SamplersThatLeaveOneToken) {
  const std::string greedy = generate("the sky", generate_options(24));
  ASSERT_NE(generate("the sky", wild()), greedy);
  engine_generate_options o = wild();
  o.top_n_sigma = 1e-4f;
  EXPECT_EQ(generate("the sky", o), greedy);
  o = wild();
  o.top_p = 0;
  EXPECT_EQ(generate("the sky", o), greedy);
  o.min_keep = 1000;
  EXPECT_NE(generate("the sky", o), greedy) << "top_p leaves so many";
  o = wild();
  o.dynatemp_range = 3, o.dynatemp_exponent = 30;  // down to 0, as far as the row is not even
  EXPECT_NE(generate("the sky", o), generate("the sky", wild()));
  o = wild();
  o.xtc_probability = 1, o.xtc_threshold = 0;  // all but the least likely
  EXPECT_NE(generate("the sky", o), generate("the sky", wild()));
  for (int version : {1, 2}) {
    o = wild();
    o.mirostat = version, o.mirostat_tau = 0.01f, o.mirostat_eta = 0.5f;
    EXPECT_NE(generate("the sky", o), generate("the sky", wild())) << version;
  }
}

// A model to which all tokens are alike repeats the first that is allowed, unless that is punished.
TEST_F(CapiOptions, RepetitionsAndTheirBreakers) {
  write("zero.gguf", {.zero = true});
  open("zero.gguf");
  engine_generate_options o = generate_options(16);
  o.grammar = "root ::= [a-h]*";
  const std::string repeated(16, 'a');
  EXPECT_EQ(generate("x", o), repeated);
  o.dry_multiplier = 5, o.dry_base = 2, o.dry_allowed_length = 1, o.dry_penalty_last_n = 64;
  EXPECT_NE(generate("x", o), repeated);
  const char* breakers[65];
  std::fill_n(breakers, 65, "a");
  o.dry_sequence_breakers = breakers, o.n_dry_sequence_breakers = 1;
  EXPECT_EQ(generate("x", o), repeated) << "no repetition is seen across it";
  o.n_dry_sequence_breakers = 0;  // none at all, rather than the usual ones
  EXPECT_NE(generate("x", o), repeated);
  o.n_dry_sequence_breakers = 65;
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "at most 64 texts");
  breakers[1] = nullptr;
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "dry_sequence_breakers[1] is null");
  o.dry_sequence_breakers = nullptr;
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "dry_sequence_breakers is null");
}

TEST_F(CapiOptions, FormsOfTheAnswer) {
  engine_generate_options o = wild(40);
  o.grammar = "root ::= \"yes\" | \"no\"";
  const std::string word = generate("the sky", o);
  EXPECT_TRUE(word == "yes" || word == "no") << word;
  o.json_schema = "{\"enum\":[\"sky\"]}";
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "cannot be used together");
  o.grammar = nullptr;
  EXPECT_EQ(generate("the sky", o), "\"sky\"");
  o.json_schema = "{";
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "json_schema: ");
  o.json_schema = "{\"not\":{}}";
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "\"not\" is not supported");
  o.json_schema = nullptr;
  o.grammar = "root ::= (";
  EXPECT_FAILS(status(o), ENGINE_INVALID_ARGUMENT, "line 1");
}

TEST_F(CapiOptions, CallersOfAnOlderHeader) {
  const engine_generate_options now = wild();
  engine_generate_options old = now;
  old.size = offsetof(engine_generate_options, top_n_sigma);
  old.top_n_sigma = 1e-4f;  // what lies behind the struct is not read
  old.mirostat = 2;
  old.grammar = "not a grammar";
  EXPECT_EQ(generate("the sky", old), generate("the sky", now));
  engine_generate_options filled = now;
  filled.grammar = "untouched";
  ASSERT_EQ(engine_generate_options_init(&filled, old.size), ENGINE_OK);
  EXPECT_EQ(filled.size, old.size);
  EXPECT_STREQ(filled.grammar, "untouched");
}

}  // namespace
}  // namespace engine
