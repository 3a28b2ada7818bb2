// tool_choice and parallel_tool_calls of all APIs. Numbers: checks of the list of conformance.
#include "tests/server/events.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

const char* const kChoices =
    R"("tools":[{"type":"function","function":{"name":"go","parameters":{"type":"object","properties":{"to":{"enum":["Oslo","Rome"]},"km":{"type":"integer","minimum":1,"maximum":99}},"required":["to","km"]}}},{"type":"function","function":{"name":"stay"}}],)";
const char* const kNamed = R"({"type":"function","function":{"name":"go"}})";

class ToolChoiceTest : public ServerTest {
 protected:
  static std::string body(const std::string& rest, const std::string& model = "M", int seed = 1) {
    return R"({"model":")" + model + R"(","max_tokens":400,"seed":)" + std::to_string(seed) + "," +
           rest + R"("messages":[{"role":"user","content":"hi"}]})";
  }
  Json choice(const std::string& rest, const std::string& model = "M", int seed = 1) {
    return post_json("/v1/chat/completions", body(kChoices + rest, model, seed))["choices"][0];
  }
  std::string error(const std::string& rest, const std::string& path = "/v1/chat/completions") {
    const Json j = post_json(path, body(rest), 400);
    return j["error"]["message"].get<std::string>();
  }
  static void check_go(const std::string& arguments) {
    const Json a = parse(arguments);
    EXPECT_EQ(a.size(), 2u) << arguments;
    EXPECT_TRUE(a["to"] == "Oslo" || a["to"] == "Rome") << arguments;
    EXPECT_TRUE(a["km"].is_number_integer() && a["km"] >= 1 && a["km"] <= 99) << arguments;
  }
  static void check_call(const Json& function, const std::string& name = "") {
    if (!name.empty()) {
      EXPECT_EQ(function["name"], name);
    }
    if (function["name"] == "go")
      check_go(function["arguments"].get<std::string>());
    else
      EXPECT_EQ(function["arguments"], "{}");
  }
  static void add_scripted(const std::vector<std::string>& script, const std::string& layout) {
    testing::TinyModel tiny;
    tiny.chat_template = layout;
    tiny.script = script;
    tiny.endless = false;
    add("C", tiny, "", "");
  }
};

TEST_F(ToolChoiceTest, Check218RequiredAndNamed) {
  for (int seed = 1; seed <= 6; ++seed) {
    for (const bool named : {false, true}) {
      const std::string wanted = named ? kNamed : "\"required\"";
      const Json c =
          choice(R"("parallel_tool_calls":false,"tool_choice":)" + wanted + ",", "M", seed);
      EXPECT_EQ(c["finish_reason"], "tool_calls") << c.dump();
      EXPECT_EQ(c["message"]["content"], "");
      ASSERT_EQ(c["message"]["tool_calls"].size(), 1u) << c.dump();
      check_call(c["message"]["tool_calls"][0]["function"], named ? "go" : "");
    }
  }
  const Json none = choice(R"("tool_choice":"none",)");
  EXPECT_FALSE(none["message"].contains("tool_calls"));
}

TEST_F(ToolChoiceTest, SeveralCallsWhereNothingIsSaid) {
  // The model never ends an answer, so there is always one more.
  const Json c = choice(R"("tool_choice":"required",)");
  ASSERT_GE(c["message"]["tool_calls"].size(), 2u) << c.dump();
  for (const Json& call : c["message"]["tool_calls"]) check_call(call["function"]);
}

TEST_F(ToolChoiceTest, OneCallOfAFreeAnswer) {
  add_scripted({"<tool_call>", "{\"name\": \"stay\"}", "</tool_call>",
                "\n<tool_call>{\"name\":", "\"go\"}</tool_call>"},
               testing::kTinyTemplate);
  EXPECT_EQ(choice(R"("temperature":0,)", "C")["message"]["tool_calls"].size(), 2u);
  const Json one = choice(R"("temperature":0,"parallel_tool_calls":false,)", "C");
  ASSERT_EQ(one["message"]["tool_calls"].size(), 1u);
  EXPECT_EQ(one["message"]["tool_calls"][0]["function"]["name"], "stay");
}

TEST_F(ToolChoiceTest, ReasoningComesBeforeTheCall) {
  const std::string layout =
      std::string(testing::kTinyThinkingTemplate) + "{# tools <tool_call> #}";
  add_scripted({"Why", "</think>", "\n\n", "<tool_call>",
                "\n{\"name\": \"stay\", \"arguments\":", " {}}\n", "</tool_call>"},
               layout);
  const Json c = choice(R"("temperature":0,"tool_choice":"required",)", "C");
  EXPECT_EQ(c["message"]["reasoning"], "Why") << c.dump();
  ASSERT_EQ(c["message"]["tool_calls"].size(), 1u);
  EXPECT_EQ(c["message"]["tool_calls"][0]["function"]["name"], "stay");
  const Json quick =
      choice(R"("temperature":0,"tool_choice":"required","reasoning_effort":"none",)" +
                 std::string(R"("parallel_tool_calls":false,)"),
             "C");
  EXPECT_FALSE(quick["message"].contains("reasoning"));
  EXPECT_EQ(quick["message"]["tool_calls"].size(), 1u) << quick.dump();
}

TEST_F(ToolChoiceTest, Harmony) {
  // With all of its tokens <|end|> ends a message and not the answer.
  add_scripted(
      {"<|channel|>", "analysis", "<|message|>", "Hm", "<|end|>", "<|start|>", "assistant",
       "<|constrain|>", "<|return|>", "<|call|>"},
      "{% for m in messages %}<|start|>{{ m.role }}<|channel|>final<|message|>{{ m.content "
      "}}{% endfor %}"
      "{% if tools %}{{ tools | tojson }}{% endif %}<|start|>assistant{{ '\\n' }}");
  const Json c = choice(R"("temperature":0,"tool_choice":)" + std::string(kNamed) + ",", "C");
  ASSERT_TRUE(c["message"].contains("tool_calls")) << c.dump();
  EXPECT_EQ(c["message"]["content"], "");
  EXPECT_EQ(c["message"]["reasoning"], "Hm");
  check_call(c["message"]["tool_calls"][0]["function"], "go");
}

TEST_F(ToolChoiceTest, GoTemplates) {
  for (const char* tag : {"[TOOL_CALLS]", "{", "["}) {
    testing::TinyModel tiny;
    tiny.chat_template = "";
    const std::string open = std::string(tag) == "{" ? "{\"name\": " : tag;
    add("G", tiny, "", "",
        "{{ range .Messages }}{{ .Content }}{{ if .ToolCalls }}" + open +
            "{{ range .ToolCalls }}{{ .Function.Name }}{{ end }}{{ end }}{{ end }}"
            "{{ if .Tools }}{{ .Tools }}\n{{ end }}");
    const Json c =
        choice(R"("parallel_tool_calls":false,"tool_choice":)" + std::string(kNamed) + ",", "G");
    ASSERT_TRUE(c["message"].contains("tool_calls")) << tag << c.dump();
    check_call(c["message"]["tool_calls"][0]["function"], "go");
  }
}

TEST_F(ToolChoiceTest, OfResponsesAndMessages) {
  const Json r = post_json(
      "/v1/responses",
      R"({"model":"M","input":"hi","max_output_tokens":400,"parallel_tool_calls":false,"tool_choice":{"type":"function","name":"stay"},"tools":[{"type":"function","name":"go"},{"type":"function","name":"stay"}]})");
  ASSERT_EQ(r["output"].size(), 1u) << r.dump();
  EXPECT_EQ(r["output"][0]["name"], "stay");
  EXPECT_EQ(r["tool_choice"], Json::parse(R"({"type":"function","name":"stay"})"));
  EXPECT_EQ(r["parallel_tool_calls"], false);
  for (const char* wanted : {R"("type":"any")", R"("type":"tool","name":"b")"}) {
    const Json m = post_json(
        "/v1/messages",
        R"({"model":"M","max_tokens":400,"messages":[{"role":"user","content":"hi"}],"tools":[{"name":"a"},{"name":"b"}],"tool_choice":{"disable_parallel_tool_use":true,)" +
            std::string(wanted) + "}}");
    ASSERT_EQ(m["content"].size(), 1u) << m.dump();
    EXPECT_EQ(m["content"][0]["type"], "tool_use");
    EXPECT_EQ(m["stop_reason"], "tool_use");
    if (std::string(wanted).find("tool\"") != std::string::npos) {
      EXPECT_EQ(m["content"][0]["name"], "b");
    }
  }
  const Json bad = post_json(
      "/v1/messages",
      R"({"model":"M","max_tokens":9,"messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"zzz"}})",
      400);
  EXPECT_NE(bad["error"]["message"].get<std::string>().find("unknown type \"zzz\""),
            std::string::npos);
}

TEST_F(ToolChoiceTest, WhatIsRefused) {
  EXPECT_EQ(error(R"("tool_choice":"required",)"),
            "tool_choice asks for a call, but there are no tools");
  EXPECT_EQ(error(kChoices + std::string(R"("tool_choice":"always",)")),
            "tool_choice must be \"auto\", \"none\", \"required\" or an object");
  EXPECT_NE(error(kChoices + std::string(R"("tool_choice":{"type":"custom","name":"go"},)"))
                .find("\"custom\" is not supported"),
            std::string::npos);
  EXPECT_NE(error(kChoices + std::string(R"("tool_choice":"required","response_format":{"type":)"
                                         R"("json_object"},)"))
                .find("cannot be used together"),
            std::string::npos);
  EXPECT_NE(
      error(
          R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"not":{}}}}}}],"tool_choice":"required",)")
          .find("the call of \"f\" cannot be forced"),
      std::string::npos);
  EXPECT_NE(error(R"("parallel_tool_calls":5,)"), "");
}

}  // namespace
}  // namespace engine
