// The Anthropic API: messages, event streams, counting of tokens.
// Numbers: checks of the list of conformance.
#include "server/anthropic/formatter.h"
#include "server/anthropic/request.h"
#include "tests/server/events.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;
using testing::ServerEvent;

const char* const kHi = R"("messages":[{"role":"user","content":"hi"}])";

class AnthropicTest : public ServerTest {
 protected:
  static std::string request(const std::string& rest, const std::string& model = "M") {
    return R"({"model":")" + model + R"(","max_tokens":12,"temperature":0,)" + rest + "}";
  }
  Json ask(const std::string& rest, const std::string& model = "M") {
    return post_json("/v1/messages", request(rest, model));
  }
  std::string aerr(const std::string& body, int status = 400,
                   const std::string& path = "/v1/messages") {
    const HttpReply r = post(path, body);
    EXPECT_EQ(r.status, status) << body << "\n" << r.body;
    EXPECT_EQ(r.header("content-type"), "application/json");
    const Json j = parse(r.body);
    EXPECT_EQ(j["type"], "error");
    EXPECT_EQ(j["request_id"].get<std::string>().size(), 28u);
    EXPECT_EQ(j["error"]["type"], status == 400   ? "invalid_request_error"
                                  : status == 403 ? "permission_error"
                                  : status == 404 ? "not_found_error"
                                                  : "api_error");
    return j["error"]["message"];
  }
  std::vector<Json> stream(const std::string& rest, const std::string& model = "M") {
    const HttpReply r = post("/v1/messages", request(R"("stream":true,)" + rest, model));
    EXPECT_EQ(r.status, 200) << r.body;
    EXPECT_EQ(r.header("content-type"), "text/event-stream");
    EXPECT_EQ(r.header("cache-control"), "no-cache");
    std::vector<Json> out;
    for (const ServerEvent& e : testing::parse_events(r.body)) {
      out.push_back(parse(e.data));
      EXPECT_EQ(out.back()["type"], e.type);
    }
    return out;
  }
  // The messages of a request as the template gets them.
  static Json translated(const std::string& rest) {
    const Result<Json> body = parse_json(request(rest));
    if (!body) return {};
    Result<Json> native = anthropic::native_chat(*body, false);
    EXPECT_TRUE(native) << rest;
    return native ? *native : Json();
  }
};

TEST_F(AnthropicTest, Check241Single) {
  const Json j = ask(kHi);
  EXPECT_TRUE(j["id"].get<std::string>().starts_with("msg_"));
  EXPECT_EQ(j["type"], "message");
  EXPECT_EQ(j["role"], "assistant");
  EXPECT_EQ(j["model"], "M");
  ASSERT_EQ(j["content"].size(), 1u);
  EXPECT_EQ(j["content"][0]["type"], "text");
  EXPECT_EQ(j["stop_reason"], "max_tokens");
  EXPECT_TRUE(j["stop_sequence"].is_null());
  EXPECT_EQ(j["usage"]["output_tokens"], 12);
  const Json native =
      post_json("/api/chat", std::string(R"({"model":"M","stream":false,)") + kHi +
                                 R"(,"options":{"temperature":0,"num_predict":12}})");
  EXPECT_EQ(j["content"][0]["text"], native["message"]["content"]);
  EXPECT_EQ(j["usage"]["input_tokens"], native["prompt_eval_count"]);
}

TEST_F(AnthropicTest, Check242To244Errors) {
  EXPECT_EQ(aerr("{}"), "model is required");
  EXPECT_EQ(aerr(""), "EOF");
  EXPECT_EQ(aerr(std::string(R"({"model":"M",)") + kHi + "}"),
            "max_tokens is required and must be positive");
  EXPECT_EQ(aerr(std::string(R"({"model":"M","max_tokens":0,)") + kHi + "}"),
            "max_tokens is required and must be positive");
  EXPECT_EQ(aerr(R"({"model":"M","max_tokens":5})"), "messages is required");
  EXPECT_EQ(aerr(request(kHi, "X"), 404), "model 'X' not found");
  EXPECT_NE(aerr(request(kHi, "M:cloud"), 403), "");
  EXPECT_NE(aerr(request(kHi, "B"), 500), "");
  EXPECT_NE(aerr(request(R"("messages":[5])")), "");
  EXPECT_NE(aerr(request(R"("messages":[{"role":"user","content":5}])")), "");
  EXPECT_NE(aerr(request(R"("messages":[{"role":"user","content":[5]}])")), "");
  EXPECT_NE(aerr(request(std::string(R"("stop_sequences":[5],)") + kHi)), "");
}

TEST_F(AnthropicTest, Check245Stream) {
  const std::vector<Json> events = stream(kHi);
  ASSERT_GE(events.size(), 6u);
  EXPECT_EQ(events[0]["type"], "message_start");
  EXPECT_EQ(events[0]["message"]["content"], Json::array());
  EXPECT_GT(events[0]["message"]["usage"]["input_tokens"], 0);
  EXPECT_EQ(events[0]["message"]["usage"]["output_tokens"], 0);
  EXPECT_EQ(
      events[1],
      Json::parse(
          R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"));
  std::string text;
  for (size_t i = 2; i + 3 < events.size(); ++i) {
    EXPECT_EQ(events[i]["type"], "content_block_delta");
    EXPECT_EQ(events[i]["delta"]["type"], "text_delta");
    text += events[i]["delta"]["text"];
  }
  const Json whole = ask(kHi);
  EXPECT_EQ(text, whole["content"][0]["text"]);
  EXPECT_EQ(events[events.size() - 3], Json::parse(R"({"type":"content_block_stop","index":0})"));
  const Json& delta = events[events.size() - 2];
  EXPECT_EQ(delta["type"], "message_delta");
  EXPECT_EQ(delta["delta"]["stop_reason"], "max_tokens");
  EXPECT_EQ(delta["usage"], whole["usage"]);
  EXPECT_EQ(events.back(), Json::parse(R"({"type":"message_stop"})"));
}

TEST(AnthropicFormatter, Check246ThinkingIsABlockOfItsOwn) {
  AnswerInfo info;
  info.model = "T";
  info.split_thinking = info.starts_thinking = true;
  info.prompt_tokens = 7;
  const std::unique_ptr<Formatter> formatter = anthropic::messages_form().formatter(info);
  std::string out;
  for (const char* text : {"I ", "think", "</think>", "yes"}) formatter->write({1, text}, out);
  formatter->done(GenerateStats(), out);
  std::string order;
  for (const ServerEvent& e : testing::parse_events(out)) {
    const Result<Json> data = parse_json(e.data);
    ASSERT_TRUE(data);
    order += e.type;
    if (data->contains("index")) order += " " + (*data)["index"].dump();
    if (data->contains("delta") && (*data)["delta"].contains("type"))
      order += " " + (*data)["delta"]["type"].get<std::string>();
    order += "\n";
  }
  EXPECT_EQ(order,
            "message_start\n"
            "content_block_start 0\ncontent_block_delta 0 thinking_delta\n"
            "content_block_delta 0 thinking_delta\ncontent_block_stop 0\n"
            "content_block_start 1\ncontent_block_delta 1 text_delta\ncontent_block_stop 1\n"
            "message_delta\nmessage_stop\n");
}

TEST(AnthropicFormatter, FaultsAreEvents) {
  const std::unique_ptr<Formatter> formatter = anthropic::messages_form().formatter({});
  std::string out;
  formatter->write({1, "a"}, out);
  formatter->failed({Errc::internal, "broken"}, out);
  const auto events = testing::parse_events(out);
  EXPECT_EQ(events.back().type, "error");
  EXPECT_EQ(events.back().data,
            R"({"type":"error","error":{"type":"api_error","message":"broken"}})");
}

TEST_F(AnthropicTest, Check248ToolResultsComeFirst) {
  const Json native = translated(
      R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"x"},{"type":"text","text":"well"},{"type":"tool_use","id":"t1","name":"weather","input":{"city":"Oslo"}}]},{"role":"user","content":[{"type":"text","text":"and?"},{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"rain"}]}]}])");
  EXPECT_EQ(
      native["messages"],
      Json::parse(
          R"([{"role":"user","content":"a"},{"role":"assistant","content":"well","thinking":"hm","tool_calls":[{"id":"t1","function":{"name":"weather","arguments":{"city":"Oslo"}}}]},{"role":"tool","content":"rain","tool_call_id":"t1","tool_name":"weather"},{"role":"user","content":"and?"}])"));
  ask(R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1"}]}])");
  const auto error = [&](const std::string& block) {
    return aerr(request(R"("messages":[{"role":"user","content":[)" + block + "]}]"));
  };
  EXPECT_EQ(error(R"({"type":"tool_use","name":"f"})"),
            "tool_use block missing required 'id' field");
  EXPECT_EQ(error(R"({"type":"tool_use","id":"t"})"),
            "tool_use block missing required 'name' field");
  EXPECT_EQ(error(R"({"type":"tool_result","content":[{"type":"image"}]})"),
            "invalid tool_result image source");
}

TEST_F(AnthropicTest, Check249Images) {
  const auto error = [&](const std::string& source) {
    return aerr(request(R"("messages":[{"role":"user","content":[{"type":"image","source":)" +
                        source + "}]}]"));
  };
  EXPECT_EQ(error(R"({"type":"url","url":"http://a"})"),
            "invalid image source type: url. Only base64 images are supported.");
  EXPECT_EQ(error("5"), "invalid image source");
  EXPECT_EQ(error(R"({"type":"base64","data":"%%"})"),
            "invalid base64 image data: illegal base64 data");
  EXPECT_TRUE(error(R"({"type":"base64","media_type":"image/png","data":"AAAA"})")
                  .ends_with("does not support vision"));
}

TEST_F(AnthropicTest, Check250Thinking) {
  ask(std::string(R"("thinking":{"type":"enabled","budget_tokens":1024},)") + kHi);
  const Json on = ask(kHi, "T");
  ASSERT_EQ(on["content"].size(), 1u);
  EXPECT_EQ(on["content"][0]["type"], "thinking");
  const Json off = ask(std::string(R"("thinking":{"type":"disabled"},)") + kHi, "T");
  EXPECT_EQ(off["content"][0]["type"], "text");
  EXPECT_EQ(translated(std::string(R"("output_config":{"effort":"xhigh"},)") + kHi)["think"],
            "high");
}

TEST_F(AnthropicTest, Check251StopSequences) {
  const std::string text = ask(kHi)["content"][0]["text"];
  size_t at = text.size() / 2;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) < 0x20 || text[at] & 0x80)) ++at;
  ASSERT_LT(at, text.size());
  const std::string stop = text.substr(at, 1);
  const Json j = ask(R"("stop_sequences":["never there",)" + Json(stop).dump() + "]," + kHi);
  EXPECT_EQ(j["stop_reason"], "stop_sequence");
  EXPECT_EQ(j["stop_sequence"], stop);
}

TEST_F(AnthropicTest, Check252System) {
  EXPECT_EQ(
      translated(
          std::string(
              R"("system":[{"type":"text","text":"one "},{"type":"text","text":"two","cache_control":{}}],)") +
          kHi)["messages"][0],
      Json::parse(R"({"role":"system","content":"one two"})"));
  EXPECT_EQ(translated(std::string(R"("system":"s",)") + kHi)["messages"][0]["content"], "s");
  EXPECT_NE(aerr(request(std::string(R"("system":5,)") + kHi)), "");
}

TEST_F(AnthropicTest, Tools) {
  const std::string tools =
      R"("tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"f","description":"d","input_schema":{"type":"object"}}],)";
  EXPECT_EQ(
      translated(tools + kHi)["tools"],
      Json::parse(
          R"([{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}])"));
  EXPECT_EQ(translated(R"("tool_choice":{"type":"none"},)" + tools + kHi)["tool_choice"], "none");
  EXPECT_EQ(translated(R"("tool_choice":{"type":"any"},)" + tools + kHi)["tool_choice"],
            "required");
  EXPECT_EQ(aerr(request(std::string(R"("tools":[{"name":"f","input_schema":5}],)") + kHi)),
            "invalid input_schema for tool \"f\": expected object");
}

TEST_F(AnthropicTest, Check253And254CountTokens) {
  const std::string rest = std::string(R"("system":"be brief",)") + kHi;
  const Json j = post_json("/v1/messages/count_tokens", R"({"model":"M",)" + rest + "}");
  EXPECT_EQ(j.size(), 1u);
  const HttpReply r = testing::http(port(), "POST", "/v1/messages?beta=true", request(rest));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(j["input_tokens"], parse(r.body)["usage"]["input_tokens"]);
  EXPECT_EQ(aerr("{}", 400, "/v1/messages/count_tokens"), "model is required");
}

}  // namespace
}  // namespace engine
