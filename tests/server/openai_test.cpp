// The OpenAI API: chat completions, completions, models. Numbers: checks of the list of conformance.
#include "server/openai/formatter.h"
#include "tests/server/events.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

const char* const kHi = R"("messages":[{"role":"user","content":"hi"}])";

class OpenAiTest : public ServerTest {
 protected:
  // Greedy, twelve tokens.
  static std::string chat(const std::string& rest, const std::string& model = "M") {
    return R"({"model":")" + model + R"(","temperature":0,"max_tokens":12,)" + rest + "}";
  }
  Json ask(const std::string& rest, const std::string& model = "M", int status = 200) {
    return post_json("/v1/chat/completions", chat(rest, model), status);
  }
  // The message of an error object of this API.
  std::string oerr(const std::string& path, const std::string& body, int status) {
    const HttpReply r = post(path, body);
    EXPECT_EQ(r.status, status) << body << "\n" << r.body;
    EXPECT_EQ(r.header("content-type"), "application/json") << body;
    EXPECT_TRUE(r.body.ends_with('\n'));
    const Json j = parse(r.body);
    if (!j.is_object() || !j.contains("error") || !j["error"].is_object()) return {};
    EXPECT_EQ(j["error"]["type"], status == 400   ? "invalid_request_error"
                                  : status == 404 ? "not_found_error"
                                                  : "api_error");
    EXPECT_TRUE(j["error"].contains("param") && j["error"]["param"].is_null());
    EXPECT_TRUE(j["error"].contains("code") && j["error"]["code"].is_null());
    return j["error"]["message"];
  }
  std::string chat_error(const std::string& rest, int status = 400) {
    return oerr("/v1/chat/completions", chat(rest), status);
  }
  std::vector<Json> stream(const std::string& path, const std::string& body) {
    const HttpReply r = post(path, body);
    EXPECT_EQ(r.status, 200) << r.body;
    EXPECT_EQ(r.header("content-type"), "text/event-stream");
    EXPECT_EQ(r.header("cache-control"), "no-cache");
    std::vector<Json> out;
    const auto events = testing::parse_events(r.body);
    EXPECT_FALSE(events.empty());
    for (const auto& e : events) {
      EXPECT_EQ(e.type, "");
      if (&e != &events.back())
        out.push_back(parse(e.data));
      else
        EXPECT_EQ(e.data, "[DONE]");
    }
    return out;
  }
  std::vector<Json> chat_stream(const std::string& rest, const std::string& model = "M") {
    return stream("/v1/chat/completions", chat(R"("stream":true,)" + rest, model));
  }
};

std::string content_of(const std::vector<Json>& chunks, const char* key) {
  std::string out;
  for (const Json& c : chunks)
    for (const Json& choice : c["choices"])
      if (choice["delta"].contains(key)) out += choice["delta"][key].get<std::string>();
  return out;
}

TEST_F(OpenAiTest, Check200To202Models) {
  const HttpReply r = get("/v1/models");
  EXPECT_EQ(r.header("content-type"), "application/json");
  const Json list = parse(r.body);
  EXPECT_EQ(list["object"], "list");
  ASSERT_GE(list["data"].size(), 4u);
  for (const Json& m : list["data"]) {
    EXPECT_TRUE(m["id"].get<std::string>().ends_with(":latest")) << m;
    EXPECT_EQ(m["object"], "model");
    EXPECT_EQ(m["owned_by"], "library");
    EXPECT_GT(m["created"].get<int64_t>(), 1'600'000'000);
  }
  EXPECT_EQ(parse(get("/v1/models/M").body)["id"], "M");
  EXPECT_EQ(parse(get("/v1/models/library%2FM:latest").body)["id"], "library/M:latest");
  EXPECT_EQ(parse(get("/v1/models/library/M:latest").body)["owned_by"], "library");
  const HttpReply missing = get("/v1/models/X");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(parse(missing.body),
            Json::parse(R"({"error":{"message":"model 'X:latest' not found",)"
                        R"("type":"not_found_error","param":null,"code":null}})"));
  EXPECT_EQ(get("/v1/models/").status, 404);
  EXPECT_EQ(get("/v1/models/%00%zz").status, 400);
  start([](ServerOptions& o) { o.store_root += "/none"; });
  EXPECT_EQ(parse(get("/v1/models").body)["data"], Json::array());
}

TEST_F(OpenAiTest, Check25AnyKeyIsAccepted) {
  EXPECT_EQ(testing::http(port(), "GET", "/v1/models", {}, "Authorization: Bearer x\r\n").status,
            200);
}

TEST_F(OpenAiTest, Check203Single) {
  const HttpReply r = post("/v1/chat/completions", chat(kHi));
  EXPECT_EQ(r.header("content-type"), "application/json");
  const Json j = parse(r.body);
  EXPECT_EQ(j["object"], "chat.completion");
  EXPECT_EQ(j["model"], "M");
  EXPECT_EQ(j["system_fingerprint"], "fp_ollama");
  EXPECT_TRUE(j["id"].get<std::string>().starts_with("chatcmpl-"));
  ASSERT_EQ(j["choices"].size(), 1u);
  const Json& choice = j["choices"][0];
  EXPECT_EQ(choice["index"], 0);
  EXPECT_EQ(choice["message"]["role"], "assistant");
  EXPECT_EQ(choice["finish_reason"], "length");
  EXPECT_EQ(j["usage"]["completion_tokens"], 12);
  EXPECT_EQ(j["usage"]["total_tokens"], j["usage"]["prompt_tokens"].get<int>() + 12);
  const Json native =
      post_json("/api/chat", std::string(R"({"model":"M","stream":false,)") + kHi +
                                 R"(,"options":{"temperature":0,"top_p":1,"num_predict":12}})");
  EXPECT_EQ(choice["message"]["content"], native["message"]["content"]);
  EXPECT_EQ(j["usage"]["prompt_tokens"], native["prompt_eval_count"]);
}

TEST_F(OpenAiTest, Check204To206Errors) {
  const std::string path = "/v1/chat/completions";
  EXPECT_EQ(oerr(path, "{}", 400), "[] is too short - 'messages'");
  EXPECT_EQ(oerr(path, std::string(R"({"model":"",)") + kHi + "}", 400), "model is required");
  EXPECT_EQ(oerr(path, std::string(R"({"model":"X",)") + kHi + "}", 404), "model 'X' not found");
  EXPECT_EQ(oerr(path, "", 400), "EOF");
  EXPECT_NE(oerr(path, "{\"model\":", 400), "");
  EXPECT_NE(oerr(path, std::string(R"({"model":"M:cloud",)") + kHi + "}", 403), "");
  EXPECT_EQ(oerr(path, std::string(R"({"model":"E",)") + kHi + "}", 400),
            "\"E\" does not support chat");
  EXPECT_NE(oerr(path, std::string(R"({"model":"B",)") + kHi + "}", 500), "");
  EXPECT_EQ(chat_error(std::string(R"("n":2,)") + kHi), "only n = 1 is supported");
  EXPECT_EQ(chat_error(std::string(R"("top_p":"x",)") + kHi), "field \"top_p\": expected number");
  EXPECT_EQ(chat_error(std::string(R"("options":{"top_k":"x"},)") + kHi),
            "option \"top_k\" must be of type integer");
  EXPECT_EQ(get(path).status, 405);
}

TEST_F(OpenAiTest, Check207To209Stream) {
  const std::vector<Json> chunks = chat_stream(kHi);
  ASSERT_GE(chunks.size(), 3u);
  for (const Json& c : chunks) {
    EXPECT_EQ(c["object"], "chat.completion.chunk");
    EXPECT_EQ(c["id"], chunks[0]["id"]);
    EXPECT_EQ(c["created"], chunks[0]["created"]);
    EXPECT_FALSE(c.contains("usage"));
    ASSERT_EQ(c["choices"].size(), 1u);
    const Json& choice = c["choices"][0];
    EXPECT_EQ(choice["delta"].contains("role"), &c == &chunks.front());
    ASSERT_TRUE(choice.contains("finish_reason"));
    EXPECT_EQ(choice["finish_reason"].is_null(), &c != &chunks.back());
  }
  EXPECT_EQ(chunks.back()["choices"][0]["delta"], Json::object());
  EXPECT_EQ(chunks.back()["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(content_of(chunks, "content"), ask(kHi)["choices"][0]["message"]["content"]);
}

TEST_F(OpenAiTest, Check210IncludeUsage) {
  const std::vector<Json> chunks =
      chat_stream(std::string(R"("stream_options":{"include_usage":true},)") + kHi);
  ASSERT_GE(chunks.size(), 3u);
  for (size_t i = 0; i + 1 < chunks.size(); ++i) EXPECT_FALSE(chunks[i].contains("usage"));
  EXPECT_EQ(chunks.back()["choices"], Json::array());
  const Json& usage = chunks.back()["usage"];
  EXPECT_EQ(usage["completion_tokens"], 12);
  EXPECT_EQ(usage["total_tokens"], usage["prompt_tokens"].get<int>() + 12);
  EXPECT_NE(chat_error(std::string(R"("stream_options":5,)") + kHi), "");
}

TEST_F(OpenAiTest, AnEmptyAnswerHasARoleAndAnEnd) {
  const std::vector<Json> chunks =
      stream("/v1/chat/completions",
             std::string(R"({"model":"M","max_tokens":0,"stream":true,)") + kHi + "}");
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[0]["choices"][0]["delta"], Json::parse(R"({"role":"assistant","content":""})"));
  EXPECT_EQ(chunks[1]["choices"][0]["finish_reason"], "length");
}

TEST_F(OpenAiTest, Check211Limits) {
  for (const char* limit : {R"("max_tokens":3)", R"("max_completion_tokens":3)",
                            R"("max_tokens":9,"max_completion_tokens":3)"}) {
    const Json j = post_json("/v1/chat/completions",
                             std::string(R"({"model":"M",)") + limit + "," + kHi + "}");
    EXPECT_EQ(j["choices"][0]["finish_reason"], "length");
    EXPECT_EQ(j["usage"]["completion_tokens"], 3) << limit;
  }
}

TEST_F(OpenAiTest, Check212Stop) {
  const std::string text = ask(kHi)["choices"][0]["message"]["content"];
  size_t at = text.size() / 2;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) < 0x20 || text[at] & 0x80)) ++at;
  ASSERT_LT(at, text.size());
  const std::string stop = Json(text.substr(at, 1)).dump();
  for (const std::string& form : {stop, "[5," + stop + "]"}) {
    const Json j = ask(R"("stop":)" + form + "," + kHi);
    EXPECT_EQ(j["choices"][0]["message"]["content"], text.substr(0, text.find(text[at]))) << form;
  }
}

TEST_F(OpenAiTest, Check213StructuredOutput) {
  const Json j = ask(
      std::string(
          R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object",)"
          R"("properties":{"ok":{"type":"boolean"},"n":{"enum":[1,2]}},"required":["ok","n"]}}},)"
          R"("max_tokens":300,)") +
      kHi);
  const std::string text = j["choices"][0]["message"]["content"];
  const Json value = Json::parse(text, nullptr, false);
  ASSERT_TRUE(value.is_object()) << text;
  EXPECT_TRUE(value["ok"].is_boolean() && value["n"].is_number()) << text;
  EXPECT_EQ(j["choices"][0]["finish_reason"], "stop");
  const std::string any =
      ask(std::string(R"("response_format":{"type":" JSON_object "},"max_tokens":5,)") +
          kHi)["choices"][0]["message"]["content"];
  EXPECT_TRUE(any.starts_with("{")) << any;
  EXPECT_NE(
      chat_error(
          std::string(
              R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"not":{}}}},)") +
          kHi)
          .find("\"not\" is not supported"),
      std::string::npos);
}

TEST_F(OpenAiTest, Check224Logprobs) {
  const Json j = ask(std::string(R"("logprobs":true,"top_logprobs":2,"max_tokens":4,)") + kHi);
  const Json& entries = j["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(entries.size(), 4u);
  for (const Json& e : entries) EXPECT_EQ(e["top_logprobs"].size(), 2u);
  const Json completion =
      post_json("/v1/completions", R"({"model":"M","prompt":"a","logprobs":2,"max_tokens":3})");
  EXPECT_EQ(completion["choices"][0]["logprobs"]["content"].size(), 3u);
  EXPECT_EQ(chat_error(std::string(R"("logprobs":true,"top_logprobs":21,)") + kHi),
            "top_logprobs must be between 0 and 20");
  ask(std::string(R"("logit_bias":{},"user":"u","store":true,"metadata":{},)") + kHi);
}

TEST_F(OpenAiTest, Check214TextFormat) {
  ask(std::string(R"("response_format":{"type":"text"},)") + kHi);
  ask(std::string(R"("response_format":{"type":"json_schema"},)") + kHi);
}

TEST_F(OpenAiTest, Check216And217History) {
  const std::string history =
      R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"rain"}])";
  const Json j = ask(history);
  const std::string native =
      R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"name":"weather","arguments":{"city":"Oslo"}}}]},{"role":"tool","tool_call_id":"c1","tool_name":"weather","content":"rain"}])";
  EXPECT_EQ(j["usage"]["prompt_tokens"],
            post_json("/api/chat",
                      R"({"model":"M","stream":false,)" + native + "}")["prompt_eval_count"]);
  for (const char* bad : {"notjson", "[]", "5"})
    EXPECT_EQ(
        chat_error(
            std::string(
                R"("messages":[{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":")") +
            bad + R"("}}]}])"),
        "invalid tool call arguments");
  EXPECT_NE(chat_error(R"("messages":[{"role":"assistant","tool_calls":[5]}])"), "");
  EXPECT_NE(chat_error(R"("messages":[{"role":"assistant","tool_calls":[{}]}])"), "");
}

TEST_F(OpenAiTest, Check218ToolChoice) {
  const std::string tools =
      std::string(R"("tools":[{"type":"function","function":{"name":"f","parameters":{}}}],)") +
      kHi;
  const int without = ask(kHi)["usage"]["prompt_tokens"],
            with = ask(tools)["usage"]["prompt_tokens"];
  EXPECT_GT(with, without) << "tools reach the template";
  EXPECT_EQ(ask(R"("tool_choice":"none",)" + tools)["usage"]["prompt_tokens"], without);
  EXPECT_EQ(ask(R"("tool_choice":"auto",)" + tools)["usage"]["prompt_tokens"], with);
  EXPECT_EQ(chat_error(R"("tool_choice":{"type":"function","function":{"name":"g"}},)" + tools),
            "unknown tool \"g\" in tool_choice");
  EXPECT_NE(chat_error(R"("tool_choice":5,)" + tools), "");
  EXPECT_TRUE(
      oerr("/v1/chat/completions", chat(tools, "T"), 400).ends_with("does not support tools"));
}

TEST_F(OpenAiTest, Check219ContentParts) {
  const Json parts = ask(
      R"("messages":[{"role":"user","content":[{"type":"text","text":"the"},{"type":"zzz"},{"type":"text","text":"sky"}]}])");
  const Json joined = ask(R"("messages":[{"role":"user","content":"the\nsky"}])");
  EXPECT_EQ(parts["choices"], joined["choices"]);
  EXPECT_EQ(parts["usage"]["prompt_tokens"], joined["usage"]["prompt_tokens"]);
}

TEST_F(OpenAiTest, Check220Images) {
  const auto error = [&](const std::string& part) {
    return chat_error(R"("messages":[{"role":"user","content":[)" + part + "]}]");
  };
  EXPECT_EQ(error(R"({"type":"image_url","image_url":{"url":"http://a/b.png"}})"),
            "image URLs are not currently supported, please use base64 encoded data instead");
  for (const char* bad : {R"({"url":"data:image/bmp;base64,AA"})", R"("data:image/png;base64,%%")",
                          R"("file:///etc/passwd")"})
    EXPECT_EQ(error(std::string(R"({"type":"image_url","image_url":)") + bad + "}"),
              "invalid image input");
  for (const char* good : {R"({"url":"data:image/png;base64,AAAA"})", R"("data:;base64,AAAA")"})
    EXPECT_TRUE(error(std::string(R"({"type":"image_url","image_url":)") + good + "}")
                    .ends_with("does not support vision"));
  for (const char* bad : {"5", R"({"type":"text"})", R"({"type":"text","text":5})", R"({})",
                          R"({"type":"zzz"})", R"({"type":"image_url","image_url":5})"})
    EXPECT_EQ(error(bad), "invalid message format") << bad;
  EXPECT_EQ(error(R"({"type":"input_audio","input_audio":{}})"),
            "invalid input_audio format: missing data");
}

TEST_F(OpenAiTest, Check221ContentTypes) {
  const auto error = [&](const std::string& content) {
    return chat_error(R"("messages":[{"role":"user","content":)" + content + "}]");
  };
  EXPECT_EQ(error("5"), "invalid message content type: float64");
  EXPECT_EQ(error("true"), "invalid message content type: bool");
  EXPECT_EQ(error("{}"), "invalid message content type: map[string]interface {}");
  EXPECT_EQ(error("null"), "invalid message content type: <nil>");
  EXPECT_EQ(chat_error(R"("messages":[5])"), "field \"messages[0]\": expected object");
}

TEST_F(OpenAiTest, Check222And223Reasoning) {
  const Json off = ask(std::string(R"("reasoning_effort":"none",)") + kHi, "T");
  EXPECT_FALSE(off["choices"][0]["message"].contains("reasoning"));
  for (const char* effort : {R"("reasoning_effort":"low",)",
                             R"("reasoning":{"effort":"xhigh"},"reasoning_effort":"none",)", ""}) {
    const Json on = ask(std::string(effort) + kHi, "T");
    EXPECT_NE(on["choices"][0]["message"]["reasoning"], "") << effort;
    EXPECT_EQ(on["choices"][0]["message"]["content"], "");
  }
  EXPECT_TRUE(chat_error(std::string(R"("reasoning_effort":"bogus",)") + kHi)
                  .starts_with("invalid reasoning value: \"bogus\""));
  EXPECT_EQ(chat_error(std::string(R"("reasoning_effort":"low",)") + kHi),
            "\"M\" does not support thinking");
  const std::vector<Json> chunks = chat_stream(kHi, "T");
  EXPECT_EQ(chunks[0]["choices"][0]["delta"]["content"], "");
  EXPECT_EQ(content_of(chunks, "reasoning"), ask(kHi, "T")["choices"][0]["message"]["reasoning"]);
}

TEST_F(OpenAiTest, LogitBias) {
  const Json id = post_json("/tokenize", R"({"model":"M","content":"hello"})")["tokens"][0];
  const std::string bias = R"("logit_bias":{")" + id.dump() + R"(":100},"max_tokens":3,)";
  EXPECT_EQ(ask(bias + kHi)["choices"][0]["message"]["content"], "hellohellohello");
  EXPECT_EQ(post_json("/v1/completions", R"({"model":"M","prompt":"a","temperature":0,)" + bias +
                                             R"("n":1})")["choices"][0]["text"],
            "hellohellohello");
  EXPECT_EQ(chat_error(std::string(R"("logit_bias":{"x":1},)") + kHi),
            "field \"logit_bias\": \"x\" is no token id");
  EXPECT_EQ(chat_error(std::string(R"("logit_bias":{"5":101},)") + kHi),
            "field \"logit_bias.5\": expected number from -100 to 100");
  EXPECT_TRUE(chat_error(std::string(R"("logit_bias":{"999999":1},)") + kHi)
                  .starts_with("field \"logit_bias\": the model has no token 999999"));
  EXPECT_NE(chat_error(std::string(R"("logit_bias":5,)") + kHi), "");
}

TEST_F(OpenAiTest, SamplersBeyondThoseOfTheApi) {
  const auto text = [&](const std::string& more) {
    return post_json("/v1/completions", R"({"model":"M","prompt":"hi","max_tokens":8,"seed":3,)" +
                                            more + "}")["choices"][0]["text"];
  };
  const Json greedy = text(R"("temperature":0)");
  EXPECT_NE(text(R"("temperature":2)"), greedy);
  for (const char* sampler : {R"("top_k":1)", R"("min_p":1)", R"("top_n_sigma":0.0001)"}) {
    EXPECT_EQ(text(std::string(R"("temperature":2,)") + sampler), greedy) << sampler;
    EXPECT_EQ(ask(std::string(R"("temperature":2,"max_tokens":8,)") + sampler + "," +
                  kHi)["choices"][0]["message"]["content"],
              ask(std::string(R"("temperature":0,"max_tokens":8,)") +
                  kHi)["choices"][0]["message"]["content"])
        << sampler;
  }
  EXPECT_EQ(chat_error(std::string(R"("top_n_sigma":"2",)") + kHi),
            "option \"top_n_sigma\" must be of type float32");
  EXPECT_EQ(chat_error(std::string(R"("min_keep":[],)") + kHi),
            "option \"min_keep\" must be of type integer");
}

TEST_F(OpenAiTest, InputTokens) {
  const Json j = post_json("/v1/chat/completions/input_tokens", chat(kHi));
  EXPECT_EQ(j["object"], "response.input_tokens");
  EXPECT_EQ(j["input_tokens"], ask(kHi)["usage"]["prompt_tokens"]);
  EXPECT_EQ(post_json("/v1/responses/input_tokens", R"({"model":"M","input":"hi"})"), j);
  EXPECT_EQ(oerr("/v1/responses/input_tokens", R"({"model":"M"})", 400), "input is required");
}

TEST_F(OpenAiTest, Check225DefaultsAreThoseOfTheApi) {
  // M has a temperature of 0 of its own: drawn at 1, ten seeds do not all agree.
  std::vector<std::string> texts;
  for (int seed = 0; seed < 10; ++seed)
    texts.push_back(post_json("/v1/chat/completions", R"({"model":"M","seed":)" +
                                                          std::to_string(seed) + "," + kHi +
                                                          "}")["choices"][0]["message"]["content"]);
  EXPECT_TRUE(
      std::any_of(texts.begin(), texts.end(), [&](const auto& t) { return t != texts[0]; }));
}

TEST_F(OpenAiTest, KeepAliveAndOptions) {
  const Json j = post_json(
      "/v1/chat/completions",
      std::string(R"({"model":"M","keep_alive":0,"options":{"num_predict":2,"temperature":0},)") +
          kHi + "}");
  EXPECT_EQ(j["usage"]["completion_tokens"], 2);
  EXPECT_TRUE(loaded().empty());
}

TEST_F(OpenAiTest, Check227Completion) {
  const Json j = post_json(
      "/v1/completions", R"({"model":"M","prompt":"hi","temperature":0,"top_p":0,"max_tokens":5})");
  EXPECT_EQ(j["object"], "text_completion");
  EXPECT_TRUE(j["id"].get<std::string>().starts_with("cmpl-"));
  EXPECT_EQ(j["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(j["usage"]["completion_tokens"], 5);
  const Json native = post_json(
      "/api/generate",
      R"({"model":"M","prompt":"hi","stream":false,"options":{"temperature":0,"top_p":1,"num_predict":5}})");
  EXPECT_EQ(j["choices"][0]["text"], native["response"]);
  EXPECT_EQ(j["usage"]["prompt_tokens"], native["prompt_eval_count"]);
  EXPECT_EQ(post_json("/v1/completions", R"({"model":"M"})")["choices"][0]["finish_reason"],
            "load");
}

TEST_F(OpenAiTest, Check228CompletionStream) {
  const std::string body =
      R"({"model":"M","prompt":"hi","temperature":0,"max_tokens":5,"stream":true)";
  const std::vector<Json> chunks =
      stream("/v1/completions", body + R"(,"stream_options":{"include_usage":true}})");
  ASSERT_GE(chunks.size(), 3u);
  std::string text;
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i]["usage"]["total_tokens"], 0);
    EXPECT_EQ(chunks[i]["choices"][0]["finish_reason"].is_null(), i + 2 < chunks.size());
    text += chunks[i]["choices"][0]["text"];
  }
  EXPECT_EQ(chunks.back()["choices"], Json::array());
  EXPECT_EQ(chunks.back()["usage"]["completion_tokens"], 5);
  const std::vector<Json> plain = stream("/v1/completions", body + "}");
  EXPECT_EQ(plain.size() + 1, chunks.size());
  for (const Json& c : plain) EXPECT_FALSE(c.contains("usage"));
  EXPECT_EQ(
      text,
      post_json(
          "/v1/completions",
          R"({"model":"M","prompt":"hi","temperature":0,"max_tokens":5})")["choices"][0]["text"]);
}

// The bytes of a stream that fails after two tokens.
TEST(OpenAiFormatter, Check226FaultInAStream) {
  AnswerInfo info;
  info.model = "M";
  for (const AnswerForm& form :
       {openai::chat_form({.usage = true}), openai::completion_form({.usage = true})}) {
    const std::unique_ptr<Formatter> formatter = form.formatter(info);
    std::string out;
    formatter->write({1, "a"}, out);
    formatter->write({2, "b"}, out);
    EXPECT_EQ(testing::parse_events(out).size(), 2u);
    formatter->failed({Errc::out_of_memory, "no memory"}, out);
    const auto events = testing::parse_events(out);
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events.back().data,
              R"({"error":{"message":"no memory","type":"api_error","param":null,"code":null}})");
  }
}

TEST_F(OpenAiTest, Check229And230CompletionErrors) {
  const auto error = [&](const std::string& rest) {
    return oerr("/v1/completions", R"({"model":"M",)" + rest + "}", 400);
  };
  EXPECT_EQ(error(R"("prompt":"a","stop":[1])"), "invalid type for 'stop' field: float64");
  EXPECT_NE(error(R"("prompt":["a"])"), "");
  EXPECT_EQ(error(R"("prompt":"a","logprobs":21)"), "top_logprobs must be between 0 and 20");
  EXPECT_TRUE(error(R"("prompt":"a","suffix":"x")").ends_with("does not support insert"));
  EXPECT_EQ(oerr("/v1/completions", R"({"prompt":"a"})", 404), "model '' not found");
  EXPECT_EQ(oerr("/v1/completions", "", 400), "EOF");
}

}  // namespace
}  // namespace engine
