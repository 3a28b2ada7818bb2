// POST /v1/responses. Numbers: checks of the list of conformance.
#include "server/openai/responses.h"

#include "tests/server/events.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

class ResponsesTest : public ServerTest {
 protected:
  static std::string request(const std::string& rest, const std::string& model = "M") {
    return R"({"model":")" + model + R"(","temperature":0,"max_output_tokens":12,)" + rest + "}";
  }
  Json ask(const std::string& rest, const std::string& model = "M") {
    return post_json("/v1/responses", request(rest, model));
  }
  std::string oerr(const std::string& rest, int status = 400) {
    const Json j = post_json("/v1/responses", request(rest), status);
    return j.is_object() && j["error"].is_object() ? j["error"]["message"].get<std::string>() : "";
  }
  static Json translated(const std::string& rest) {
    const Result<Json> body = parse_json(request(rest));
    if (!body) return {};
    Result<Json> native = openai::native_response_request(*body);
    EXPECT_TRUE(native) << rest << "\n" << native.error().message;
    return native ? *native : Json();
  }
};

std::vector<Json> events_of(const std::string& body) {
  std::vector<Json> out;
  for (const auto& e : testing::parse_events(body)) {
    const Result<Json> data = parse_json(e.data);
    EXPECT_TRUE(data) << e.data;
    if (!data) continue;
    EXPECT_EQ((*data)["type"], e.type);
    EXPECT_EQ((*data)["sequence_number"], out.size());
    out.push_back(*data);
  }
  return out;
}

TEST_F(ResponsesTest, Check235Single) {
  const Json j = ask(R"("input":"hi","instructions":"be brief")");
  EXPECT_EQ(j["object"], "response");
  EXPECT_TRUE(j["id"].get<std::string>().starts_with("resp_"));
  EXPECT_EQ(j["status"], "incomplete") << "the limit ended it";
  EXPECT_EQ(j["incomplete_details"], Json::parse(R"({"reason":"max_output_tokens"})"));
  EXPECT_EQ(j["instructions"], "be brief");
  EXPECT_EQ(j["max_output_tokens"], 12);
  EXPECT_EQ(j["temperature"], 0);
  EXPECT_EQ(j["top_p"], 1.0);
  EXPECT_TRUE(j["reasoning"].is_null());
  EXPECT_EQ(j["tools"], Json::array());
  ASSERT_EQ(j["output"].size(), 1u);
  const Json& item = j["output"][0];
  EXPECT_EQ(item["type"], "message");
  EXPECT_EQ(item["status"], "completed");
  EXPECT_EQ(item["content"][0]["type"], "output_text");
  EXPECT_EQ(j["usage"]["output_tokens"], 12);
  EXPECT_EQ(j["usage"]["total_tokens"], j["usage"]["input_tokens"].get<int>() + 12);
  const Json native = post_json(
      "/api/chat",
      R"({"model":"M","stream":false,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi"}],"options":{"temperature":0,"num_predict":12}})");
  EXPECT_EQ(item["content"][0]["text"], native["message"]["content"]);
  EXPECT_EQ(j["usage"]["input_tokens"], native["prompt_eval_count"]);
  const Json thinking = ask(R"("input":"hi","reasoning":{"effort":"low"})", "T");
  EXPECT_EQ(thinking["output"][0]["type"], "reasoning");
  EXPECT_NE(thinking["output"][0]["summary"][0]["text"], "");
  EXPECT_EQ(thinking["output"][1]["type"], "message");
  EXPECT_EQ(thinking["reasoning"], Json::parse(R"({"effort":"low","summary":null})"));
}

TEST_F(ResponsesTest, Check236Stream) {
  const HttpReply r = post("/v1/responses", request(R"("input":"hi","stream":true)"));
  EXPECT_EQ(r.header("content-type"), "text/event-stream");
  EXPECT_EQ(r.body.find("[DONE]"), std::string::npos);
  const std::vector<Json> events = events_of(r.body);
  ASSERT_GE(events.size(), 9u);
  const char* const first[] = {"response.created", "response.in_progress",
                               "response.output_item.added", "response.content_part.added"};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(events[i]["type"], first[i]);
  EXPECT_EQ(events[0]["response"]["status"], "in_progress");
  EXPECT_EQ(events[0]["response"]["output"], Json::array());
  EXPECT_TRUE(events[0]["response"]["usage"].is_null());
  std::string text;
  for (size_t i = 4; i + 4 < events.size(); ++i) {
    EXPECT_EQ(events[i]["type"], "response.output_text.delta");
    EXPECT_EQ(events[i]["item_id"], events[2]["item"]["id"]);
    text += events[i]["delta"];
  }
  const char* const last[] = {"response.output_text.done", "response.content_part.done",
                              "response.output_item.done", "response.incomplete"};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(events[events.size() - 4 + i]["type"], last[i]);
  EXPECT_EQ(events[events.size() - 4]["text"], text);
  const Json& response = events.back()["response"];
  EXPECT_EQ(response["output"][0], events[events.size() - 2]["item"]);
  EXPECT_EQ(response["output"][0]["content"][0]["text"], text);
  EXPECT_EQ(response["usage"]["output_tokens"], 12);
  EXPECT_EQ(text, ask(R"("input":"hi")")["output"][0]["content"][0]["text"]);
}

TEST(ResponsesFormatter, ReasoningIsClosedWhenTextBegins) {
  AnswerInfo info;
  info.split_thinking = info.starts_thinking = true;
  const Result<AnswerForm> form = openai::responses_form(Json::object());
  ASSERT_TRUE(form);
  const std::unique_ptr<Formatter> formatter = form->formatter(info);
  std::string out;
  for (const char* text : {"a", "</think>", "b"}) formatter->write({1, text}, out);
  formatter->done(GenerateStats(), out);
  std::string order;
  for (const Json& e : events_of(out))
    order += e["type"].get<std::string>().substr(9) +
             (e.contains("output_index") ? " " + e["output_index"].dump() : "") + "\n";
  EXPECT_EQ(order,
            "created\nin_progress\noutput_item.added 0\nreasoning_summary_text.delta 0\n"
            "reasoning_summary_text.done 0\noutput_item.done 0\n"
            "output_item.added 1\ncontent_part.added 1\noutput_text.delta 1\noutput_text.done 1\n"
            "content_part.done 1\noutput_item.done 1\ncompleted\n");
  out.clear();
  const std::unique_ptr<Formatter> faulty = form->formatter({});
  faulty->write({1, "a"}, out);
  faulty->failed({Errc::internal, "broken"}, out);
  const Json end = events_of(out).back();
  EXPECT_EQ(end["type"], "response.failed");
  EXPECT_EQ(end["response"]["error"]["message"], "broken");
}

TEST_F(ResponsesTest, Check237Items) {
  const Json native = translated(
      R"("input":[{"role":"user","content":"a"},{"type":"reasoning","encrypted_content":"hm","summary":[]},{"type":"message","role":"assistant","content":[{"type":"output_text","text":"well"}]},{"type":"function_call","call_id":"c1","name":"f","arguments":"{\"x\":1}"},{"type":"function_call_output","call_id":"c1","output":"rain"},{"type":"web_search_call"}],"tools":[{"type":"function","name":"f","parameters":{}},{"type":"namespace","name":"n","tools":[{"type":"function","name":"g"}]},{"type":"web_search"}])");
  EXPECT_EQ(
      native["messages"],
      Json::parse(
          R"([{"role":"user","content":"a"},{"role":"assistant","content":"well","thinking":"hm","tool_calls":[{"id":"c1","function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","content":"rain","tool_call_id":"c1","tool_name":"f"}])"));
  EXPECT_EQ(
      native["tools"],
      Json::parse(
          R"([{"type":"function","function":{"name":"f","parameters":{}}},{"type":"function","function":{"name":"n.g"}}])"));
  ask(R"("input":[{"role":"user","content":"a"},{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"rain"}]}])");
}

TEST_F(ResponsesTest, StructuredOutput) {
  const Json j =
      ask(R"("input":"a","text":{"format":{"type":"json_schema","schema":{"type":"boolean"}}})");
  const std::string text = j["output"][0]["content"][0]["text"].get<std::string>();
  const Result<Json> value = parse_json(text);
  ASSERT_TRUE(value) << text;
  EXPECT_TRUE(value->is_boolean()) << text;
  EXPECT_EQ(j["status"], "completed");
  EXPECT_NE(oerr(R"("input":"a","text":{"format":{"type":"json_schema","schema":{"type":"zzz"}}})"),
            "");
}

TEST_F(ResponsesTest, Check238And239Errors) {
  EXPECT_TRUE(oerr(R"("input":[{"type":"zzz"}])").ends_with("unknown input item type: \"zzz\""));
  EXPECT_TRUE(oerr(R"("input":[{}])").ends_with("input item missing required 'type' field"));
  EXPECT_NE(oerr(R"("input":[{"role":"user","content":[{"type":"input_file"}]}])")
                .find("file inputs are not currently supported"),
            std::string::npos);
  EXPECT_TRUE(oerr(R"("input":[{"role":"user","content":[{"type":"zzz"}]}])")
                  .ends_with("unknown content type: zzz"));
  EXPECT_NE(oerr(R"("input":[{"type":"function_call","arguments":"x"}])")
                .find("failed to parse function call arguments: "),
            std::string::npos);
  EXPECT_EQ(oerr(R"("stream":false)"), "input is required");
  EXPECT_EQ(oerr(R"("input":[])"), "input is required");
  EXPECT_TRUE(oerr(R"("input":5)").starts_with("input must be a string or array: "));
  EXPECT_NE(oerr(R"("input":[5])"), "");
  EXPECT_NE(oerr(R"("input":"a","tool_choice":"required")"), "");
  EXPECT_TRUE(
      oerr(
          R"("input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}])")
          .ends_with("does not support vision"));
  EXPECT_EQ(post_json("/v1/responses", R"({"input":"a"})", 400)["error"]["message"],
            "model is required");
}

}  // namespace
}  // namespace engine
