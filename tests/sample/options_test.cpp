// Options: defaults, layers, types, ranges, and their way into the sampler.
#include "engine/core/options.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/sample/sampler.h"

namespace engine {
namespace {

Options read(const char* json, Options from = {}) {
  const Status s = apply_options(*parse_json(json), from);
  EXPECT_TRUE(s) << s.error().message;
  return from;
}

std::string error_of(const char* json) {
  Options o;
  if (const Status s = apply_options(*parse_json(json), o); !s) return s.error().message;
  const Status s = check_options(o);
  return s ? "" : s.error().message;
}

TEST(Options, DefaultsAreThoseOfTheSampler) {
  const SamplerParams a = sampler_params(Options(), 4096), b;
  EXPECT_EQ(a.temperature, b.temperature);
  EXPECT_EQ(a.top_k, b.top_k);
  EXPECT_EQ(a.top_p, b.top_p);
  EXPECT_EQ(a.min_p, b.min_p);
  EXPECT_EQ(a.typical_p, b.typical_p);
  EXPECT_EQ(a.repeat_last_n, b.repeat_last_n);
  EXPECT_EQ(a.repeat_penalty, b.repeat_penalty);
  EXPECT_EQ(a.top_n_sigma, b.top_n_sigma);
  EXPECT_EQ(a.min_keep, b.min_keep);
  EXPECT_EQ(a.dry.multiplier, b.dry.multiplier);
  EXPECT_EQ(a.dry.base, b.dry.base);
  EXPECT_EQ(a.dry.allowed_length, b.dry.allowed_length);
  EXPECT_EQ(a.dry.last_n, b.dry.last_n);
  EXPECT_EQ(a.mirostat, b.mirostat);
  EXPECT_EQ(a.mirostat_tau, b.mirostat_tau);
  EXPECT_EQ(a.mirostat_eta, b.mirostat_eta);
  EXPECT_EQ(a.dynatemp_range, b.dynatemp_range);
  EXPECT_EQ(a.dynatemp_exponent, b.dynatemp_exponent);
  EXPECT_EQ(a.xtc_probability, b.xtc_probability);
  EXPECT_EQ(a.xtc_threshold, b.xtc_threshold);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(Options().num_keep, 4);
  EXPECT_EQ(Options().num_predict, -1);
}

TEST(Options, LayersOverwriteWhatTheyName) {
  const Options model = read(R"({"temperature": 0.1, "stop": ["a"], "top_k": 5})");
  const Options request =
      read(R"({"top_k": 7, "stop": ["b", "c"], "num_ctx": 2048, "use_mmap": false, "min_p": null})",
           model);
  EXPECT_FLOAT_EQ(request.temperature, 0.1f);
  EXPECT_EQ(request.top_k, 7);
  EXPECT_EQ(request.stop, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(request.num_ctx, 2048);
  EXPECT_EQ(request.use_mmap, false);
  EXPECT_FALSE(request.main_gpu.has_value());
}

TEST(Options, NumbersAreCutAndClamped) {
  EXPECT_EQ(read(R"({"top_k": 3.9})").top_k, 3);
  EXPECT_EQ(read(R"({"num_predict": -2.9})").num_predict, -2);
  EXPECT_EQ(read(R"({"top_k": -5, "temperature": -1})").top_k, 0);
  EXPECT_EQ(read(R"({"temperature": -1})").temperature, 0);
  EXPECT_EQ(read(R"({"top_p": 1.5, "min_p": -3})").top_p, 1);
  EXPECT_EQ(read(R"({"top_k": 1e300})").top_k, INT32_MAX);
  EXPECT_EQ(read(R"({"seed": 18446744073709551615})").seed, INT64_MAX);
  EXPECT_EQ(read(R"({"seed": 4294967295})").seed, 4294967295);
  EXPECT_EQ(read(R"({"temperature": 1})").temperature, 1);
  EXPECT_EQ(read(R"({"num_ctx": 1})").num_ctx, 4);
  EXPECT_EQ(read(R"({"mirostat": 9})").mirostat, 2);
  EXPECT_EQ(read(R"({"xtc_probability": 2, "xtc_threshold": -1})").xtc_probability, 1);
}

TEST(Options, ErrorsNameOptionAndType) {
  EXPECT_EQ(error_of(R"({"top_k": "3"})"), "option \"top_k\" must be of type integer");
  EXPECT_EQ(error_of(R"({"seed": true})"), "option \"seed\" must be of type integer");
  EXPECT_EQ(error_of(R"({"temperature": "hot"})"),
            "option \"temperature\" must be of type float32");
  EXPECT_EQ(error_of(R"({"use_mmap": 1})"), "option \"use_mmap\" must be of type boolean");
  EXPECT_EQ(error_of(R"({"stop": 1})"), "option \"stop\" must be of type array");
  EXPECT_EQ(error_of(R"({"stop": ["x", 1]})"), "option \"stop\" must be of an array of strings");
  EXPECT_EQ(error_of(R"({"repeat_penalty": 0})"),
            "option \"repeat_penalty\" must be finite and greater than 0");
  EXPECT_EQ(error_of(R"({"repeat_penalty": 1e-40})"),
            "option \"repeat_penalty\" must be finite and greater than 0");
  EXPECT_EQ(error_of(R"({"repeat_last_n": -2})"), "option \"repeat_last_n\" must be at least -1");
  EXPECT_EQ(error_of(R"({"dry_penalty_last_n": -1})"),
            "option \"dry_penalty_last_n\" must be at least 0");
  EXPECT_EQ(error_of(R"({"dry_sequence_breakers": 3})"),
            "option \"dry_sequence_breakers\" must be of type array");
  EXPECT_EQ(error_of(R"({"dry_sequence_breakers": ["x", 1]})"),
            "option \"dry_sequence_breakers\" must be of an array of strings");
  EXPECT_EQ(error_of((R"({"dry_sequence_breakers": ["x")" +
                      [] {
                        std::string more;
                        for (int i = 0; i < 64; ++i) more += R"(, "x")";
                        return more + "]}";
                      }())
                         .c_str()),
            "option \"dry_sequence_breakers\" must be of at most 64 texts");
  EXPECT_EQ(error_of(R"({"mirostat": true})"), "option \"mirostat\" must be of type integer");
  EXPECT_EQ(error_of("[]"), "options must be an object");
  EXPECT_EQ(error_of(R"({"no_such_option": {}})"), "");
}

TEST(Options, WindowOfMinusOneIsTheContext) {
  EXPECT_EQ(sampler_params(read(R"({"repeat_last_n": -1})"), 4096).repeat_last_n, 4096);
  EXPECT_EQ(sampler_params(read(R"({"repeat_last_n": 10})"), 4096).repeat_last_n, 10);
}

TEST(Options, ListDescribesEveryOption) {
  EXPECT_EQ(option_list().size(), 36u);
  for (const OptionInfo& o : option_list()) EXPECT_FALSE(o.help.empty()) << o.name;
  EXPECT_EQ(option_list()[3].name, "temperature");
  EXPECT_EQ(option_list()[3].type, "float32");
  EXPECT_TRUE(is_deprecated_option("mirostat"));
  EXPECT_FALSE(is_deprecated_option("top_k"));
}

}  // namespace
}  // namespace engine
