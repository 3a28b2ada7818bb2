// ChatTemplate: capabilities found by probing, messages shaped to them,
// continued answers, marked input.
#include "engine/text/chat_template.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/text/say.h"

namespace engine {
namespace {

std::string render(const ChatTemplate& t, const ChatInput& input) {
  const auto out = t.render(input);
  return out ? out->text : "error: " + out.error().message;
}

const char* const kSimple =
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt "
    "%}[assistant]{% endif %}";

TEST(ChatTemplate, DefaultsToChatMl) {
  for (const char* source : {"", "chatml"}) {
    const auto t = ChatTemplate::parse(source);
    ASSERT_TRUE(t);
    ChatInput input;
    input.messages = {say("system", "S"), say("user", "U")};
    EXPECT_EQ(
        render(*t, input),
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n");
    EXPECT_EQ(*t->generation_prompt(input), "<|im_start|>assistant\n");
  }
}

TEST(ChatTemplate, SyntaxErrorsNameTheLine) {
  const auto t = ChatTemplate::parse("a\n{% if %}");
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().code, Errc::invalid_argument);
  EXPECT_EQ(t.error().message.rfind("template line 2: ", 0), 0u) << t.error().message;
}

TEST(ChatTemplate, SystemTextMovesWhereThereIsNoSystemRole) {
  const auto t = ChatTemplate::parse(
      "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% "
      "endif %}[{{ m.role }}]{{ m.content }}{% endfor %}");
  ASSERT_TRUE(t);
  EXPECT_FALSE(t->capabilities().system_role);
  ChatInput input;
  input.messages = {say("developer", "S"), say("user", "U"), say("assistant", "A"),
                    say("user", "V")};
  EXPECT_EQ(render(*t, input), "[user]S\nU[assistant]A[user]V");
  const auto kept = ChatTemplate::parse(kSimple);
  EXPECT_TRUE(kept->capabilities().system_role);
  EXPECT_EQ(render(*kept, input), "[system]S[user]U[assistant]A[user]V[assistant]");
}

TEST(ChatTemplate, TypedContentOnlyWhereTheTemplateTakesIt) {
  ChatInput input;
  ChatMessage m = say("user", "");
  m.parts = {{ChatPart::Kind::text, "one"},
             {ChatPart::Kind::text, "two"},
             {ChatPart::Kind::image, "[img-0]"},
             {ChatPart::Kind::text, "three"}};
  input.messages = {m};
  const auto plain = ChatTemplate::parse(kSimple);
  EXPECT_FALSE(plain->capabilities().typed_content);
  EXPECT_EQ(render(*plain, input), "[user]one\ntwo[img-0]three[assistant]");
  const auto typed = ChatTemplate::parse(
      "{% for m in messages %}{% for p in m.content %}{% if p.type == 'text' %}<{{ p.text }}>{% "
      "else %}({{ p.type }}){% endif %}{% endfor %}{% endfor %}");
  ASSERT_TRUE(typed);
  EXPECT_TRUE(typed->capabilities().typed_content);
  EXPECT_FALSE(typed->capabilities().string_content);
  EXPECT_EQ(render(*typed, input), "<one><two>(image)<three>");
  input.messages = {say("user", "text")};
  EXPECT_EQ(render(*typed, input), "<text>");
}

ChatInput with_call() {
  ChatInput input;
  ChatMessage call = say("assistant", "");
  call.tool_calls = {{"id1", "f", R"({"k": 1})"}};
  ChatMessage result = say("tool", "R");
  result.tool_name = "f";
  input.messages = {say("user", "U"), call, result};
  input.add_generation_prompt = false;
  return input;
}

TEST(ChatTemplate, ArgumentsAsTheTemplateWantsThem) {
  const std::string head =
      "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function.name }}:";
  const auto objects = ChatTemplate::parse(
      head + "{{ c.function.arguments|tojson }}{% endfor %}{{ m.content }}{% endfor %}");
  EXPECT_TRUE(objects->capabilities().object_arguments);
  EXPECT_TRUE(objects->capabilities().tool_calls);
  EXPECT_TRUE(objects->capabilities().parallel_tool_calls);
  EXPECT_EQ(render(*objects, with_call()), "Uf:{\"k\": 1}R");
  const auto strings = ChatTemplate::parse(
      head + "{{ '' + c.function.arguments }}{% endfor %}{{ m.content }}{% endfor %}");
  EXPECT_FALSE(strings->capabilities().object_arguments);
  EXPECT_EQ(render(*strings, with_call()), "Uf:{\"k\": 1}R");
  const auto none = ChatTemplate::parse(
      "{% for m in messages %}{% if m.content is none %}{% for c in m.tool_calls %}{{ "
      "c.function.name }}"
      "{{ c.function.arguments|tojson }}{% endfor %}{% else %}{{ m.content }}{% endif %}{% endfor "
      "%}");
  EXPECT_TRUE(none->capabilities().null_content);
  EXPECT_EQ(render(*none, with_call()), "Uf{\"k\": 1}R");
  EXPECT_FALSE(ChatTemplate::parse(kSimple)->capabilities().tool_calls);
}

TEST(ChatTemplate, ToolsThinkingAndKwargs) {
  const auto t = ChatTemplate::parse(
      "{% if tools %}{{ tools|map(attribute='function.name')|join }}{% endif %}{{ enable_thinking "
      "}}{{ reasoning_effort }}{{ extra }}{{ bos_token }}"
      "{% for m in messages %}{{ m.reasoning_content }}{% endfor %}");
  const ChatCapabilities& c = t->capabilities();
  EXPECT_TRUE(c.tools && c.thinking_switch && c.reasoning_effort && c.preserve_reasoning);
  ChatInput input;
  ChatMessage m = say("user", "U");
  m.thinking = "T";
  input.messages = {m};
  EXPECT_EQ(render(*t, input), "T");
  const Json tools = Json::parse(R"([{"type": "function", "function": {"name": "f"}}])"),
             kwargs = {{"extra", 1}}, none = Json::array();
  input.tools = &tools;
  input.kwargs = &kwargs;
  input.think = false;
  input.effort = "high";
  input.bos = "<s>";
  EXPECT_EQ(render(*t, input), "fFalsehigh1<s>T");
  input.tools = &none;
  EXPECT_EQ(render(*t, input), "Falsehigh1<s>T");
}

TEST(ChatTemplate, LastAssistantMessageIsContinued) {
  const auto t = ChatTemplate::parse(kSimple);
  ChatInput input;
  input.messages = {say("user", "U"), say("assistant", "Once")};
  EXPECT_EQ(render(*t, input), "[user]U[assistant]Once");
  const auto thinks = ChatTemplate::parse(
      "{% for m in messages %}{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>\n{% "
      "endif %}");
  EXPECT_EQ(*thinks->generation_prompt(input), "<think>\n");
  EXPECT_EQ(render(*thinks, input), "U<think>\n\n</think>\n\nOnce");
  input.messages[1].thinking = "hm";
  EXPECT_EQ(render(*thinks, input), "U<think>\nhm\n</think>\n\nOnce");
  input.messages[1].content = "";
  EXPECT_EQ(render(*thinks, input), "U<think>\nhm");
}

TEST(ChatTemplate, InputIsMarkedAndTheTemplateIsNot) {
  const auto t = ChatTemplate::parse("");
  ChatInput input;
  input.messages = {say("user", "<|im_end|>"), say("assistant", "<|im_start|>")};
  const auto out = t->render(input);
  ASSERT_TRUE(out);
  std::string marked;
  for (const auto& r : out->input) marked += out->text.substr(r.begin, r.end - r.begin) + ";";
  EXPECT_EQ(marked, "user;<|im_end|>;<|im_start|>;");
}

TEST(ChatTemplate, TwoHarmlessChecksAreSilenced) {
  const auto t = ChatTemplate::parse(
      "{{ raise_exception('You have passed a message containing <|channel|> tags') }}{{ "
      "messages[0].content }}");
  ChatInput input;
  input.messages = {say("user", "U")};
  EXPECT_EQ(render(*t, input), "U");
  EXPECT_FALSE(t->render(Json::parse(R"({"messages": [{"content": "U"}]})")));
}

}  // namespace
}  // namespace engine
