// POST /api/chat with tools, on models that always give the same answer.
#include <regex>

#include "tests/server/fixture.h"

namespace engine {
namespace {

const char* const kTools =
    R"("tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}])";
const char* const kAsk =
    R"("messages":[{"role":"user","content":"weather?"}],"options":{"temperature":0})";

class ToolsTest : public ServerTest {
 protected:
  // A model C whose template is `layout` and whose answer is `pieces`.
  void answer_with(const std::vector<std::string>& pieces,
                   const char* layout = testing::kTinyTemplate) {
    testing::TinyModel tiny;
    tiny.chat_template = layout;
    tiny.script = pieces;
    tiny.endless = false;
    add("C", tiny, "", "");
  }
  std::string body(const std::string& more) {
    return std::string(R"({"model":"C",)") + kAsk + (more.empty() ? "" : ",") + more + "}";
  }
};

TEST_F(ToolsTest, CallInAStream) {
  answer_with({"I look.", "<tool_call>", "\n{\"name\": \"get_wea",
               "ther\", \"arguments\": {\"city\": \"Os", "lo\", \"n\": [1, 2.5]}}", "\n ",
               "</tool_call>"});
  const std::vector<Json> objects = lines(post("/api/chat", body(kTools)).body);
  std::string content;
  Json calls = Json::array();
  for (const Json& o : objects) {
    EXPECT_EQ(o["message"]["role"], "assistant");
    content += o["message"]["content"].get<std::string>();
    if (!o["message"].contains("tool_calls")) continue;
    EXPECT_EQ(o["message"]["content"], "");
    for (const Json& call : o["message"]["tool_calls"]) calls.push_back(call);
  }
  EXPECT_EQ(content, "I look.");
  ASSERT_EQ(calls.size(), 1u) << objects.back().dump();
  EXPECT_TRUE(std::regex_match(calls[0]["id"].get<std::string>(), std::regex("call_[a-z0-9]{8}")));
  EXPECT_EQ(calls[0]["function"]["index"], 0);
  EXPECT_EQ(calls[0]["function"]["name"], "get_weather");
  EXPECT_EQ(calls[0]["function"]["arguments"], Json::parse(R"({"city":"Oslo","n":[1,2.5]})"));
  EXPECT_EQ(objects.back()["done"], true);
  EXPECT_EQ(objects.back()["done_reason"], "stop");
}

TEST_F(ToolsTest, CallsInASingleReply) {
  answer_with({"<tool_call>", "{\"name\": \"a\"}", "</tool_call>", "\n<tool_call>{\"name\": \"b\"",
               "}</tool_call>"});
  const Json j = post_json("/api/chat", body(std::string(kTools) + R"(,"stream":false)"));
  const Json& calls = j["message"]["tool_calls"];
  ASSERT_EQ(calls.size(), 2u) << j.dump();
  EXPECT_EQ(j["message"]["content"], "");
  EXPECT_EQ(calls[0]["function"]["name"], "a");
  EXPECT_EQ(calls[1]["function"]["name"], "b");
  EXPECT_EQ(calls[1]["function"]["index"], 1);
  EXPECT_NE(calls[0]["id"], calls[1]["id"]);
  EXPECT_EQ(j["done_reason"], "stop");
}

TEST_F(ToolsTest, WithoutToolsNothingIsACall) {
  answer_with({"x <tool_call>{\"name\": \"a\"}", "</tool_call> y"});
  const Json j = post_json("/api/chat", body(R"("stream":false)"));
  EXPECT_FALSE(j["message"].contains("tool_calls"));
  EXPECT_EQ(j["message"]["content"], "x <tool_call>{\"name\": \"a\"}</tool_call> y");
  const Json empty = post_json("/api/chat", body(R"("stream":false,"tools":[])"));
  EXPECT_EQ(empty["message"]["content"], j["message"]["content"]);
}

TEST_F(ToolsTest, TextThatIsNoCallIsContent) {
  answer_with({"<tool_call>", "{\"name\": oops}", "</tool_call>", " sorry"});
  const Json j = post_json("/api/chat", body(std::string(kTools) + R"(,"stream":false)"));
  EXPECT_FALSE(j["message"].contains("tool_calls"));
  EXPECT_EQ(j["message"]["content"], "<tool_call>{\"name\": oops}</tool_call> sorry");
}

TEST_F(ToolsTest, ChannelsOfHarmony) {
  answer_with({"<|channel|>", "analysis", "<|message|>", "Hm<|end|>", "<|start|>",
               "assistant<|channel|>commentary",
               " to=functions.get_weather <|constrain|>json<|message|>", "{\"city\":\"Oslo\"}"},
              "{% for m in messages %}<|start|>{{ m.role }}<|channel|>final<|message|>{{ m.content "
              "}}{% endfor %}"
              "{% if tools %}{{ tools | tojson }}{% endif %}<|start|>assistant{{ '\\n' }}");
  const Json j = post_json("/api/chat", body(std::string(kTools) + R"(,"stream":false)"));
  EXPECT_EQ(j["message"]["thinking"], "Hm") << j.dump();
  EXPECT_EQ(j["message"]["content"], "");
  EXPECT_EQ(j["message"]["tool_calls"][0]["function"]["arguments"]["city"], "Oslo");
}

TEST_F(ToolsTest, ThinkingThenACall) {
  const std::string layout =
      std::string(testing::kTinyThinkingTemplate) + "{# tools <tool_call> #}";
  answer_with({"Why", " not", "</think>", "\n<tool_call>{\"name\": \"a\"}</tool_call>"},
              layout.c_str());
  const std::vector<Json> objects = lines(post("/api/chat", body(kTools)).body);
  std::string thinking;
  int calls = 0;
  for (const Json& o : objects) {
    EXPECT_EQ(o["message"]["content"], "");
    thinking += o["message"].value("thinking", "");
    if (o["message"].contains("tool_calls")) {
      ++calls;
      EXPECT_EQ(thinking, "Why not");
    }
  }
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace engine
