// The calls of MiniMax M3, with elements in elements, and of Hy3, whose tags have a suffix.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/text/output/answer_parser.h"
#include "engine/text/output/format_analysis.h"

namespace engine::nested_calls {
namespace {

const char* const kTools = R"([
  {"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{
   "k":{"type":"string"},"n":{"type":"integer"},"b":{"type":"boolean"},
   "tags":{"type":"array","items":{"type":"string"}},"sizes":{"type":"array","items":{"type":"integer"}},
   "place":{"type":"object","properties":{"city":{"type":"string"},"zip":{"type":"integer"},
    "near":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"km":{"type":"number"}}}}}},
   "stops":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"},"km":{"type":"number"}}}}}}}}])";

struct Read {
  std::string content, calls;
  bool operator==(const Read&) const = default;
};
void PrintTo(const Read& r, std::ostream* os) {
  *os << "content `" << r.content << "` calls `" << r.calls << "`";
}

Read read(const AnswerFormat& format, const std::string& text, size_t step) {
  AnswerRules rules;
  rules.format = &format;
  rules.tools = std::make_shared<const Json>(Json::parse(kTools));
  AnswerParser parser(rules);
  Read out;
  const auto add = [&out](const AnswerPart& part) {
    out.content += part.content;
    for (const ChatToolCall& c : part.calls)
      out.calls += (out.calls.empty() ? "" : ";") + c.name + c.arguments;
  };
  for (size_t at = 0; at < text.size(); at += step) add(parser.push(text.substr(at, step)));
  add(parser.finish());
  return out;
}

void expect_read(const AnswerFormat& format, const std::string& text, const Read& want) {
  for (const size_t step : {text.size() + 1, size_t{1}, size_t{2}, size_t{3}, size_t{7}})
    EXPECT_EQ(read(format, text, step), want) << "pieces of " << step << ": " << text;
}

const AnswerFormat& listed(const std::string& name) {
  for (const AnswerFormat& f : answer_formats())
    if (f.name == name) return f;
  ADD_FAILURE() << name;
  return answer_formats().back();
}

// < stands for the prefix of M3 and <.
std::string m3(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "]<]minimax[>[<" : std::string(1, c);
  return out;
}
std::string m3_call(const std::string& arguments) {
  return m3("<tool_call>\n<invoke name=\"f\">\n" + arguments + "\n</invoke>\n</tool_call>");
}

TEST(NestedCalls, ElementsBecomeValues) {
  const AnswerFormat& format = listed("minimax_m3_elements");
  const auto same = [&](const std::string& arguments, const std::string& want) {
    expect_read(format, m3_call(arguments), {"", "f" + want});
  };
  same("", "{}");
  same("<k>a  b</k><n>7</n>\n<b>true</b>", R"({"k":"a  b","n":7,"b":true})");
  same("<parameter name=\"k\">v</parameter>", R"({"k":"v"})");
  same("<k>\nline\n</k>", R"({"k":"line"})");
  same("<k>5</k>", R"({"k":"5"})");
  same("<k></k>", R"({"k":""})");
  // Lists: of items, of repeated elements, of JSON.
  same("<tags><item>a</item><item>5</item></tags>", R"({"tags":["a","5"]})");
  same("<tags><tag>a</tag></tags>", R"({"tags":["a"]})");
  same("<tags>a</tags><tags>b</tags><tags>c</tags>", R"({"tags":["a","b","c"]})");
  same("<tags>a</tags>", R"({"tags":["a"]})");
  same("<sizes>1</sizes>", R"({"sizes":[1]})");
  same("<sizes>[1, 2]</sizes>", R"({"sizes":[1,2]})");
  same("<sizes>\n <item>1</item>\n <item>2</item>\n</sizes>", R"({"sizes":[1,2]})");
  same("<sizes></sizes><place></place>", R"({"sizes":[],"place":{}})");
  // Objects.
  same("<place><city>Oslo</city><zip>150</zip></place>", R"({"place":{"city":"Oslo","zip":150}})");
  same("<place>{\"city\": \"Oslo\"}</place>", R"({"place":{"city":"Oslo"}})");
  same(
      "<place><near><item><name>A</name><km>1.5</km></item><item><name>B</name></item></near>"
      "</place>",
      R"({"place":{"near":[{"name":"A","km":1.5},{"name":"B"}]}})");
  same("<stops><name>A</name><km>2.5</km></stops><stops><name>B</name></stops>",
       R"({"stops":[{"name":"A","km":2.5},{"name":"B"}]})");
  same("<stops><name>A</name></stops>", R"({"stops":[{"name":"A"}]})");
  // What no schema describes.
  same("<x><a>1</a><b><c>d</c></b></x>", R"({"x":{"a":"1","b":{"c":"d"}}})");
  same("<x><a>1</a><a>2</a></x>", R"({"x":{"a":["1","2"]}})");
  same("<x><item>1</item><item>2</item></x>", R"({"x":["1","2"]})");
  same("<x>1</x><x>2</x>", R"({"x":["1","2"]})");
  same("<x>null</x>", R"({"x":null})");
}

TEST(NestedCalls, TextBetweenTagsIsText) {
  const std::string call = m3("<tool_call><invoke name=\"f\"><k>") + "a < b </k> & <tool_call>" +
                           m3("</k></invoke></tool_call>");
  expect_read(listed("minimax_m3"), "So. " + call + " Done.",
              {"So.Done.", R"(f{"k":"a < b </k> & <tool_call>"})"});
}

TEST(NestedCalls, SeveralCallsAndUnknownTools) {
  const std::string text =
      m3("<tool_call>\n<invoke name=\"f\">\n<n>1</n>\n</invoke>\n<invoke name=\"g\">\n<n>1</n>\n"
         "</invoke>\n</tool_call>");
  expect_read(listed("minimax_m3"), text, {"", R"(f{"n":1};g{"n":"1"})"});
}

TEST(NestedCalls, WhatIsBrokenIsContent) {
  for (const std::string arguments :
       {"<k>v", "<k>v</n>", "<k", "v", "<k>v</k>x", "<place><city>a</place></city>", "<>v</>",
        "<place>x<city>a</city></place>"}) {
    const std::string text = m3_call(arguments);
    expect_read(listed("minimax_m3"), text, {text, ""});
  }
  const std::string whole = m3_call("<k>v</k>");
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    const std::string text = whole.substr(0, cut);
    const Read all = read(listed("minimax_m3"), text, text.size());
    EXPECT_EQ(read(listed("minimax_m3"), text, 1), all) << text;
    // A call without its end is tried once.
    EXPECT_TRUE(all.calls.empty() ? all.content == text
                                  : all.calls == "f{}" || all.calls == "f{\"k\":\"v\"}")
        << text;
  }
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "<k>";
  const std::string text = m3_call(deep);
  EXPECT_EQ(read(listed("minimax_m3"), text, text.size()), (Read{text, ""}));
}

// The suffix stands in one place of the template.
std::string hy3(const std::string& suffix) {
  return "{% set x = '" + suffix +
         "' %}{% for m in messages %}{{ '<|' + m.role + '|>' }}{{ m.content }}"
         "{% if m.tool_calls %}{{ '<tool_calls{}>\\n'.format(x) }}{% for t in m.tool_calls %}"
         "{{ '<tool_call{}>'.format(x) + t.function.name + '<tool_sep{}>\\n'.format(x) }}"
         "{% for k, v in t.function.arguments.items() %}"
         "{{ '<arg_key{}>'.format(x) + k + '</arg_key{}>\\n'.format(x) }}"
         "{{ '<arg_value{}>'.format(x) }}{{ v if v is string else v|tojson }}{{ "
         "'</arg_value{}>\\n'.format(x) }}"
         "{% endfor %}{{ '</tool_call{}>\\n'.format(x) }}{% endfor %}{{ "
         "'</tool_calls{}>'.format(x) }}"
         "{% endif %}{{ '<|end|>' }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
}

std::string hy3_text(const std::string& x) {
  return "<tool_calls" + x + ">\n<tool_call" + x + ">f<tool_sep" + x + ">\n<arg_key" + x +
         ">k</arg_key" + x + ">\n<arg_value" + x + ">5</arg_value" + x + ">\n<arg_key" + x +
         ">u</arg_key" + x + ">\n<arg_value" + x + ">[5]</arg_value" + x + ">\n<arg_key" + x +
         ">w</arg_key" + x + ">\n<arg_value" + x + ">a <b>\n\"c\"</arg_value" + x +
         ">\n</tool_call" + x + ">\n</tool_calls" + x + ">";
}

TEST(NestedCalls, TheSuffixOfHy3IsThatOfTheTemplate) {
  for (const std::string x : {"", ":opensource", "_7f3", "|x"}) {
    const auto chat = ChatTemplate::parse(hy3(x));
    ASSERT_TRUE(chat) << chat.error().message;
    EXPECT_EQ(detect_answer_format(chat->source()).name, "hy3");
    EXPECT_EQ(chat->answer_format()->open, "<tool_call" + x + ">");
    // Of k the schema says that it is a text; of u and w it says nothing.
    expect_read(*chat->answer_format(), "Ok.\n" + hy3_text(x) + "\n",
                {"Ok.", "f{\"k\":\"5\",\"u\":[5],\"w\":\"a <b>\\n\\\"c\\\"\"}"});
    expect_read(*chat->answer_format(),
                "<tool_calls" + x + "><tool_call" + x + ">g<tool_sep" + x + "></tool_call" + x +
                    "></tool_calls" + x + ">",
                {"", "g{}"});
    if (x.empty()) continue;
    const std::string other = hy3_text(x + "y");
    expect_read(*chat->answer_format(), other, {other, ""});
  }
}

TEST(NestedCalls, Hy3CutShort) {
  const std::string text = hy3_text("");
  const AnswerFormat& format = listed("hy3");
  for (size_t cut = 1; cut < text.size(); ++cut) {
    const std::string part = text.substr(0, cut);
    const Read all = read(format, part, part.size());
    EXPECT_EQ(read(format, part, 1), all) << part;
    if (all.calls.empty()) {
      EXPECT_EQ(all.content, part);
    }
  }
  for (const std::string bad :
       {"f<tool_sep>\n<arg_key>k</arg_key>v", "f g<tool_sep>", "f<tool_sep>x",
        "f<tool_sep><arg_key></arg_key><arg_value>1</arg_value>"}) {
    const std::string whole = "<tool_calls><tool_call>" + bad + "</tool_call></tool_calls>";
    expect_read(format, whole, {whole, ""});
  }
}

}  // namespace
}  // namespace engine::nested_calls
