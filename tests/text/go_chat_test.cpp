// Chats through Go templates: the three shapes of data, tools as JSON, what the text tells about
// the model.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/text/chat_template.h"
#include "engine/text/gotemplate/analysis.h"
#include "tests/text/say.h"

namespace engine {
namespace {

std::string render(const std::string& source, const ChatInput& input) {
  const auto t = ChatTemplate::parse_go(source);
  if (!t) return "error: " + t.error().message;
  const auto out = t->render(input);
  return out ? out->text : "error: " + out.error().message;
}

TEST(GoChat, LegacyTurns) {
  ChatInput input;
  input.messages = {say("user", "hi")};
  EXPECT_EQ(render("{{ .Prompt }}", input), "hi");
  EXPECT_EQ(render("{{ .Prompt }}{", input), "hi{");
  EXPECT_EQ(render("[INST] {{ .Prompt }} [/INST] {{ .Response }}</s>", input),
            "[INST] hi [/INST] ");
  input.messages.push_back(say("assistant", "He"));
  EXPECT_EQ(render("[INST] {{ .Prompt }} [/INST] {{ .Response }}</s>", input),
            "[INST] hi [/INST] He")
      << "an answer that was begun goes on";
  input.messages = {say("user", "a"), say("assistant", "b"), say("system", "S"), say("user", "c")};
  EXPECT_EQ(
      render("{{ if .System }}({{ .System }}){{ end }}U:{{ .Prompt }} A:{{ .Response }}\n", input),
      "U:a A:b\n(S)U:c A:");
  EXPECT_EQ(render("{{ if .Response }}{{ .Response }}{{ else }}e{{ end }}!", input), "b!")
      << "only a field that is printed cuts, and then the else part too";
}

TEST(GoChat, SuffixNeedsAPrompt) {
  const std::string source =
      "{{ if .Suffix }}<P>{{ .Prompt }}<S>{{ .Suffix }}<M>{{ else }}"
      "{{ .Prompt }}{{ end }}";
  ChatInput input;
  input.messages = {say("system", "s"), say("user", "a")};
  input.suffix = "b";
  EXPECT_EQ(render(source, input), "<P>a<S>b<M>");
  input.suffix = "";
  EXPECT_EQ(render(source, input), "a");
  EXPECT_TRUE(ChatTemplate::parse_go(source)->capabilities().insert);
}

TEST(GoChat, ToolsPrintAsJson) {
  const Json tools = *parse_json(
      R"([{"type":"function","function":{"name":"f","parameters":{"type":"object","required":["b"],
      "properties":{"b":{"type":"string","enum":["<"],"format":"x"},"a":{"anyOf":[{"type":"null"}],
      "description":"d","properties":{"z":{},"y":{"type":["integer"]}}}}}}}])");
  ChatInput input;
  input.messages = {say("user", "u")};
  input.tools = &tools;
  const std::string parameters =
      R"({"type":"object","required":["b"],"properties":{"a":{"anyOf":[{"type":"null"}],"description":"d","properties":{"z":{},"y":{"type":"integer"}}},"b":{"type":"string","enum":["\u003c"]}}})";
  const std::string function = R"({"name":"f","description":"","parameters":)" + parameters + "}";
  const std::string tool = R"({"type":"function","function":)" + function + "}";
  EXPECT_EQ(render("{{ .Tools }}{{ len .Messages }}", input), "[" + tool + "]1");
  EXPECT_EQ(render("{{ range .Tools }}{{ . }}|{{ .Function }}{{ end }}{{ len .Messages }}", input),
            tool + "|" + function + "1");
  EXPECT_EQ(
      render("{{ range .Tools }}{{ json .Function.Parameters }}{{ end }}{{ $m := .Messages }}",
             input),
      parameters);
  EXPECT_EQ(render("{{ range .Tools }}{{ range $n, $p := .Function.Parameters.Properties }}"
                   "{{ $n }}:{{ toTypeScriptType $p }};{{ end }}{{ end }}{{ $m := .Messages }}",
                   input),
            "a:null;b:string;");
  EXPECT_EQ(render("{{ range .Messages }}{{ .Nosuch }}{{ end }}", input),
            "error: template: :1:24: executing \"\" at <.Nosuch>: can't evaluate field Nosuch in "
            "type api.Message");
}

TEST(GoChat, ToolCallsOfMergedAnswersStay) {
  ChatInput input;
  ChatMessage a = say("assistant", "one"), b = say("assistant", "two");
  a.tool_calls = {{"1", "f", R"({"x":1234567,"a":"b"})"}};
  b.tool_calls = {{"2", "g", ""}};
  input.messages = {say("user", "u"), a, b};
  EXPECT_EQ(render("{{ range .Messages }}{{ .Content }};{{ range .ToolCalls }}{{ .ID }}"
                   "{{ .Function.Index }}{{ .Function.Name }}{{ .Function.Arguments }}"
                   "{{ .Function.Arguments.x }};{{ end }}{{ end }}",
                   input),
            "u;one\n\ntwo;10f{\"a\":\"b\",\"x\":1234567}1.234567e+06;21g{}<no value>;");
}

TEST(GoChat, Thinking) {
  ChatInput input;
  input.messages = {say("user", "u")};
  const std::string source =
      "{{ range .Messages }}{{ end }}{{ .Think }} {{ .ThinkLevel }} "
      "{{ .IsThinkSet }}";
  EXPECT_EQ(render(source, input), "false  false");
  input.think = true;
  EXPECT_EQ(render(source, input), "true medium true");
  input.effort = "high";
  EXPECT_EQ(render(source, input), "true high true");
}

TEST(GoChat, MarksWhatCameFromTheRequest) {
  const auto t = ChatTemplate::parse_go("<u>{{ .Prompt }}</u>{{ .Response }}<e>");
  ASSERT_TRUE(t);
  ChatInput input;
  input.messages = {say("user", "a"), say("assistant", "b"), say("user", "c")};
  const auto out = t->render(input);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->text, "<u>a</u>b<e><u>c</u>");
  std::string marked;
  for (const auto& r : out->input) marked += out->text.substr(r.begin, r.end - r.begin) + ";";
  EXPECT_EQ(marked, "a;b;c;");
}

TEST(GoChat, Analysis) {
  const auto parse = [](const std::string& s) { return std::move(*gotemplate::parse_program(s)); };
  const auto thinks = ChatTemplate::parse_go(
      "{{ range $i, $m := .Messages }}{{ if and (eq .Role \"assistant\") .Thinking }}\n<think>\n"
      "{{ .Thinking }}\n</think>\n{{ end }}{{ .Content }}{{ end }}");
  ASSERT_TRUE(thinks);
  EXPECT_EQ(thinks->thinking_tags().open, "<think>");
  EXPECT_EQ(thinks->thinking_tags().close, "</think>");
  EXPECT_EQ(ChatTemplate::parse_go("<a>{{ .Thinking }}</a>")->thinking_tags().open, "")
      << "not inside a range over messages";
  EXPECT_EQ(gotemplate::tool_call_tag(*parse(
                "{{ range .Messages }}{{ if .Content }}x{{ else if .ToolCalls }} \n<tool_call>\n"
                "{{ range .ToolCalls }}{\"name\"{{ end }}{{ end }}{{ end }}")),
            "<tool_call>");
  EXPECT_EQ(gotemplate::tool_call_tag(*parse("{{ if .ToolCalls }}[CALLS] {\"x\"{{ end }}")),
            "[CALLS]");
  EXPECT_EQ(gotemplate::tool_call_tag(*parse("{{ if .ToolCalls }}{{ .ToolCalls }}x{{ end }}")),
            "{");
  EXPECT_EQ(gotemplate::tool_call_tag(*parse("none")), "{");
  const auto program = parse("{{ $Var := .Foo.BAR }}{{ ($Var).baz }}");
  for (const char* name : {"$var", "foo", "bar", "baz"})
    EXPECT_TRUE(gotemplate::mentions(*program, name)) << name;
  const ChatCapabilities c = ChatTemplate::parse_go(
                                 "{{ .Tools }}{{ range .Messages }}{{ .ToolCalls }}"
                                 "{{ if eq .Role \"tool\" }}{{ end }}{{ end }}")
                                 ->capabilities();
  EXPECT_TRUE(c.tools && c.tool_calls && c.tool_round_trip);
  EXPECT_FALSE(c.insert || c.thinking_switch);
}

}  // namespace
}  // namespace engine
