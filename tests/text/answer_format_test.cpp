// Which format a template or a name stands for, and text as values of a schema.
#include "engine/text/output/answer_format.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/text/output/tool_set.h"

namespace engine {
namespace {

TEST(AnswerFormat, DetectedFromTemplates) {
  const std::pair<const char*, const char*> cases[] = {
      {"[SYSTEM_PROMPT] [TOOL_CALLS] [ARGS]", "ministral"},
      {"{{ '[TOOL_CALLS] [' }}", "mistral"},
      {"<|start|><|channel|>", "harmony"},
      {"<|tool_calls_section_begin|><|tool_call_begin|>", "kimi"},
      {">>>all\\n >>>${recipient}", "functionary32"},
      {"<beginning_of_sentence> <tool_calls>", "minimax_m1"},
      {"<tool_calls>[", "apriel"},
      {"List of tools: <|tool_list_start|>[ <|tool_list_end|>", "lfm2"},
      {"dsml_token ｜DSML｜ function_calls", "dsml"},
      {"'<|tool_call>call:'", "gemma4"},
      {"<function name=\"f\"><param name=\"k\">", "minicpm5"},
      {"<tool_call>\n<function=f>\n<parameter=k>", "qwen3_coder"},
      {"<tool_call>{name}<arg_key>", "glm"},
      {"<｜tool▁calls▁begin｜>", "deepseek"},
      {"<tool_call>\n{\"name\": ", "hermes"},
      {"<|python_tag|>", "llama"},
      {"{{ messages }}", "plain"},
      {"", "plain"}};
  for (const auto& [text, name] : cases) EXPECT_EQ(detect_answer_format(text).name, name) << text;
  EXPECT_EQ(find_answer_format("qwen3-vl-thinking")->name, "hermes");
  EXPECT_EQ(find_answer_format("gemma4-no-thinking")->name, "gemma4");
  EXPECT_EQ(find_answer_format(""), nullptr);
  EXPECT_EQ(find_answer_format("nosuch"), nullptr);
  const auto texts = control_texts(*find_answer_format("gemma4"), true);
  EXPECT_NE(std::find(texts.begin(), texts.end(), "<|channel>"), texts.end());
}

TEST(ToolSet, TextBecomesTheTypeOfTheSchema) {
  using Types = std::vector<std::string>;
  EXPECT_EQ(coerce_text("5", {}), Json("5"));
  EXPECT_EQ(coerce_text("NULL", {"string"}), Json());
  EXPECT_EQ(coerce_text("TRUE", Types{"boolean"}), Json(true));
  EXPECT_EQ(coerce_text("yes", Types{"boolean"}), Json(false));
  EXPECT_EQ(coerce_text("yes", Types{"boolean", "string"}), Json("yes"));
  EXPECT_EQ(coerce_text("-12", Types{"integer"}), Json(-12));
  EXPECT_EQ(coerce_text("1.5", Types{"integer"}), Json("1.5"));
  EXPECT_EQ(coerce_text("1.5", Types{"number"}), Json(1.5));
  EXPECT_EQ(coerce_text("2.0", Types{"number"}), Json(2));
  EXPECT_EQ(coerce_text("1e999", Types{"number"}), Json("1e999"));
  EXPECT_EQ(coerce_text("[1]", Types{"array"}), Json::parse("[1]"));
  EXPECT_EQ(coerce_text("[1] x", Types{"array"}), Json("[1] x"));
  EXPECT_EQ(coerce_text("{\"a\":1}", Types{"array", "object"}), Json::parse("{\"a\":1}"));
  EXPECT_EQ(coerce_text("{", Types{"object"}), Json("{"));
}

}  // namespace
}  // namespace engine
