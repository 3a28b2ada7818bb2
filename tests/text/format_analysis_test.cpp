// Formats found in templates: whatever the list of formats says, what a template writes for a call
// is read back as that call.
#include "engine/text/output/format_analysis.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "engine/text/output/answer_parser.h"
#include "tests/support/data_dirs.h"

namespace engine::found_formats {
namespace {

const char* const kTools = R"([
  {"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object","properties":{
   "city":{"type":"string","description":"c"},"days":{"type":"integer","description":"n"}},"required":["city"]}}},
  {"type":"function","function":{"name":"now","description":"t","parameters":{"type":"object","properties":{"zone":{"type":"string","description":"z"}}}}}])";

struct Outcome {
  std::string content, thinking, calls;
  bool operator==(const Outcome&) const = default;
};
void PrintTo(const Outcome& o, std::ostream* os) {
  *os << "content `" << o.content << "` thinking `" << o.thinking << "` calls `" << o.calls << "`";
}

Outcome parse(const AnswerFormat& format, std::string_view text, size_t step,
              bool thinking = false) {
  AnswerRules rules;
  rules.format = &format;
  rules.tools = std::make_shared<const Json>(Json::parse(kTools));
  rules.thinking = thinking;
  AnswerParser parser(rules);
  Outcome out;
  const auto add = [&out](const AnswerPart& part) {
    out.content += part.content;
    out.thinking += part.thinking;
    for (const ChatToolCall& call : part.calls)
      out.calls += (out.calls.empty() ? "" : ";") + call.name + call.arguments;
  };
  for (size_t at = 0; at < text.size(); at += step) add(parser.push(text.substr(at, step)));
  add(parser.finish());
  return out;
}

// In pieces of 1, 2, 3 and 7 bytes as in one.
void expect_read(const AnswerFormat& format, std::string_view text, const Outcome& want,
                 bool thinking = false) {
  for (const size_t step : {text.size() + 1, size_t{1}, size_t{2}, size_t{3}, size_t{7}})
    EXPECT_EQ(parse(format, text, step, thinking), want) << "pieces of " << step << ": " << text;
}

ChatTemplate parsed(const std::string& source) {
  Result<ChatTemplate> out = ChatTemplate::parse(source);
  EXPECT_TRUE(out) << out.error().message;
  return out ? *out : *ChatTemplate::parse("");
}

// What the template shows of an answer with calls, behind the header of the answer; "": nothing.
std::string written(const ChatTemplate& chat, const std::string& content, size_t calls) {
  const Json tools = Json::parse(kTools);
  ChatInput input;
  input.tools = &tools;
  input.now = 1700000000;
  input.messages.resize(1);
  input.messages[0].role = "user";
  input.messages[0].content = "How is the weather?";
  const auto prompt = chat.render(input);
  ChatMessage answer;
  answer.role = "assistant";
  answer.content = content;
  answer.tool_calls.push_back({"abcdefgh1", "get_weather", R"({"city":"Oslo","days":3})"});
  answer.tool_calls.push_back({"abcdefgh2", "now", R"({"zone":"UTC"})"});
  answer.tool_calls.resize(calls);
  input.messages.push_back(answer);
  input.add_generation_prompt = false;
  const auto out = chat.render(input);
  if (!prompt || !out) return {};
  if (!content.empty() && out->text.rfind(content) != std::string::npos)
    return out->text.substr(out->text.rfind(content));
  const auto b =
      std::mismatch(prompt->text.begin(), prompt->text.end(), out->text.begin(), out->text.end())
          .second;
  size_t at = static_cast<size_t>(b - out->text.begin());
  // Not in the middle of a tag.
  const size_t tag = out->text.rfind('<', at);
  if (tag != std::string::npos && tag < at && out->text.find('>', tag) >= at) at = tag;
  return out->text.substr(at);
}

constexpr const char* kOne = R"(get_weather{"city":"Oslo","days":3})";
constexpr const char* kTwo = R"(get_weather{"city":"Oslo","days":3};now{"zone":"UTC"})";

// ChatML with these calls; calls: what is written of `c`, a function.
std::string chatml(const std::string& before, const std::string& call, const std::string& after,
                   const std::string& between = "") {
  return "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{{ m.content }}"
         "{% if m.tool_calls %}" +
         before + "{% for t in m.tool_calls %}{% set c = t.function %}" + call +
         (between.empty() ? "" : "{% if not loop.last %}" + between + "{% endif %}") +
         "{% endfor %}" + after +
         "{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
         "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
}

struct Layout {
  const char* name;
  std::string source;
  CallBody body;
};

const char* const kSolar =
    "{% if tools %}{{ '<|begin|>system<|content|>' + tools|tojson + '<|end|>' }}{% endif %}"
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% if m.reasoning_content %}{{ '<|begin|>assistant<|think|>' + m.reasoning_content + "
    "'<|end|>' }}{% endif %}"
    "{% if m.content %}{{ '<|begin|>assistant<|content|>' + m.content + '<|end|>' }}{% endif %}"
    "{% if m.tool_calls %}{{ '<|begin|>assistant<|tool_calls|>' }}{% for t in m.tool_calls %}"
    "{{ '<|tool_call:begin|>' + t.id + '<|tool_call:name|>' + t.function.name + "
    "'<|tool_call:args|>' + "
    "t.function.arguments|tojson + '<|tool_call:end|>' }}{% if not loop.last %}{{ '\\n' }}{% endif "
    "%}"
    "{% endfor %}{{ '<|calls|>' }}{% endif %}"
    "{% else %}{{ '<|begin|>' + m.role + '<|content|>' + m.content + '<|end|>' }}{% endif %}{% "
    "endfor %}"
    "{% if add_generation_prompt %}{{ '<|begin|>assistant' }}{% endif %}";

const char* const kGigaChat =
    "{% for m in messages %}{{ m.role + '<|role_sep|>\\n' + m.content + '<|message_sep|>\\n\\n' }}"
    "{% for t in m.tool_calls or [] %}{{ 'function call<|role_sep|>\\n' }}"
    "{{ {'name': t.function.name, 'arguments': t.function.arguments}|tojson + "
    "'<|message_sep|>\\n\\n' }}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'assistant<|role_sep|>\\n' }}{% "
    "endif %}";

const char* const kKimi3 =
    "{% for m in messages %}{{ '<|open|>message role=\"' + m.role + '\"<|sep|>' }}{{ m.content }}"
    "{% for t in m.tool_calls or [] %}{{ '<|open|>call tool=\"' + t.function.name + '\"<|sep|>' }}"
    "{% for k, v in t.function.arguments.items() %}{{ '<|open|>argument key=\"' + k + '\"<|sep|>' "
    "}}"
    "{{ v if v is string else v|tojson }}{{ '<|close|>argument<|sep|>' }}{% endfor %}"
    "{{ '<|close|>call<|sep|>' }}{% endfor %}{{ '<|end_of_msg|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|open|>message role=\"assistant\"<|sep|>' }}{% endif %}";

const std::string kJson = "{{ {'name': c.name, 'arguments': c.arguments}|tojson }}";

const Layout kLayouts[] = {
    {"solar", kSolar, CallBody::name_json},
    {"gigachat3", kGigaChat, CallBody::json},
    {"kimi_k3", kKimi3, CallBody::framed},
    {"tags around objects", chatml("", "{{ '\\n<call>' }}" + kJson + "{{ '</call>' }}", ""),
     CallBody::json},
    {"lines of objects in a section",
     chatml("{{ '<do>\\n' }}", kJson, "{{ '\\n</do>' }}", "{{ '\\n' }}"), CallBody::json},
    {"a list", chatml("{{ '<calls>[' }}", kJson, "{{ ']</calls>' }}", "{{ ', ' }}"),
     CallBody::json},
    {"a list without end", chatml("{{ '<|do|>[' }}", kJson, "{{ ']' }}", "{{ ', ' }}"),
     CallBody::json},
    {"other members",
     chatml(
         "",
         "{{ '<a>' }}{{ {'id': t.id, 'tool': c.name, 'input': c.arguments}|tojson }}{{ '</a>' }}",
         ""),
     CallBody::json},
    {"a function inside",
     chatml("",
            "{{ '<a>' }}{{ {'id': t.id, 'type': 'function', 'function': {'name': c.name, "
            "'arguments': c.arguments|tojson}}|tojson }}{{ '</a>' }}",
            ""),
     CallBody::json},
    {"the name as a key",
     chatml("{{ '<a>[' }}", "{{ '{\"' + c.name + '\": ' + c.arguments|tojson + '}' }}",
            "{{ ']</a>' }}", "{{ ', ' }}"),
     CallBody::json},
    {"arguments as text",
     chatml("", "{{ '<a>{\"name\": \"' + c.name + '\", \"arguments\": ' + c.arguments + '}</a>' }}",
            ""),
     CallBody::json},
    {"a name and an object",
     chatml("", "{{ '<fn>' + c.name + '</fn><in>' + c.arguments|tojson + '</in>' }}", ""),
     CallBody::name_json},
    {"a number behind the name",
     chatml("{{ '<|s|>' }}",
            "{{ '<|c|>functions.' + c.name + ':' + loop.index0|string + '<|a|>' + "
            "c.arguments|tojson + '<|/c|>' }}",
            "{{ '<|/s|>' }}"),
     CallBody::name_json},
    {"a name on its line",
     chatml("", "{{ '<|fn|>' + c.name + '\\n' + c.arguments|tojson + '<|/fn|>' }}", ""),
     CallBody::name_json},
    {"tags by name",
     chatml("",
            "{{ '<run=' + c.name + '>' }}{% for k, v in c.arguments.items() %}{{ '\\n<p=' + k + "
            "'>\\n' }}{{ v }}{{ '\\n</p>' }}{% endfor %}{{ '\\n</run>\\n' }}",
            ""),
     CallBody::framed},
    {"keys and values in a section",
     chatml("{{ '<all>' }}",
            "{{ '<one>' + c.name }}{% for k, v in c.arguments.items() %}{{ '<k>' + k + "
            "'</k>\\n<v>' }}{{ v }}{{ '</v>' }}{% endfor %}{{ '</one>' }}",
            "{{ '</all>' }}"),
     CallBody::framed},
    {"values as JSON",
     chatml("",
            "{{ '<one name=\"' + c.name + '\">' }}{% for k, v in c.arguments.items() %}{{ '<p "
            "name=\"' + k + '\">' + v|tojson + '</p>' }}{% endfor %}{{ '</one>' }}",
            ""),
     CallBody::framed},
};

TEST(FormatAnalysis, CallsOfATemplateAreReadBack) {
  for (const Layout& layout : kLayouts) {
    SCOPED_TRACE(layout.name);
    const ChatTemplate chat = parsed(layout.source);
    EXPECT_EQ(&detect_answer_format(chat.source()), &answer_formats().back())
        << "a fixed rule knows it";
    const FormatPtr format = chat.answer_format();
    ASSERT_TRUE(format);
    ASSERT_NE(format.get(), &answer_formats().back());
    EXPECT_EQ(format->body, layout.body);
    EXPECT_EQ(detect_answer_format(chat.source()).name, "plain");
    for (const char* content : {"", "Let me see."}) {
      for (const size_t n : {1, 2}) {
        std::string text = written(chat, content, n);
        // Tokens that end an answer never arrive.
        for (const char* end :
             {"<|im_end|>\n", "<|calls|>", "<|end_of_msg|>", "<|message_sep|>\n\n"})
          if (text.ends_with(end)) text.resize(text.size() - std::string(end).size());
        expect_read(*format, text, {content, "", n == 1 ? kOne : kTwo});
      }
    }
  }
}

TEST(FormatAnalysis, OfPublishedTemplates) {
  std::ifstream in(testing::shared_dir() + "/golden/chat/cases.json");
  if (!in) GTEST_SKIP() << "no golden/chat/cases.json under " << testing::shared_dir();
  std::stringstream text;
  text << in.rdbuf();
  const Result<Json> cases = parse_json(text.str());
  ASSERT_TRUE(cases);
  std::map<std::string, std::string> templates;  // by source
  for (const Json& c : *cases) {
    const std::string name = c["name"].get<std::string>();
    templates[c["template"].get<std::string>()] = name.substr(0, name.find('/'));
  }
  // Why nothing is found: no calls in the template, or a type in the tag of every parameter.
  const std::set<std::string> none = {
      "SmolLM2-135M-Instruct", "HuggingFaceTB-SmolLM3-3B", "microsoft-Phi-3.5-mini-instruct",
      "ibm-granite-granite-3.3-2B-Instruct", "deepseek-ai-DeepSeek-V3.2"};
  for (const auto& [source, name] : templates) {
    SCOPED_TRACE(name);
    const ChatTemplate chat = parsed(source);
    const AnswerFormat& listed = detect_answer_format(source);
    if (!listed.templates.empty()) {
      EXPECT_EQ(chat.answer_format().get(), &listed) << "what a fixed rule knows stays as it is";
    }
    const FormatPtr format = analyse_format(chat);
    EXPECT_EQ(format == nullptr, none.count(name) == 1);
    if (!format) continue;
    const std::string plain = written(chat, "Let me see.", 0);
    for (const char* content : {"", "Let me see."}) {
      for (const size_t n : {1, 2}) {
        std::string text = written(chat, content, n);
        if (text.find("get_weather") == text.npos) continue;  // calls take the place of content
        const bool both = text.find("UTC") != text.npos;
        const std::string_view shown = text.starts_with("Let me") ? content : "";
        const std::string tail = plain.substr(std::min<size_t>(plain.size(), 11));
        if (!tail.empty() && text.ends_with(tail)) text.resize(text.size() - tail.size());
        for (const size_t step : {text.size(), size_t{1}, size_t{2}, size_t{3}, size_t{7}}) {
          const Outcome out = parse(*format, text, step);
          EXPECT_EQ(out.calls, both ? kTwo : kOne) << text;
          EXPECT_TRUE(out.content.starts_with(shown)) << out.content;
          EXPECT_EQ(out.content.find("Oslo"), std::string::npos) << out.content;
        }
      }
    }
  }
}

// Reasoning, and the tag in front of content.
TEST(FormatAnalysis, ReasoningOfATemplate) {
  const ChatTemplate chat = parsed(kSolar);
  const FormatPtr format = chat.answer_format();
  EXPECT_EQ(format->think, "<|think|>");
  EXPECT_EQ(format->think_end, "<|end|><|begin|>assistant");
  EXPECT_EQ(format->dropped, "<|content|>");
  expect_read(*format, "<|think|>Hm.<|end|><|begin|>assistant<|content|>Yes <b>.",
              {"Yes <b>.", "Hm.", ""}, true);
  expect_read(*format,
              "<|think|>Hm.<|end|><|begin|>assistant<|tool_calls|><|tool_call:begin|>x9<|tool_call:"
              "name|>now<|tool_call:args|>{\"zone\": \"UTC\"}<|tool_call:end|><|calls|>",
              {"", "Hm.", R"(now{"zone":"UTC"})"}, true);
  // Without calls the marks alone are found.
  const ChatTemplate other = parsed(
      "{% for m in messages %}{{ '<' + m.role + '>' }}{% if m.reasoning_content %}"
      "{{ '[R]' + m.reasoning_content + '[/R]' }}{% endif %}{{ m.content + '</end>' }}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}");
  EXPECT_EQ(other.answer_format()->think, "[R]");
  EXPECT_EQ(other.answer_format()->think_end, "[/R]");
  EXPECT_TRUE(other.answer_format()->plain_json);
  const auto texts = control_texts(*format, true);
  for (const char* token : {"<|end|>", "<|begin|>", "<|tool_calls|>", "<|tool_call:name|>"})
    EXPECT_NE(std::find(texts.begin(), texts.end(), token), texts.end()) << token;
}

TEST(FormatAnalysis, BrokenCallsAreContent) {
  for (const Layout& layout : kLayouts) {
    SCOPED_TRACE(layout.name);
    const ChatTemplate chat = parsed(layout.source);
    const std::string text = written(chat, "", 2);
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      const std::string part = text.substr(0, cut);
      const Outcome whole = parse(*chat.answer_format(), part, part.size() + 1);
      for (const size_t step : {1, 3}) EXPECT_EQ(parse(*chat.answer_format(), part, step), whole);
      EXPECT_LE(whole.content.size(), part.size());
      if (whole.calls.empty()) {
        EXPECT_EQ(whole.content.find_last_not_of(" \n") + 1, part.find_last_not_of(" \n") + 1);
      }
    }
    // Wrong JSON is no call; a tool that is not known is one.
    std::string wrong = text, unknown = text;
    while (wrong.find("\"Oslo\"") != wrong.npos) wrong.replace(wrong.find("\"Oslo\""), 6, "Oslo!");
    if (wrong != text && layout.body != CallBody::framed) {
      EXPECT_EQ(parse(*chat.answer_format(), wrong, 1).calls.find("get_weather"),
                std::string::npos);
    }
    unknown.replace(unknown.find("get_weather"), 11, "get_clouds");
    EXPECT_TRUE(parse(*chat.answer_format(), unknown, 1).calls.starts_with("get_clouds{"))
        << unknown;
  }
}

TEST(FormatAnalysis, WhatCannotBeToldStaysPlain) {
  const std::string sources[] = {
      "{% for m in messages %}{{ m.content }}{% endfor %}",
      "{{ raise_exception('no') }}",
      "{% if tools %}{{ raise_exception('no tools') }}{% endif %}{{ messages[0].content }}",
      "{% if messages|length > 1 %}{{ raise_exception('one message') }}{% endif %}{{ "
      "messages[0].content }}",
      "{{ messages }}",
      "{{ messages|tojson }}",
      "{% for i in range(1000000) %}{% endfor %}{{ messages }}",
      "{% for i in range(300000) %}{{ 'aaaaaaaaaaaaaaaa' }}{% endfor %}",
      chatml("", kJson, ""),                                     // nothing around it
      chatml("", "{{ c.name }}: {{ c.arguments|tojson }}", ""),  // a word is no tag
      chatml("", "{{ '<a>' + c.name + '</a>' }}", ""),           // without arguments
      chatml("",
             "{{ '<a ' + c.name + '(' }}{% for k, v in c.arguments.items() %}{{ k }}={{ v|tojson "
             "}},{% endfor %}{{ ')>' }}",
             ""),
      chatml("", "{{ '<a>' + c.arguments|tojson + '<b>' + c.name + '</b>' }}", ""),
  };
  for (const std::string& source : sources) {
    const auto begun = std::chrono::steady_clock::now();
    const ChatTemplate chat = parsed(source);
    EXPECT_EQ(chat.answer_format().get(), &answer_formats().back()) << source;
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(60)) << source;
  }
}

// Templates that insist on turns, that number calls or show the time.
TEST(FormatAnalysis, OddTemplatesAreUnderstood) {
  const std::string turns =
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}";
  const std::string time = "{{ strftime_now('%Y-%m-%d %H:%M:%S') }}";
  const std::string call =
      "{{ '<call id=' + loop.index|string + '>' + c.name + '<in>' + c.arguments|tojson + '</in>' "
      "}}";
  for (const std::string& before : {turns, time, std::string("{{ bos_token }}")}) {
    const ChatTemplate chat =
        parsed(before + chatml("", "{{ '<fn>' + c.name + '</fn>' + c.arguments|tojson }}", ""));
    EXPECT_EQ(chat.answer_format()->open, "<fn>") << before;
  }
  // The number is part of the tag: calls come one at a time, the first number opens them.
  const FormatPtr one = parsed(chatml("", call, "")).answer_format();
  EXPECT_EQ(one->open, "<call id=1>");
}

}  // namespace
}  // namespace engine::found_formats
