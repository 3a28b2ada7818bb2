// Calls of tools in the answers of all APIs, on models that always give the same answer.
#include <regex>

#include "tests/server/events.h"
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
                   const char* layout = testing::kTinyTemplate, const char* go = "") {
    testing::TinyModel tiny;
    tiny.chat_template = layout;
    tiny.script = pieces;
    tiny.endless = false;
    add("C", tiny, "", "", go);
  }
  void answer_with_a_call() {
    answer_with({"Look.", "<tool_call>", "{\"name\": \"get_weather\", \"arg",
                 "uments\": {\"city\": \"Oslo\"}}", "</tool_call>"});
  }
  std::vector<Json> events(const std::string& path, const std::string& body) {
    std::vector<Json> out;
    for (const testing::ServerEvent& e : testing::parse_events(post(path, body).body))
      if (e.data != "[DONE]") out.push_back(parse(e.data));
    return out;
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

TEST_F(ToolsTest, TokensOfTheReasoning) {
  answer_with({"Why", " not", "?\n", "</think>", "\n\n", "So", "."},
              testing::kTinyThinkingTemplate);
  const std::string chat =
      R"({"model":"C","temperature":0,"messages":[{"role":"user","content":"hi"}])";
  const Json whole = post_json("/v1/chat/completions", chat + "}");
  EXPECT_EQ(whole["choices"][0]["message"]["reasoning"], "Why not?");
  EXPECT_EQ(whole["usage"]["completion_tokens_details"]["reasoning_tokens"], 3) << whole.dump();
  const std::vector<Json> stream = events(
      "/v1/chat/completions", chat + R"(,"stream":true,"stream_options":{"include_usage":true}})");
  EXPECT_EQ(stream.back()["usage"], whole["usage"]);
  const Json off = post_json("/v1/chat/completions", chat + R"(,"reasoning_effort":"none"})");
  EXPECT_EQ(off["usage"]["completion_tokens_details"]["reasoning_tokens"], 0);
  const std::string ask = R"({"model":"C","temperature":0,"input":"hi")";
  const Json response = post_json("/v1/responses", ask + "}");
  EXPECT_EQ(response["usage"]["output_tokens_details"]["reasoning_tokens"], 3) << response.dump();
  EXPECT_EQ(events("/v1/responses", ask + R"(,"stream":true})").back()["response"]["usage"],
            response["usage"]);
}

TEST_F(ToolsTest, NamesOfHarmony) {
  answer_with({"<|channel|>", "commentary", " to=functions.get_weather", "<|message|>", "{}"},
              "{% for m in messages %}<|start|>{{ m.role }}<|channel|>final<|message|>{{ m.content "
              "}}{% endfor %}"
              "{% if tools %}{{ tools | tojson }}{% endif %}<|start|>assistant{{ '\\n' }}");
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"get-weather"}}])";
  const Json j = post_json("/api/chat", body(tools + R"(,"stream":false)"));
  EXPECT_EQ(j["message"]["tool_calls"][0]["function"]["name"], "get-weather") << j.dump();
  const Json prompt = post_json("/api/chat", body(tools + R"(,"_debug_render_only":true)"));
  const std::string text = prompt["_debug_info"]["rendered_template"];
  EXPECT_NE(text.find("get_weather"), std::string::npos);
  EXPECT_EQ(text.find("get-weather"), std::string::npos);
}

TEST_F(ToolsTest, TagsOfAGoTemplate) {
  answer_with(
      {"<call>", "{\"name\": \"get_weather\", \"arguments\": ", "{\"city\": \"Oslo\"}}"}, "",
      "{{ range .Messages }}{{ .Content }}{{ if .ToolCalls }}<call>{{ range .ToolCalls }}"
      "{{ .Function.Name }}{{ end }}{{ end }}{{ end }}{{ if .Tools }}{{ .Tools }}\n{{ end }}");
  const Json j = post_json("/api/chat", body(std::string(kTools) + R"(,"stream":false)"));
  ASSERT_TRUE(j["message"].contains("tool_calls")) << j.dump();
  EXPECT_EQ(j["message"]["tool_calls"][0]["function"]["arguments"]["city"], "Oslo");
  EXPECT_EQ(j["message"]["content"], "");
}

TEST_F(ToolsTest, Check215CallsOfChatCompletions) {
  answer_with_a_call();
  const std::string ask = std::string(R"({"model":"C","temperature":0,"messages":[)") +
                          R"({"role":"user","content":"weather?"}],)" + kTools;
  const Json whole = post_json("/v1/chat/completions", ask + "}")["choices"][0];
  EXPECT_EQ(whole["finish_reason"], "tool_calls") << whole.dump();
  EXPECT_EQ(whole["message"]["content"], "Look.");
  const auto check = [](Json call) {
    EXPECT_TRUE(std::regex_match(call["id"].get<std::string>(), std::regex("call_[a-z0-9]{8}")));
    call.erase("id");
    EXPECT_EQ(
        call,
        Json::parse(
            R"({"index":0,"type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}})"));
  };
  ASSERT_EQ(whole["message"]["tool_calls"].size(), 1u);
  check(whole["message"]["tool_calls"][0]);

  int deltas = 0;
  Json reason;
  for (const Json& e : events("/v1/chat/completions", ask + R"(,"stream":true})")) {
    const Json& choice = e["choices"][0];
    if (!choice["finish_reason"].is_null()) reason = choice["finish_reason"];
    if (!choice["delta"].contains("tool_calls")) continue;
    ++deltas;
    EXPECT_EQ(choice["delta"]["content"], "");
    check(choice["delta"]["tool_calls"][0]);
  }
  EXPECT_EQ(deltas, 1);
  EXPECT_EQ(reason, "tool_calls");
}

TEST_F(ToolsTest, Check237ItemsOfResponses) {
  answer_with_a_call();
  const std::string ask =
      R"({"model":"C","temperature":0,"input":"weather?","tools":[{"type":"function","name":"get_weather"}])";
  const Json output = post_json("/v1/responses", ask + "}")["output"];
  ASSERT_EQ(output.size(), 2u) << output.dump();
  EXPECT_EQ(output[0]["content"][0]["text"], "Look.");
  EXPECT_EQ(output[1]["type"], "function_call");
  EXPECT_EQ(output[1]["name"], "get_weather");
  EXPECT_EQ(output[1]["arguments"], R"({"city":"Oslo"})");
  EXPECT_EQ(output[1]["status"], "completed");
  EXPECT_TRUE(output[1]["call_id"].get<std::string>().starts_with("call_"));
  std::string order;
  const std::vector<Json> stream = events("/v1/responses", ask + R"(,"stream":true})");
  for (const Json& e : stream)
    if (e.value("output_index", 0) == 1) order += e["type"].get<std::string>().substr(9) + "\n";
  EXPECT_EQ(order,
            "output_item.added\nfunction_call_arguments.delta\nfunction_call_arguments.done\n"
            "output_item.done\n");
  EXPECT_EQ(stream.back()["type"], "response.completed");
  EXPECT_EQ(stream.back()["response"]["output"].size(), 2u);
}

TEST_F(ToolsTest, Check247BlocksOfMessages) {
  answer_with_a_call();
  const std::string ask =
      R"({"model":"C","max_tokens":50,"temperature":0,"messages":[{"role":"user","content":"weather?"}],"tools":[{"name":"get_weather","input_schema":{"type":"object"}}])";
  const Json whole = post_json("/v1/messages", ask + "}");
  EXPECT_EQ(whole["stop_reason"], "tool_use");
  ASSERT_EQ(whole["content"].size(), 2u) << whole.dump();
  EXPECT_EQ(whole["content"][0]["text"], "Look.");
  EXPECT_EQ(whole["content"][1]["type"], "tool_use");
  EXPECT_EQ(whole["content"][1]["input"], Json::parse(R"({"city":"Oslo"})"));

  std::vector<Json> of_call;
  const std::vector<Json> stream = events("/v1/messages", ask + R"(,"stream":true})");
  for (const Json& e : stream)
    if (e.value("index", 0) == 1) of_call.push_back(e);
  ASSERT_EQ(of_call.size(), 3u) << Json(stream).dump();
  EXPECT_EQ(of_call[0]["content_block"]["type"], "tool_use");
  EXPECT_EQ(of_call[0]["content_block"]["name"], "get_weather");
  EXPECT_EQ(of_call[0]["content_block"]["input"], Json::object());
  EXPECT_EQ(of_call[1]["delta"],
            Json::parse(R"({"type":"input_json_delta","partial_json":"{\"city\":\"Oslo\"}"})"));
  EXPECT_EQ(of_call[2]["type"], "content_block_stop");
  EXPECT_EQ(stream[stream.size() - 2]["delta"]["stop_reason"], "tool_use");
}

}  // namespace
}  // namespace engine
