// Commands of a Modelfile by what they mean: typed parameters, settings of training, names.
#include "engine/store/recipe.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/store/parameters.h"

namespace engine {
namespace {

Result<Recipe> read(const std::string& text, bool strict = false) {
  ENGINE_TRY(file, parse_modelfile(text));
  return read_recipe(file, {"/nowhere", strict});
}

std::string recipe_error(const std::string& text, bool strict = false) {
  const auto recipe = read("FROM m\n" + text, strict);
  return recipe ? "no error" : recipe.error().message;
}

TEST(Recipe, Parameters) {
  const auto r = read(
      "FROM m\nPARAMETER num_ctx 4096\nPARAMETER temperature 0.7\nPARAMETER top_p +.5\n"
      "PARAMETER use_mmap F\nPARAMETER stop one\nPARAMETER stop \"two words\"\n"
      "PARAMETER seed -9007199254740993\nPARAMETER top_k 1\nPARAMETER top_k 2\n"
      "PARAMETER min_p 1e-2\n");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(dump_json(r->parameters),
            R"({"num_ctx":4096,"temperature":0.7,"top_p":0.5,"use_mmap":false,)"
            R"("stop":["one","two words"],"seed":-9007199254740993,"top_k":2,"min_p":0.01})");
  EXPECT_TRUE(r->warnings.empty());
}

TEST(Recipe, WrongValues) {
  struct Case {
    const char *line, *expected;
  };
  for (const Case& c :
       {Case{"PARAMETER num_ctx 4k", "invalid int value [4k]"},
        Case{"PARAMETER num_ctx 4.0", "invalid int value [4.0]"},
        Case{"PARAMETER num_ctx ", "invalid int value []"},
        Case{"PARAMETER num_ctx 99999999999999999999", "invalid int value [99999999999999999999]"},
        Case{"PARAMETER top_p high", "invalid float value [high]"},
        Case{"PARAMETER top_p nan", "invalid float value [nan]"},
        Case{"PARAMETER top_p 1e99", "invalid float value [1e99]"},
        Case{"PARAMETER use_mmap yes", "invalid bool value [yes]"},
        Case{"PARAMETER learning_rate fast", "(line 2): invalid float value [fast]"},
        Case{"PARAMETER fp16 maybe", "(line 2): invalid bool value [maybe]"},
        Case{"REQUIRES x", "requires must be a valid semver (e.g. 0.14.0)"},
        Case{"NAME a b", "(line 2): invalid model name in NAME: a b"},
        Case{"PARAMETER temprature 1",
             "unknown parameter 'temprature' (line 2)\ndid you mean 'temperature'?"},
        Case{"PARAMETER Stop x", "unknown parameter 'Stop' (line 2)\ndid you mean 'stop'?"},
        Case{"PARAMETER zzzzzzzzzzz 1", "unknown parameter 'zzzzzzzzzzz' (line 2)"}})
    EXPECT_EQ(recipe_error(c.line), c.expected) << c.line;
  EXPECT_EQ(recipe_error("DESCRIPTION " + std::string(4096, 'x')), "no error");
  EXPECT_EQ(recipe_error("DESCRIPTION " + std::string(4097, 'x')),
            "(line 2): DESCRIPTION is longer than 4096 bytes");
}

TEST(Recipe, DeprecatedParametersAreDropped) {
  const auto r = read("FROM m\nPARAMETER penalize_newline true\nPARAMETER low_vram x\n");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(r->parameters.empty());
  EXPECT_EQ(r->warnings, (std::vector<std::string>{"parameter penalize_newline is deprecated",
                                                   "parameter low_vram is deprecated"}));
}

TEST(Recipe, TheModelfileOfTheBlog) {
  const std::string text =
      "# comment\nFROM deepseek:1.5b\nNAME my_custom_deepseek\n"
      "DESCRIPTION \"A custom model based on deepseek:1.5b with custom data\"\n"
      "PARAMETER file \"./custom_data.txt\"\nPARAMETER num_train_epochs 3\n"
      "PARAMETER learning_rate 2e-5\nPARAMETER per_device_train_batch_size 4\n";
  const auto r = read(text);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->name->text, "my_custom_deepseek");
  EXPECT_EQ(r->description, "A custom model based on deepseek:1.5b with custom data");
  EXPECT_EQ(dump_json(r->training),
            R"({"file":"custom_data.txt","learning_rate":"2e-5","num_train_epochs":"3",)"
            R"("per_device_train_batch_size":"4"})");
  const std::string end =
      " is a training setting; this engine does not train. Recorded, without effect";
  EXPECT_EQ(r->warnings,
            (std::vector<std::string>{
                "line 5: parameter file" + end + " (./custom_data.txt does not exist)",
                "line 6: parameter num_train_epochs" + end, "line 7: parameter learning_rate" + end,
                "line 8: parameter per_device_train_batch_size" + end}));
  EXPECT_EQ(training_summary(*r, "my_custom_deepseek", "deepseek-r1:1.5b"),
            "my_custom_deepseek answers exactly like deepseek-r1:1.5b (4 training settings "
            "recorded, none applied)");
  EXPECT_TRUE(read(text, true).error().message.starts_with("(line 3): command must be one of"));
  EXPECT_EQ(recipe_error("PARAMETER num_train_epochs 3", true),
            "unknown parameter 'num_train_epochs' (line 2)");
}

TEST(Recipe, PathsOfTrainingKeepTheirLastPart) {
  for (const auto& [text, expected] :
       {std::pair{"/home/u/data.txt", "data.txt"}, std::pair{"..\\data.txt", "data.txt"},
        std::pair{"folder/", "folder"}, std::pair{"plain", "plain"}})
    EXPECT_EQ(*training_value("dataset", text), expected);
}

TEST(Recipe, TheLastOneCounts) {
  const auto r = read(
      "FROM a\nFROM b\nTEMPLATE one\nTEMPLATE two\nSYSTEM one\nSYSTEM two\nADAPTER x\nADAPTER y\n"
      "NAME n\nNAME o\nDESCRIPTION d\nDESCRIPTION e\nREQUIRES v1.2.3\nLICENSE l\nLICENSE m\n"
      "MESSAGE user a: b\nMESSAGE assistant c\nDRAFT d\n");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->from.size(), 2u);
  EXPECT_EQ(r->template_text, "two");
  EXPECT_EQ(r->system, "two");
  EXPECT_EQ(r->adapter->text, "y");
  EXPECT_EQ(r->name->text, "o");
  EXPECT_EQ(r->description, "e");
  EXPECT_EQ(r->requires_version, "1.2.3");
  EXPECT_EQ(r->licenses, (std::vector<std::string>{"l", "m"}));
  EXPECT_EQ(dump_json(r->messages),
            R"([{"role":"user","content":"a: b"},{"role":"assistant","content":"c"}])");
  EXPECT_EQ(r->drafts.size(), 1u);
  EXPECT_EQ(r->warnings, (std::vector<std::string>{"line 10: NAME is given again; this one counts",
                                                   "line 12: DESCRIPTION is given again; this one "
                                                   "counts"}));
}

TEST(Recipe, Versions) {
  for (const char* good : {"1", "1.2", "0.14.0", "1.2.3-rc.1", "1.2.3+b.5", "1.2.3-a+b"})
    EXPECT_EQ(*parse_requires(good), good);
  EXPECT_EQ(*parse_requires("v0.5"), "0.5");
  for (const char* wrong : {"", "v", "1.", ".1", "1.2.3.4", "01", "1.2-rc", "1.2.3-", "1.2.3+", "a",
                            "1.2.3-a..b", "-1", "1 2"})
    EXPECT_FALSE(parse_requires(wrong)) << wrong;
}

}  // namespace
}  // namespace engine
