// Every format of tool_formats.inc: whole texts, the same cut at every place, and byte by byte.
#include "engine/text/output/answer_parser.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace engine {
namespace {

const char* const kTools = R"([
  {"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"k":{"type":"string"},
   "n":{"type":"integer"},"x":{"type":["number","null"]},"b":{"type":"boolean"},"l":{"type":"array"},"o":{"type":"object"},
   "u":{"anyOf":[{"type":"integer"},{"type":"string"}]}}}}},
  {"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}},
  {"type":"function","function":{"name":"brave_search"}}])";

struct ParserCase {
  const char* format;
  std::string text;
  const char* calls;  // "name{arguments}", joined by ";"
  const char* content = "";
  const char* thinking = "";
  bool starts_thinking = false;
};

void PrintTo(const ParserCase& c, std::ostream* os) {
  *os << c.format << ": " << c.text;
}

AnswerRules rules(const ParserCase& c, bool with_tools = true) {
  AnswerRules r;
  for (const AnswerFormat& f : answer_formats())
    if (f.name == c.format) r.format = &f;
  EXPECT_EQ(r.format->name, c.format);
  if (with_tools) r.tools = std::make_shared<const Json>(Json::parse(kTools));
  r.thinking = true;
  r.starts_thinking = c.starts_thinking;
  return r;
}

struct Outcome {
  std::string content, thinking, calls;
  bool operator==(const Outcome&) const = default;
};
void PrintTo(const Outcome& o, std::ostream* os) {
  *os << "content `" << o.content << "` thinking `" << o.thinking << "` calls `" << o.calls << "`";
}

void add(const AnswerPart& part, Outcome& out) {
  out.content += part.content;
  out.thinking += part.thinking;
  for (const ChatToolCall& call : part.calls)
    out.calls += (out.calls.empty() ? "" : ";") + call.name + call.arguments;
}

// cuts: where one piece ends and the next begins.
Outcome parse(const AnswerRules& r, const std::string& text, const std::vector<size_t>& cuts) {
  AnswerParser parser(r);
  Outcome out;
  size_t at = 0;
  for (const size_t cut : cuts) {
    add(parser.push(text.substr(at, cut - at)), out);
    at = cut;
  }
  add(parser.push(text.substr(at)), out);
  add(parser.finish(), out);
  return out;
}

void expect_same_for_all_cuts(const AnswerRules& r, const std::string& text, const Outcome& want) {
  EXPECT_EQ(parse(r, text, {}), want) << text;
  std::vector<size_t> bytes;
  for (size_t i = 1; i < text.size(); ++i) {
    ASSERT_EQ(parse(r, text, {i}), want) << "cut at " << i << " of " << text;
    bytes.push_back(i);
  }
  EXPECT_EQ(parse(r, text, bytes), want) << "byte by byte: " << text;
}

class AnswerParserTest : public ::testing::TestWithParam<ParserCase> {};

TEST_P(AnswerParserTest, IsTheSameForAllCuts) {
  const ParserCase& c = GetParam();
  expect_same_for_all_cuts(rules(c), c.text, {c.content, c.thinking, c.calls});
}

const ParserCase kCases[] = {
    // Hermes, Qwen
    {"hermes", "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"k\": \"v\"}}\n</tool_call>",
     R"(f{"k":"v"})"},
    {"hermes",
     "Let me see. \n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"n\": 1}}\n</tool_call>\n"
     "<tool_call>{\"name\": \"g\", \"arguments\": {}}</tool_call>\nDone. ",
     R"(f{"n":1};g{})", "Let me see.Done. "},
    {"hermes",
     R"(<tool_call>{"name":"f","arguments":{"k":"</tool_call>","o":{"a":[1.5,true,null,"é\n"]}}}</tool_call>)",
     R"(f{"k":"</tool_call>","o":{"a":[1.5,true,null,"é\n"]}})"},
    {"hermes", R"(<tool_call>{"name":"f","arguments":"{\"k\":\"v\"}"}</tool_call>)",
     R"(f{"k":"v"})"},
    {"hermes", R"(<tool_call>{"name":"f","arguments":{"k":"v"}})", R"(f{"k":"v"})"},
    {"hermes", R"(<tool_call>{"name":"f"}</tool_call>)", "f{}"},
    {"hermes", "I think<tool_call>{\"name\":\"f\"}</tool_call>", "f{}", "", "I think", true},
    {"hermes", "<think>\nwhy \n</think>\n\n<tool_call>{\"name\":\"f\"}</tool_call>", "f{}", "",
     "why"},
    {"hermes", "\n why not\n</think>\n\nBecause <b>", "", "Because <b>", "why not", true},
    {"hermes", "a < b, <tool> </think> x  ", "", "a < b, <tool> </think> x  "},
    {"hermes", "x <tool_call>{\"name\": oops}</tool_call> y", "",
     "x <tool_call>{\"name\": oops}</tool_call> y"},
    {"hermes", "<tool_call>no</tool_call>", "", "<tool_call>no</tool_call>"},
    {"hermes", "<tool_call> <tool_call>{\"name\":\"f\"}</tool_call>", "f{}", "<tool_call>"},
    {"hermes", "<tool_call>{\"name\": \"f\"", "", "<tool_call>{\"name\": \"f\""},
    {"hermes", "<tool_call>{\"a\": 1}</tool_call>", "", "<tool_call>{\"a\": 1}</tool_call>"},
    {"hermes", "<tool_call>[1]</tool_call>", "", "<tool_call>[1]</tool_call>"},
    {"hermes", "a <tool_ca", "", "a <tool_ca"},
    {"hermes", "<think>open end ", "", "", "open end "},
    // Llama, and anything that writes plain JSON
    {"llama", R"({"name": "get_weather", "parameters": {"city": "Oslo"}})",
     R"(get_weather{"city":"Oslo"})"},
    {"llama", R"(<|python_tag|>{"name": "f", "parameters": {}})", "f{}"},
    {"llama", R"(<|python_tag|>brave_search.call(query="the sky, blue"))",
     R"(brave_search{"query":"the sky, blue"})"},
    {"llama", "<|python_tag|>print(1)", "", "<|python_tag|>print(1)"},
    {"llama", R"({"name": "unknown", "parameters": {}})", "",
     R"({"name": "unknown", "parameters": {}})"},
    {"llama", R"({"name": "Bob"} is JSON)", "", R"({"name": "Bob"} is JSON)"},
    {"llama", R"(Use {"name": "f", "parameters": {}})", "",
     R"(Use {"name": "f", "parameters": {}})"},
    {"llama", "  hi there", "", "  hi there"},
    {"plain", "\n{\"name\": \"f\", \"arguments\": {\"n\": 2}}\n{\"f\": {\"n\": 3}}",
     R"(f{"n":2};f{"n":3})"},
    {"plain", R"([{"name":"f","arguments":{}},{"name":"get_weather","arguments":{"city":"x"}}])",
     R"(f{};get_weather{"city":"x"})"},
    // Mistral
    {"mistral",
     R"([TOOL_CALLS][{"name":"f","arguments":{"n":1},"id":"abcdefghi"},{"name":"g","arguments":{}}])",
     R"(f{"n":1};g{})"},
    {"mistral", "[TOOL_CALLS] hm", "", "[TOOL_CALLS] hm"},
    {"ministral",
     R"([TOOL_CALLS]f[CALL_ID]123456789[ARGS]{"k":"}"}[TOOL_CALLS]get_weather[ARGS]{"city":"Oslo"})",
     R"(f{"k":"}"};get_weather{"city":"Oslo"})"},
    {"ministral", R"([THINK]hm[/THINK]Yes. [TOOL_CALLS]f[ARGS]{})", "f{}", "Yes.", "hm"},
    {"ministral", "Well [THINK]hm[/THINK] so", "", "Wellso", "hm"},
    {"ministral", R"([TOOL_CALLS]nosuch[ARGS]{})", "", R"([TOOL_CALLS]nosuch[ARGS]{})"},
    // harmony
    {"harmony",
     "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary "
     "to=functions.f "
     "<|constrain|>json<|message|>{\"k\":\"v\"}<|call|>",
     R"(f{"k":"v"})", "", "Hm."},
    {"harmony",
     "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>Hi "
     "<b>|<|return|>",
     "", "Hi <b>|", "a"},
    {"harmony",
     "<|channel|>commentary<|message|>pre<|end|><|start|>assistant "
     "to=functions.f<|channel|>commentary<|constrain|>json<|message|>{}",
     "f{}", "pre"},
    {"harmony", "<|channel|>commentary to=functions.f<|message|>{\"k\":", "", "{\"k\":"},
    {"harmony", "<|channel|>analysis to=functions.f code<|message|>{\"n\":1}<|end|>",
     R"(f{"n":1})"},
    {"harmony", "<|message|>plain", "", "plain"},
    // tags around names and values
    {"qwen3_coder",
     "Sure.\n<tool_call>\n<function=f>\n<parameter=k>\na < b & "
     "\"c\"\nd\n</parameter>\n<parameter=n>\n42\n"
     "</parameter>\n<parameter=b>\nTrue\n</parameter>\n<parameter=l>\n[1, "
     "2]\n</parameter>\n<parameter=o>\n"
     "{\"a\": null}\n</parameter>\n<parameter=x>\nnull\n</parameter>\n</function>\n</tool_call>",
     R"(f{"k":"a < b & \"c\"\nd","n":42,"b":true,"l":[1,2],"o":{"a":null},"x":null})", "Sure."},
    {"qwen3_coder",
     "<tool_call><function=g></function><function=f><parameter=x>1.5</parameter></function></"
     "tool_call>",
     R"(g{};f{"x":1.5})"},
    {"qwen3_coder", "<tool_call>\n<function=f>\n<parameter=k>\nv", "",
     "<tool_call>\n<function=f>\n<parameter=k>\nv"},
    {"seed_oss",
     "<seed:think>t</seed:think><seed:tool_call>\n<function=f>\n<parameter=k>v</parameter>\n</"
     "function>\n</seed:tool_call>",
     R"(f{"k":"v"})", "", "t"},
    {"minimax",
     "<minimax:tool_call>\n<invoke name=\"f\">\n<parameter name=\"k\">v</parameter>\n<parameter "
     "name=\"n\">7</parameter>\n"
     "</invoke>\n<invoke name=\"g\">\n</invoke>\n</minimax:tool_call>",
     R"(f{"k":"v","n":7};g{})"},
    {"minimax_m3",
     "Ok ]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"f\">\n"
     "]<]minimax[>[<parameter name=\"k\">v]<]minimax[>[</parameter>\n]<]minimax[>[</invoke>\n"
     "]<]minimax[>[</tool_call>",
     R"(f{"k":"v"})", "Ok"},
    {"minimax_m3_elements",
     "]<]minimax[>[<tool_call>]<]minimax[>[<invoke name=\"f\">]<]minimax[>[<n>7]<]minimax[>[</n>"
     "]<]minimax[>[</invoke>]<]minimax[>[</tool_call>",
     R"(f{"n":7})"},
    {"hy3",
     "<tool_calls>\n<tool_call>f<tool_sep>\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n"
     "</tool_call>\n</tool_calls>",
     R"(f{"k":"v"})"},
    {"minicpm5", "<function name=\"f\"><param name=\"k\">v</param></function>", R"(f{"k":"v"})"},
    {"dsml",
     "Ok\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"f\">\n<｜DSML｜parameter name=\"k\" "
     "string=\"true\">12"
     "</｜DSML｜parameter>\n<｜DSML｜parameter name=\"l\" "
     "string=\"false\">[1]</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
     "</｜DSML｜function_calls>",
     R"(f{"k":"12","l":[1]})", "Ok"},
    {"dsml_v4",
     "<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"g\">\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>",
     "g{}"},
    {"glm",
     "<think>t</think>\nx<tool_call>f\n<arg_key>k</arg_key>\n<arg_value>v "
     "w</arg_value>\n<arg_key>n</arg_key>\n"
     "<arg_value>3</arg_value>\n</tool_call>",
     R"(f{"k":"v w","n":3})", "x", "t"},
    {"glm",
     "<tool_call>f<arg_key>u</arg_key><arg_value>y</arg_value></tool_call><tool_call>g</tool_call>",
     R"(f{"u":"y"};g{})"},
    {"glm", "<tool_call>two words</tool_call>", "", "<tool_call>two words</tool_call>"},
    // a name in front of JSON
    {"deepseek",
     "Hm\n<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"k\":\"v\"}<"
     "｜tool▁call▁end｜><｜tool▁call▁begin｜>"
     "get_weather<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     R"(f{"k":"v"};get_weather{})", "Hm"},
    {"deepseek",
     "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{\"n\": "
     "1}\n```<｜tool▁call▁end｜>"
     "\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>g\n```json\n{}\n```<｜tool▁call▁end｜><"
     "｜tool▁calls▁end｜>after",
     R"(f{"n":1};g{})", "after"},
    {"deepseek", "<｜tool▁calls▁begin｜>none", "", "<｜tool▁calls▁begin｜>none"},
    {"kimi",
     "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{"
     "\"k\":\"v\"}"
     "<|tool_call_end|><|tool_calls_section_end|>",
     R"(f{"k":"v"})"},
    {"functionary31", "<function=f>{\"k\": \"v\"}</function>", R"(f{"k":"v"})"},
    {"functionary31", "<function=get_weather></function>", "get_weather{}"},
    {"functionary32", "get_weather\n{\"city\": \"Oslo\"}>>>f\n{}",
     R"(get_weather{"city":"Oslo"};f{})"},
    {"functionary32", "all\nLet me see.\n>>>f\n{\"n\": 1}", R"(f{"n":1})", "Let me see."},
    {"functionary32", ">>>all\nHi >> there\n", "", "Hi >> there\n"},
    {"functionary32", "f\n{\"k\": \"a\"}>>>all\nDone", R"(f{"k":"a"})", "Done"},
    {"functionary32", "Hello there", "", "Hello there"},
    // lists of JSON
    {"minimax_m1",
     "Ok.\n<tool_calls>\n{\"name\": \"f\", \"arguments\": {\"n\": 1}}\n{\"name\": \"g\", "
     "\"arguments\": {}}\n</tool_calls>",
     R"(f{"n":1};g{})", "Ok."},
    {"minimax_m1", "<tool_calls>\nnone", "", "<tool_calls>\nnone"},
    {"cohere",
     "<|START_THINKING|>t<|END_THINKING|><|START_ACTION|>[{\"tool_call_id\":\"0\",\"tool_name\":"
     "\"f\",\"parameters\":{\"k\":\"v\"}}]"
     "<|END_ACTION|>",
     R"(f{"k":"v"})", "", "t"},
    {"cohere", "t<|END_THINKING|><|START_TEXT|>Hello there<|END_TEXT|>", "", "Hello there", "t",
     true},
    {"command_r", "Action: ```json\n[{\"tool_name\":\"f\",\"parameters\":{\"k\":\"v\"}}]\n```",
     R"(f{"k":"v"})"},
    {"command_r", "Action: ```json\n[{\"tool_name\":\"directly-answer\",\"parameters\":{}}]\n```Hi",
     "", "Hi"},
    {"granite3", R"(<|tool_call|>[{"name":"f","arguments":{"k":"v"}}])", R"(f{"k":"v"})"},
    {"nemotron_v2",
     R"(<TOOLCALL>[{"name":"f","arguments":{}}, {"name":"g","arguments":{}}]</TOOLCALL>)",
     "f{};g{}"},
    {"apriel", R"(<tool_calls>[{"name":"f","arguments":{},"id":"1"}]</tool_calls>)", "f{}"},
    {"apertus", R"(<|tools_prefix|>[{"f": {"k": "v"}}]<|tools_suffix|>)", R"(f{"k":"v"})"},
    {"firefunction", R"( functools[{"name":"f","arguments":{}}])", "f{}"},
    // code
    {"lfm2",
     R"(<|tool_call_start|>[f(k='it\'s', n=-1, x=2.5, b=True, l=[1, 'a', None], o={'a': (1, 2)}), g()]<|tool_call_end|>done)",
     R"(f{"k":"it's","n":-1,"x":2.5,"b":true,"l":[1,"a",null],"o":{"a":[1,2]}};g{})", "done"},
    {"lfm2", "<|tool_call_start|>[f(x=1.5E+3, n=+2, k=-1e-2)]<|tool_call_end|>",
     R"(f{"x":1500.0,"n":2,"k":-0.01})"},
    {"lfm2", "<|tool_call_start|>[f(]<|tool_call_end|>", "",
     "<|tool_call_start|>[f(]<|tool_call_end|>"},
    {"olmo3", "<function_calls>f(k=\"x\", n=1)\ng()</function_calls>", R"(f{"k":"x","n":1};g{})"},
    {"functiongemma",
     "<start_function_call>call:f{k:<escape>a, "
     "b}<escape>,n:1,b:true,l:[1,2],o:{x:1}}<end_function_call>",
     R"(f{"k":"a, b}","n":1,"b":true,"l":[1,2],"o":{"x":1}})"},
    {"gemma4",
     "<|channel>thought\nhm\n<channel|><|tool_call>call:f{k:<|\"|>te{xt<|\"|>,n:1.5,u:null}<tool_"
     "call|><|tool_response>",
     R"(f{"k":"te{xt","n":1.5,"u":null})", "", "hm"},
    {"gemma4", "Hi <|channel>thought\nhm<channel|> there", "", "Hithere", "hm"},
};
INSTANTIATE_TEST_SUITE_P(Formats, AnswerParserTest, ::testing::ValuesIn(kCases));

TEST(AnswerParser, EveryFormatHasACase) {
  for (const AnswerFormat& f : answer_formats())
    EXPECT_TRUE(std::any_of(std::begin(kCases), std::end(kCases), [&](const ParserCase& c) {
      return f.name == c.format && *c.calls != 0;
    })) << f.name;
}

TEST(AnswerParser, WithoutToolsCallsAreText) {
  for (const ParserCase& c : kCases) {
    AnswerRules r = rules(c, false);
    if (r.format->body == CallBody::harmony || !r.format->content_name.empty()) continue;
    r.thinking = false;
    expect_same_for_all_cuts(r, c.text, {c.text, "", ""});
  }
  AnswerRules r = rules({"harmony", "", ""}, false);
  EXPECT_EQ(parse(r, "<|channel|>commentary to=functions.f<|message|>{}<|call|>", {}),
            (Outcome{"{}", "", ""}));
  r = rules({"functionary32", "", ""}, false);
  expect_same_for_all_cuts(r, "all\nHi >>>f\n{}", {"Hi >>>f\n{}", "", ""});
  expect_same_for_all_cuts(r, "f\n{}", {"f\n{}", "", ""});
}

TEST(AnswerParser, ThinkingWithoutTools) {
  const auto same = [](const std::string& text, bool inside, const char* thinking,
                       const char* content) {
    AnswerRules r = rules({"hermes", "", ""}, false);
    r.starts_thinking = inside;
    expect_same_for_all_cuts(r, text, {content, thinking, ""});
  };
  same("<think>\nwhy</think>\n\nanswer", false, "why", "answer");
  same("  <think>a < b </thin</think>x</think>", false, "a < b </thin", "x</think>");
  same("plain <think>text</think>", false, "", "plain <think>text</think>");
  same("  leading", false, "", "  leading");
  same("why</think>answer", true, "why", "answer");
  same("<think>\nwhy</think>answer", true, "why", "answer");
  same("never closed </thi", true, "never closed </thi", "");
  same("<thi", false, "", "<thi");
  same("a<tool_call>b", false, "", "a<tool_call>b");
}

TEST(AnswerParser, TagsOfGoTemplates) {
  AnswerRules r = rules({"plain", "", ""});
  r.thinking = false;
  r.call_tag = "[TOOL_CALLS]";
  const auto same = [&](const std::string& text, const Outcome& want) {
    expect_same_for_all_cuts(r, text, want);
  };
  same(
      R"(Ok [TOOL_CALLS] [{"name": "f", "arguments": {"n": 1}}, {"name": "get_weather", "arguments": {}}] bye)",
      {"Ok", "", R"(f{"n":1};get_weather{})"});
  same(R"([TOOL_CALLS]f[ARGS]{"k":"v"})", {"", "", R"(f{"k":"v"})"});
  same(R"([TOOL_CALLS]{"x": 1}{"f": {"k": "v"}})", {"", "", R"(f{"k":"v"})"});
  same("[TOOL_CALLS] nothing {} at all", {"[TOOL_CALLS] nothing {} at all", "", ""});
  same("no tag {}", {"no tag {}", "", ""});
  r.call_tag = "{";
  same(R"({"name": "f", "parameters": {}})", {"", "", "f{}"});
  same(R"(so {"name": "f", "parameters": {}})", {R"(so {"name": "f", "parameters": {}})", "", ""});
  r.call_tag = "[";
  same(R"([{"name": "f", "parameters": {}}])", {"", "", "f{}"});
  r.think = "<r>";
  r.think_end = "</r>";
  r.thinking = true;
  same("<r>hm</r>yes", {"yes", "hm", ""});
}

TEST(AnswerParser, AnswersComeAsSoonAsTheyAreSure) {
  AnswerParser p(rules({"hermes", "", ""}));
  EXPECT_EQ(p.push("Hello").content, "Hello");
  EXPECT_EQ(p.push(" <b").content, " <b");
  EXPECT_TRUE(p.push(" <tool_").empty());
  EXPECT_EQ(p.push("x").content, " <tool_x");
  EXPECT_TRUE(p.push("<tool_call>{\"name\":\"f\",\"arguments\":{}").empty());
  EXPECT_EQ(p.push("}").calls.size(), 1u) << "with the end of the JSON, not of the tag";
  EXPECT_TRUE(p.push("</tool_call>").empty());
  EXPECT_TRUE(p.finish().empty());
}

TEST(AnswerParser, HostileTextIsBounded) {
  const size_t big = (1 << 20) + (1 << 18);
  for (const AnswerFormat& f : answer_formats()) {
    AnswerRules r = rules({f.name.data(), "", ""});
    const std::string open =
        f.body == CallBody::harmony
            ? "<|channel|>commentary to=functions.f<|message|>"
            : std::string(f.section) +
                  std::string(split_tags(f.open).empty() ? "" : split_tags(f.open)[0]);
    for (const std::string& unit : {std::string("x"), std::string("{"), std::string("[\""),
                                    std::string(" "), open.empty() ? std::string("{}") : open}) {
      std::string text = open + "f{";
      while (text.size() < big) text += unit;
      AnswerParser p(r);
      size_t given = 0, calls = 0;
      for (size_t at = 0; at < text.size(); at += 1000) {
        const AnswerPart part = p.push(text.substr(at, 1000));
        given += part.content.size() + part.thinking.size();
        calls += part.calls.size();
        ASSERT_LE(at, given + AnswerParser::kMaxCall + 8192) << f.name << ' ' << unit;
      }
      const AnswerPart rest = p.finish();
      EXPECT_EQ(calls + rest.calls.size(), 0u) << f.name;
    }
  }
}

TEST(AnswerParser, LongTextIsTheSameForAllCuts) {
  // Around the bound where a call without end becomes content.
  for (const char* format : {"hermes", "qwen3_coder"}) {
    const AnswerRules r = rules({format, "", ""});
    const std::string text =
        format == std::string("hermes")
            ? "<tool_call>{\"name\":\"f\",\"arguments\":{\"k\":\"" +
                  std::string(AnswerParser::kMaxCall, 'x') + "\"}}</tool_call> y"
            : "<tool_call><function=f><parameter=k>" + std::string(AnswerParser::kMaxCall, 'x') +
                  "</parameter></function></tool_call> y";
    const Outcome whole = parse(r, text, {});
    EXPECT_EQ(whole.calls, "");
    EXPECT_EQ(whole.content, text);
    std::vector<size_t> cuts;
    for (size_t i = 777; i < text.size(); i += 777) cuts.push_back(i);
    EXPECT_EQ(parse(r, text, cuts), whole);
  }
  const AnswerRules r = rules({"hermes", "", ""});
  const std::string blanks =
      "x" + std::string(5000, ' ') + "<tool_call>{\"name\":\"f\"}</tool_call>";
  const Outcome whole = parse(r, blanks, {});
  EXPECT_EQ(whole.calls, "f{}");
  for (size_t i = 1; i < blanks.size(); i += 13) ASSERT_EQ(parse(r, blanks, {i}), whole) << i;
}

TEST(AnswerParser, DeepValuesAreNoCalls) {
  for (const char* format : {"hermes", "lfm2", "gemma4", "plain", "ministral"}) {
    const AnswerRules r = rules({format, "", ""});
    for (const int depth : {100, 100000}) {
      const std::string deep = std::string(static_cast<size_t>(depth), '[') +
                               std::string(static_cast<size_t>(depth), ']');
      const std::string f = format;
      const std::string text =
          f == "lfm2"        ? "<|tool_call_start|>[f(l=" + deep + ")]<|tool_call_end|>"
          : f == "gemma4"    ? "<|tool_call>call:f{l:" + deep + "}<tool_call|>"
          : f == "ministral" ? "[TOOL_CALLS]f[ARGS]{\"l\":" + deep + "}"
          : f == "plain"
              ? "{\"name\":\"f\",\"arguments\":{\"l\":" + deep + "}}"
              : "<tool_call>{\"name\":\"f\",\"arguments\":{\"l\":" + deep + "}}</tool_call>";
      const Outcome out = parse(r, text, {});
      if (depth > 1000) {
        EXPECT_EQ(out.content, text) << format;
      }
      EXPECT_TRUE(out.calls.empty() || out.content.empty());
    }
  }
}

TEST(AnswerParser, WhereTheReasoningLay) {
  const auto thought = [](const char* format, bool inside, const std::string& text) {
    AnswerRules r = rules({format, "", ""});
    r.starts_thinking = inside;
    std::string out;
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      AnswerParser p(r);
      p.push(text.substr(0, cut));
      p.push(text.substr(cut));
      p.finish();
      std::string spans;
      for (const ByteSpan& s : p.thought())
        spans += "[" + text.substr(s.begin, s.end - s.begin) + "]";
      if (cut > 0) {
        EXPECT_EQ(spans, out) << "cut at " << cut << " of " << text;
      }
      out = spans;
    }
    return out;
  };
  EXPECT_EQ(thought("hermes", true, "why not\n</think>\n\nyes"), "[why not\n]");
  EXPECT_EQ(thought("hermes", false, "<think>\nwhy</think>yes"), "[why]");
  EXPECT_EQ(thought("hermes", true, "a</th>b"), "[a</th>b]");
  EXPECT_EQ(thought("hermes", true, "a <tool_call>{\"name\":\"f\"}</tool_call>"), "[a ]");
  EXPECT_EQ(thought("hermes", false, "yes"), "");
  EXPECT_EQ(thought("ministral", false, "[THINK]a[/THINK]b[THINK]c[/THINK]"), "[a][c]");
  EXPECT_EQ(thought("harmony", false,
                    "<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final"
                    "<|message|>Hi"),
            "[Hm]");
}

TEST(HarmonyNames, AreIdentifiersAndLeadBack) {
  const Json tools = Json::parse(
      R"([{"function":{"name":"get-weather"}},{"function":{"name":"get.weather"}},{"function":{"name":"get weather"}},
          {"function":{"name":"2x"}},{"function":{"name":"é!"}},{"function":{"name":"browser.search"}},{"function":{"name":"a$1"}}])");
  const HarmonyNames names(&tools);
  const std::pair<const char*, const char*> pairs[] = {{"get-weather", "get_weather"},
                                                       {"get.weather", "get_weather_2"},
                                                       {"get weather", "get_weather_3"},
                                                       {"2x", "_2x"},
                                                       {"é!", "unnamed"},
                                                       {"browser.search", "browser.search"},
                                                       {"a$1", "a$1"}};
  for (const auto& [original, written] : pairs) {
    EXPECT_EQ(names.written(original), written);
    EXPECT_EQ(names.original(written), original);
  }
  EXPECT_EQ(names.original("nosuch"), "nosuch");
  EXPECT_EQ((*names.renamed(tools))[1]["function"]["name"], "get_weather_2");
  AnswerRules r;
  r.format = find_answer_format("harmony");
  r.tools = std::make_shared<const Json>(tools);
  EXPECT_EQ(
      parse(r, "<|channel|>commentary to=functions.get_weather_2<|message|>{}<|call|>", {}).calls,
      "get.weather{}");
  ChatInput input;
  input.tools = &tools;
  input.messages.resize(2);
  input.messages[0].tool_calls.push_back({"1", "get-weather", "{}"});
  input.messages[1].tool_name = "old.tool";
  const HarmonyInput named = harmony_input(input);
  EXPECT_EQ(named.input.messages[0].tool_calls[0].name, "get_weather");
  EXPECT_EQ(named.input.messages[1].tool_name, "old_tool");
  EXPECT_EQ((*named.input.tools)[3]["function"]["name"], "_2x");
}

}  // namespace
}  // namespace engine
