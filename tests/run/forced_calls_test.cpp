// Answers that must be calls: what the grammar of a format allows is what its parser reads.
#include "engine/run/forced_calls.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "engine/grammar/matcher.h"
#include "engine/text/output/answer_parser.h"
#include "engine/text/output/format_analysis.h"

namespace engine {
namespace {

using grammar::CallShape;
using grammar::Matcher;
using grammar::ParameterText;

const char* const kTools = R"([
  {"function":{"name":"f","parameters":{"type":"object","properties":{"k":{"type":"string"},
   "n":{"type":"integer","minimum":1,"maximum":9},"e":{"enum":["red","blue"]}},"required":["k","n"]}}},
  {"function":{"name":"g_2"}}])";

std::shared_ptr<const grammar::Program> compiled(const CallShape& shape, const char* tools,
                                                 const std::string& only = "",
                                                 bool several = false) {
  const auto made = grammar::call_grammar(shape, Json::parse(tools), only, several);
  EXPECT_TRUE(made) << made.error().message;
  if (!made) return nullptr;
  const auto program = grammar::Program::compile(*made);
  EXPECT_TRUE(program) << program.error().message;
  return program ? *program : nullptr;
}

bool accepts(const std::shared_ptr<const grammar::Program>& program, std::string_view text) {
  if (!program) return false;
  Matcher m(program);
  const Matcher::State end = m.next(m.start(), text);
  return end != Matcher::kDead && m.accepts(end);
}

std::string error_of(const CallShape& shape, const std::string& parameters) {
  const auto made = grammar::call_grammar(
      shape, Json::parse(R"([{"function":{"name":"f","parameters":)" + parameters + "}}]"), "",
      false);
  return made ? "" : made.error().message;
}

std::string replaced(std::string text, const std::string& hole, const std::string& value) {
  for (size_t at = 0; (at = text.find(hole, at)) != text.npos; at += value.size())
    text.replace(at, hole.size(), value);
  return text;
}

// A call of f with k = "v w" and n = 3, or of g_2, as the layout writes it.
std::string written(const CallShape& shape, const std::string& name) {
  const CallLayout& l = shape.layout;
  std::string parameters;
  if (name == "f") {
    const std::string mark(shape.mark);
    const std::string text = shape.values == ParameterText::json     ? "\"v w\""
                             : shape.values == ParameterText::marked ? mark + "v w" + mark
                                                                     : "v w";
    const auto one = [&](const char* key, const std::string& value, const char* kind) {
      std::string out = replaced(std::string(l.parameter), "$key", key);
      return replaced(replaced(out, "$kind", kind), "$value", value);
    };
    parameters = one("k", text, "true") + std::string(l.separator) + one("n", "3", "false");
  }
  std::string out = replaced(std::string(l.call), "$name", name);
  out = replaced(out, "$arguments", name == "f" ? R"({"k": "v w", "n": 3})" : "{}");
  out = replaced(out, "$parameters", parameters);
  out = replaced(std::string(l.begin) + out + std::string(l.end), "$index", "0");
  return replaced(out, "$gap", "");
}

AnswerPart parsed(const AnswerFormat& format, const std::string& text, const char* tools) {
  AnswerRules rules;
  rules.format = &format;
  rules.tools = std::make_shared<const Json>(Json::parse(tools));
  rules.thinking = true;
  AnswerParser parser(rules);
  AnswerPart out = parser.push(text);
  AnswerPart rest = parser.finish();
  out.thinking += rest.thinking, out.content += rest.content;
  for (ChatToolCall& c : rest.calls) out.calls.push_back(std::move(c));
  return out;
}

TEST(ForcedCalls, EveryFormatReadsWhatItsGrammarAllows) {
  for (const AnswerFormat& format : answer_formats()) {
    SCOPED_TRACE(format.name);
    const CallShape shape = call_shape(format);
    ASSERT_FALSE(shape.layout.call.empty());
    const auto any = compiled(shape, kTools);
    for (const char* name : {"f", "g_2"}) {
      const std::string text = written(shape, name);
      EXPECT_TRUE(accepts(any, text)) << text;
      EXPECT_FALSE(accepts(compiled(shape, kTools, name[0] == 'f' ? "g_2" : "f"), text)) << text;
      const AnswerPart part = parsed(format, text, kTools);
      ASSERT_EQ(part.calls.size(), 1u) << text;
      EXPECT_EQ(part.calls[0].name, name);
      EXPECT_EQ(part.calls[0].arguments, name[0] == 'f' ? R"({"k":"v w","n":3})" : "{}");
      EXPECT_EQ(part.content, "") << text;
    }
    // What the schema does not allow.
    const std::string f = written(shape, "f");
    EXPECT_FALSE(accepts(any, replaced(f, "3", "12")));
    EXPECT_FALSE(accepts(any, f.substr(0, f.size() - 1)));
    EXPECT_FALSE(accepts(any, "Well. " + f));
    EXPECT_FALSE(accepts(any, replaced(f, "f", "h")));
  }
}

// A text of the grammar, each byte drawn from those that may follow; "" when it gets too long.
std::string drawn(const std::shared_ptr<const grammar::Program>& program, std::mt19937& rng) {
  Matcher m(program);
  Matcher::State s = m.start();
  for (std::string text; text.size() < 4000;) {
    if (m.accepts(s) && (m.ends(s) || rng() % 2 == 0)) return text;
    std::string next;
    for (int b = 0; b < 256; ++b)
      if ((b >= 32 || b == '\n') && m.next(s, static_cast<uint8_t>(b)) != Matcher::kDead)
        next += static_cast<char>(b);
    if (next.size() > 90) return {};  // free text, which ends by chance alone
    EXPECT_FALSE(next.empty()) << text;
    if (next.empty()) return {};
    text += next[rng() % next.size()];
    s = m.next(s, static_cast<uint8_t>(text.back()));
  }
  return {};
}

// A chat template with these calls; c: the function.
FormatPtr found(const std::string& begin, const std::string& call, const std::string& end,
                const std::string& between = "") {
  const auto chat = ChatTemplate::parse(
      "{% macro each(a) %}{% for k, v in a.items() %}<k>{{ k }}</k>\n<v>{{ v }}</v>\n"
      "{% endfor %}{% endmacro %}{% for m in messages %}{{ m.role + ':' }}{{ m.content }}"
      "{% if m.tool_calls %}" +
      begin + "{% for t in m.tool_calls %}{% set c = t.function %}" + call +
      "{% if not loop.last %}" + between + "{% endif %}{% endfor %}" + end +
      "{% endif %}{{ '<|end|>' }}{% endfor %}");
  EXPECT_TRUE(chat);
  return chat ? chat->answer_format() : listed_format(answer_formats().back());
}

TEST(ForcedCalls, FormatsFoundInTemplatesReadWhatTheirGrammarAllows) {
  const FormatPtr formats[] = {
      found("<all>", "{{ '<c>' + {'tool': c.name, 'input': c.arguments}|tojson + '</c>' }}",
            "</all>"),
      found("<all>[", "{{ {'name': c.name, 'arguments': c.arguments}|tojson }}", "]</all>", ", "),
      found("<all>", "{{ '<c>' + t.id + '<n>' + c.name + '<a>' + c.arguments|tojson + '</c>' }}",
            "</all>"),
      found("", "{{ '<c>' + c.name + '</n>\n' + each(c.arguments) + '</c>' }}", "", "\n")};
  for (const FormatPtr& format : formats) {
    SCOPED_TRACE(call_shape(*format).layout.call);
    ASSERT_TRUE(format->name.starts_with("template-"));
    const auto program = compiled(call_shape(*format), kTools, "", true);
    for (const char* name : {"f", "g_2"}) {
      const std::string text = written(call_shape(*format), name);
      EXPECT_TRUE(accepts(program, text)) << text;
      const AnswerPart part = parsed(*format, text, kTools);
      ASSERT_EQ(part.calls.size(), 1u) << text;
      EXPECT_EQ(part.calls[0].name, name);
      EXPECT_EQ(part.calls[0].arguments, name[0] == 'f' ? R"({"k":"v w","n":3})" : "{}");
      EXPECT_EQ(part.content, "") << text;
    }
  }
  EXPECT_NE(formats[0]->name, formats[1]->name);
}

TEST(ForcedCalls, WhateverIsDrawnIsACall) {
  const char* const tools =
      R"([{"function":{"name":"f","parameters":{"type":"object","properties":{"e":{"enum":["red","light blue"]},
      "n":{"type":"integer","minimum":1,"maximum":99},"l":{"type":"array","items":{"type":"integer"},"maxItems":2},
      "o":{"type":"object","properties":{"a":{"type":"boolean"},"b":{"enum":["x y","z"]}},"required":["a"]},
      "s":{"type":["null","boolean"]},"q":{"type":"number"}},"required":["n","o"]}}},{"function":{"name":"g_2"}}])";
  std::mt19937 rng(7);
  for (const AnswerFormat& format : answer_formats()) {
    SCOPED_TRACE(format.name);
    const auto program = compiled(call_shape(format), tools, "", true);
    ASSERT_TRUE(program);
    int texts = 0;
    for (int i = 0; i < 40; ++i) {
      const std::string text = drawn(program, rng);
      if (text.empty()) continue;
      ++texts;
      const AnswerPart part = parsed(format, text, tools);
      EXPECT_EQ(part.content.find_first_not_of(" \n"), std::string::npos) << text;
      EXPECT_FALSE(part.calls.empty()) << text;
      for (const ChatToolCall& call : part.calls) {
        const Json a = Json::parse(call.arguments);
        if (call.name == "g_2") {
          EXPECT_EQ(call.arguments, "{}");
          continue;
        }
        EXPECT_EQ(call.name, "f");
        EXPECT_TRUE(a["n"].is_number_integer() && a["n"] >= 1 && a["n"] <= 99) << text;
        EXPECT_TRUE(a["o"].is_object() && a["o"]["a"].is_boolean()) << text;
        EXPECT_TRUE(!a.contains("l") || a["l"].is_array()) << text;
        EXPECT_TRUE(!a.contains("q") || a["q"].is_number()) << text;
        EXPECT_TRUE(!a.contains("s") || !a["s"].is_string()) << text;
        EXPECT_TRUE(!a.contains("e") || a["e"] == "red" || a["e"] == "light blue") << text;
      }
    }
    EXPECT_GT(texts, 10);
  }
}

TEST(ForcedCalls, SeveralCalls) {
  for (const AnswerFormat& format : answer_formats()) {
    SCOPED_TRACE(format.name);
    const CallShape shape = call_shape(format);
    const std::string begin(shape.layout.begin), end(shape.layout.end);
    std::string text = written(shape, "f"), other = written(shape, "g_2");
    text.resize(text.size() - end.size());
    text += std::string(shape.layout.between) + other.substr(begin.size());
    EXPECT_EQ(accepts(compiled(shape, kTools, "", true), text), !shape.layout.single) << text;
    EXPECT_FALSE(accepts(compiled(shape, kTools, "", false), text));
    if (!shape.layout.single) {
      EXPECT_EQ(parsed(format, text, kTools).calls.size(), 2u) << text;
    }
  }
}

TEST(ForcedCalls, TheReasoningOfHarmonyMayComeFirst) {
  const AnswerFormat& format = *find_answer_format("harmony");
  const std::string call = written(call_shape(format), "f");
  const std::string text = "<|channel|>analysis<|message|>So.<|end|><|start|>assistant" + call;
  EXPECT_TRUE(accepts(compiled(call_shape(format), kTools), text));
  const AnswerPart part = parsed(format, text, kTools);
  EXPECT_EQ(part.thinking, "So.");
  EXPECT_EQ(part.calls.size(), 1u);
}

TEST(ForcedCalls, ParametersOneByOne) {
  const CallShape shape = call_shape(*find_answer_format("qwen3-coder"));
  const auto both = compiled(shape, kTools);
  const std::string f = "<tool_call>\n<function=f>\n", end = "</function>\n</tool_call>";
  const auto parameter = [](const std::string& key, const std::string& value) {
    return "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
  };
  const std::string k = parameter("k", "a <b> \"c\"\nd"), n = parameter("n", "9");
  EXPECT_TRUE(accepts(both, f + k + n + end));
  EXPECT_TRUE(accepts(both, f + k + n + parameter("e", "blue") + end)) << "optional";
  EXPECT_FALSE(accepts(both, f + k + n + parameter("e", "green") + end));
  EXPECT_FALSE(accepts(both, f + n + k + end)) << "in the order of the schema";
  EXPECT_FALSE(accepts(both, f + k + end)) << "required";
  EXPECT_FALSE(accepts(both, f + k + parameter("n", "nine") + end));
  const CallShape code = call_shape(*find_answer_format("lfm2"));
  const char* const optional =
      R"([{"function":{"name":"f","parameters":{"properties":{"a":{"type":"boolean"},"b":{"type":"null"}}}}}])";
  const auto calls = compiled(code, optional);
  for (const char* in : {"", "a=true", "b=null", "a=false, b=null"})
    EXPECT_TRUE(accepts(calls, "<|tool_call_start|>[f(" + std::string(in) + ")]<|tool_call_end|>"))
        << in;
  for (const char* in : {",", "b=null, a=true", "a=true,", ", b=null", "a=1"})
    EXPECT_FALSE(accepts(calls, "<|tool_call_start|>[f(" + std::string(in) + ")]<|tool_call_end|>"))
        << in;
}

TEST(ForcedCalls, WhatIsRefusedAndWhatIsNot) {
  const CallShape json = call_shape(*find_answer_format("qwen3")),
                  plain = call_shape(*find_answer_format("qwen3-coder"));
  EXPECT_NE(error_of(json, R"({"type":"object","properties":{"a":{"not":{}}}})"), "");
  EXPECT_NE(error_of(json, R"({"type":"array"})"), "");
  EXPECT_NE(error_of(json, "5"), "");
  EXPECT_NE(error_of(plain, R"({"anyOf":[{"type":"object"}]})"), "");
  const auto one = [](const std::string& schema) {
    return R"({"type":"object","$defs":{"d":{"type":"integer"}},"properties":{"a":)" + schema +
           "}}";
  };
  for (const char* text : {R"({"type":"string","pattern":"^a$"})", R"({"$ref":"#/$defs/d"})",
                           R"({"anyOf":[{"type":"string"},{"type":"object"}]})"}) {
    EXPECT_EQ(error_of(json, one(text)), "") << text;
    EXPECT_TRUE(error_of(plain, one(text)).starts_with("tool_choice: the call of \"f\"")) << text;
  }
  for (const char* good :
       {"{}", R"({"type":["string","null"]})", R"({"anyOf":[{"type":"string"},{"type":"null"}]})",
        R"({"type":"array","items":{"$ref":"#/$defs/d"}})", R"({"type":"integer","minimum":3})"})
    EXPECT_EQ(error_of(plain, one(good)), "") << good;
  const auto made =
      grammar::call_grammar(plain, Json::parse(R"([{"function":{"name":"a b"}}])"), "", false);
  EXPECT_FALSE(made);
}

TEST(ForcedCalls, WithoutParametersTheArgumentsAreEmpty) {
  const CallShape shape = call_shape(*find_answer_format("qwen3"));
  for (const char* none : {"", R"(,"parameters":{})", R"(,"parameters":{"type":"object"})",
                           R"(,"parameters":{"type":"object","properties":{},"required":[]})"}) {
    const std::string tools = R"([{"function":{"name":"f")" + std::string(none) + "}}]";
    const auto calls = compiled(shape, tools.c_str());
    const auto text = [](const char* arguments) {
      return "<tool_call>\n{\"name\": \"f\", \"arguments\": " + std::string(arguments) +
             "}\n</tool_call>";
    };
    EXPECT_TRUE(accepts(calls, text("{}"))) << none;
    EXPECT_FALSE(accepts(calls, text("{\"a\": 1}"))) << none;
  }
}

TEST(ForcedCalls, TagsAreTokens) {
  CallShape shape = call_shape(*find_answer_format("qwen3"));
  shape.tags = {{"<tool_call>", 7}, {"</tool_call>", 8}};
  const auto calls = compiled(shape, kTools, "g_2");
  EXPECT_FALSE(accepts(calls, written(shape, "g_2")));
  Matcher m(calls);
  Matcher::State s = m.next_token(m.start(), 7, "");
  s = m.next(s, "\n{\"name\": \"g_2\", \"arguments\": {}}\n");
  ASSERT_NE(s, Matcher::kDead);
  EXPECT_FALSE(m.accepts(s));
  EXPECT_TRUE(m.accepts(m.next_token(s, 8, "")));
  shape.tags[1].ends = true;
  Matcher open(compiled(shape, kTools, "g_2"));
  s = open.next(open.next_token(open.start(), 7, ""), "\n{\"name\": \"g_2\", \"arguments\": {}}\n");
  EXPECT_TRUE(open.accepts(s)) << "the end of the answer is the end of the call";
}

}  // namespace
}  // namespace engine
