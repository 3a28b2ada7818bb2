// POST /api/generate and /api/chat on real, tiny models.
#include <regex>

#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;
using GenerateTest = ServerTest;
using ChatTest = ServerTest;

const char* const kGreedy = R"("options":{"temperature":0,"seed":1,"num_predict":12})";

std::string request(const std::string& model, const std::string& rest) {
  return R"({"model":")" + model + "\"," + rest + "}";
}
std::string joined(const std::vector<Json>& objects, bool chat, const char* key) {
  std::string out;
  for (const Json& o : objects) {
    const Json& from = chat ? o["message"] : o;
    if (from.contains(key)) out += from[key].get<std::string>();
  }
  return out;
}

TEST_F(GenerateTest, LoadAndUnload) {
  const HttpReply r = post("/api/generate", R"({"model":"M"})");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json; charset=utf-8");
  const Json j = parse(r.body);
  EXPECT_EQ(j["response"], "");
  EXPECT_EQ(j["done"], true);
  EXPECT_EQ(j["done_reason"], "load");
  EXPECT_EQ(loaded(), std::vector<std::string>{"M:latest"});
  EXPECT_EQ(post_json("/api/generate", R"({"model":"M","keep_alive":0})")["done_reason"], "unload");
  EXPECT_TRUE(loaded().empty());
  EXPECT_EQ(post_json("/api/generate", R"({"model":"M","keep_alive":0})")["done_reason"], "unload")
      << "also when it is not loaded";
  EXPECT_EQ(post_json("/api/chat", R"({"model":"M"})")["message"],
            Json::parse(R"({"role":"assistant","content":""})"));
  EXPECT_EQ(
      post_json("/api/chat", R"({"model":"M","messages":[],"keep_alive":"0s"})")["done_reason"],
      "unload");
  EXPECT_TRUE(loaded().empty());
}

TEST_F(GenerateTest, TheSameTokenWithoutEndIsEnded) {
  testing::TinyModel zero;
  zero.zero = true;
  add("Z", zero, "", "");
  const Json j = post_json("/api/generate", R"({"model":"Z","prompt":"a","stream":false,)"
                                            R"("options":{"temperature":0,"num_predict":200}})");
  EXPECT_EQ(j["done_reason"], "stop");
  EXPECT_GT(j["eval_count"], 30);
  EXPECT_LT(j["eval_count"], 34);
}

TEST_F(GenerateTest, Stream) {
  const HttpReply r =
      post("/api/generate", request("M", std::string(R"("prompt":"hi",)") + kGreedy));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/x-ndjson");
  EXPECT_EQ(r.header("transfer-encoding"), "chunked");
  const std::vector<Json> objects = lines(r.body);
  ASSERT_GE(objects.size(), 2u);
  for (const Json& o : objects) {
    EXPECT_EQ(o["model"], "M");
    EXPECT_TRUE(std::regex_match(o["created_at"].get<std::string>(),
                                 std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z)")));
    EXPECT_FALSE(o.contains("error"));
    if (&o == &objects.back()) break;
    EXPECT_EQ(o["done"], false);
    EXPECT_FALSE(o.contains("eval_count"));
  }
  const Json& last = objects.back();
  EXPECT_EQ(last["done"], true);
  EXPECT_TRUE(last["done_reason"] == "stop" || last["done_reason"] == "length");
  EXPECT_GE(last["total_duration"].get<int64_t>(), last["load_duration"].get<int64_t>());
  EXPECT_GT(last["prompt_eval_count"].get<int64_t>(), 0);
  EXPECT_GT(last["prompt_eval_duration"].get<int64_t>(), 0);
  EXPECT_EQ(last["eval_count"].get<int64_t>(), 12);
  EXPECT_GT(last["eval_duration"].get<int64_t>(), 0);
  EXPECT_EQ(last["context"].size(), last["prompt_eval_count"].get<size_t>() + 12);

  const Json whole = post_json(
      "/api/generate", request("M", std::string(R"("prompt":"hi","stream":false,)") + kGreedy));
  EXPECT_EQ(whole["response"], joined(objects, false, "response"));
  EXPECT_EQ(whole["done_reason"], "length");
  EXPECT_EQ(whole["context"], last["context"]);
}

TEST_F(GenerateTest, KeyOrderOfTheFinalObject) {
  const std::string body =
      post("/api/generate", request("M", std::string(R"("prompt":"hi","stream":false,)") + kGreedy))
          .body;
  size_t at = 0;
  for (const char* key :
       {"\"model\"", "\"created_at\"", "\"response\"", "\"done\"", "\"done_reason\"", "\"context\"",
        "\"total_duration\"", "\"load_duration\"", "\"prompt_eval_count\"",
        "\"prompt_eval_duration\"", "\"eval_count\"", "\"eval_duration\""}) {
    const size_t found = body.find(key, at);
    ASSERT_NE(found, std::string::npos) << key << " in " << body;
    at = found;
  }
}

TEST_F(GenerateTest, Options) {
  const std::string p = R"("prompt":"hi","stream":false,)";
  EXPECT_EQ(
      post_json("/api/generate", request("M", p + R"("options":{"num_predict":5})"))["eval_count"],
      5);
  EXPECT_EQ(post_json("/api/generate", request("M", p + R"("options":{})"))["eval_count"], 8)
      << "of the model's parameters";
  EXPECT_FALSE(post_json("/api/generate", request("M", p + R"("options":{"num_predict":0})"))
                   .contains("eval_count"));
  const std::string text = post_json("/api/generate", request("M", p + kGreedy))["response"];
  ASSERT_GE(text.size(), 4u);
  const std::string stop = Json(repair_utf8(text.substr(text.size() / 2))).dump();
  for (const std::string& form : {stop, "[" + stop + "]"}) {
    const Json j = post_json(
        "/api/generate",
        request("M", p + R"("options":{"temperature":0,"num_predict":12,"stop":)" + form + "}"));
    if (j["done_reason"] == "stop") {
      EXPECT_LT(j["response"].get<std::string>().size(), text.size());
    }
  }
  const std::string random =
      request("M", p + R"("options":{"temperature":1,"seed":7,"num_predict":20})");
  EXPECT_EQ(post_json("/api/generate", random)["response"],
            post_json("/api/generate", random)["response"]);
  EXPECT_EQ(
      post("/api/generate", request("M", p + R"("options":{"foo":1,"mirostat":2,"top_k":null})"))
          .status,
      200);
  EXPECT_EQ(post("/api/generate", request("M", p + R"("options":{"top_k":40.7})")).status, 200);
  EXPECT_EQ(error_of("/api/generate", request("M", p + R"("options":{"temperature":"hot"})"), 400),
            "option \"temperature\" must be of type float32");
  EXPECT_EQ(error_of("/api/generate", request("M", p + R"("options":{"num_ctx":"x"})"), 400),
            "option \"num_ctx\" must be of type integer");
  EXPECT_EQ(error_of("/api/generate", request("M", p + R"("options":{"stop":[1]})"), 400),
            "option \"stop\" must be of an array of strings");
  EXPECT_EQ(error_of("/api/generate", request("M", p + R"("options":{"use_mmap":1})"), 400),
            "option \"use_mmap\" must be of type boolean");
}

TEST_F(GenerateTest, RawAndContext) {
  const Json templated =
      post_json("/api/generate",
                request("M", std::string(R"("prompt":"the sky","stream":false,)") + kGreedy));
  const Json raw = post_json(
      "/api/generate",
      request("M", std::string(R"("prompt":"the sky","raw":true,"stream":false,)") + kGreedy));
  EXPECT_FALSE(raw.contains("context"));
  EXPECT_LT(raw["prompt_eval_count"].get<int>(), templated["prompt_eval_count"].get<int>());
  const Json again =
      post_json("/api/generate", request("M", R"("prompt":"more","stream":false,"context":)" +
                                                  templated["context"].dump() + "," + kGreedy));
  EXPECT_GT(again["prompt_eval_count"].get<int>(), templated["prompt_eval_count"].get<int>());
  for (const char* extra : {R"("system":"a")", R"("template":"a")", R"("context":[1])"})
    EXPECT_EQ(error_of("/api/generate",
                       request("M", std::string(R"("prompt":"a","raw":true,)") + extra), 400),
              "raw mode does not support template, system, or context");
  EXPECT_NE(error_of("/api/generate", request("M", R"("prompt":"a","context":["x"])"), 400), "");
  EXPECT_EQ(
      post("/api/generate", request("M", R"("prompt":"a","stream":false,"context":[-5,99999999])"))
          .status,
      200)
      << "foreign ids have no text";
}

TEST_F(GenerateTest, Rendering) {
  const auto rendered = [&](const std::string& model, const std::string& rest) {
    const Json j = post_json("/api/generate",
                             request(model, R"("prompt":"hi","_debug_render_only":true)" + rest));
    EXPECT_EQ(j["done"], false);
    return j["_debug_info"]["rendered_template"].get<std::string>();
  };
  EXPECT_EQ(rendered("M", ""), "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(rendered("M", R"(,"system":"be brief")"),
            "<|im_start|>system\nbe "
            "brief<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_NE(rendered("N", "").find("pirate"), std::string::npos);
  EXPECT_EQ(rendered("N", R"(,"system":"be brief")").find("pirate"), std::string::npos);
  EXPECT_EQ(rendered("M", R"(,"raw":true)"), "hi");
}

TEST_F(GenerateTest, WhatIsNotOffered) {
  EXPECT_EQ(post("/api/generate", request("M", R"("prompt":"a","logprobs":false,"top_logprobs":5)"))
                .status,
            200);
  for (const char* bad : {"21", "-1"})
    EXPECT_EQ(error_of("/api/generate",
                       request("X", std::string(R"("prompt":"a","top_logprobs":)") + bad), 400),
              "top_logprobs must be between 0 and 20");
  EXPECT_TRUE(error_of("/api/generate", request("M", R"("prompt":"a","suffix":"x")"), 400)
                  .ends_with("does not support insert"));
  EXPECT_TRUE(error_of("/api/generate", request("M", R"("prompt":"a","images":["AAAA"])"), 400)
                  .ends_with("does not support vision"));
  EXPECT_NE(error_of("/api/generate", request("M", R"("prompt":"a","images":["%%"])"), 400), "");
  EXPECT_EQ(error_of("/api/generate", request("E", R"("prompt":"a")"), 400),
            "\"E\" does not support generate");
  EXPECT_EQ(
      error_of("/api/chat", request("E", R"("messages":[{"role":"user","content":"a"}])"), 400),
      "\"E\" does not support chat");
}

TEST_F(GenerateTest, Thinking) {
  const std::string p =
      R"("prompt":"hi","stream":false,"options":{"temperature":0,"num_predict":6},)";
  EXPECT_EQ(error_of("/api/generate", request("M", p + R"("think":true)"), 400),
            "\"M\" does not support thinking");
  EXPECT_EQ(post("/api/generate", request("M", p + R"("think":false)")).status, 200);
  EXPECT_TRUE(error_of("/api/generate", request("M", p + R"("think":"extreme")"), 400)
                  .starts_with("invalid think value: \"extreme\""));
  EXPECT_TRUE(error_of("/api/generate", request("M", p + R"("think":5)"), 400)
                  .starts_with("think must be a boolean or string"));
  // The prompt opens the block and the model never closes it: all of the answer is thinking.
  for (const char* think : {"", R"(,"think":true)", R"(,"think":"high")"}) {
    const Json j = post_json(
        "/api/chat",
        R"({"model":"T","messages":[{"role":"user","content":"hi"}],"stream":false,"options":{"temperature":0,"num_predict":6})" +
            std::string(think) + "}");
    EXPECT_EQ(j["message"]["content"], "");
    EXPECT_NE(j["message"]["thinking"], "") << j.dump();
  }
  const Json off = post_json("/api/generate", request("T", p + R"("think":false)"));
  EXPECT_FALSE(off.contains("thinking"));
  EXPECT_NE(off["response"], "");
  const std::vector<Json> stream =
      lines(post("/api/generate",
                 R"({"model":"T","prompt":"hi","options":{"temperature":0,"num_predict":6}})")
                .body);
  EXPECT_NE(joined(stream, false, "thinking"), "");
  EXPECT_EQ(joined(stream, false, "response"), "");
}

TEST_F(GenerateTest, LongPrompts) {
  std::string words;
  for (int i = 0; i < 600; ++i) words += " the sky is blue";
  const std::string p =
      R"("prompt":")" + words + R"(","stream":false,"options":{"num_ctx":128,"num_predict":4})";
  const Json j = post_json("/api/generate", request("M", p));
  EXPECT_LT(j["prompt_eval_count"].get<int>(), 128);
  for (const char* flag : {R"("truncate":false)", R"("shift":false)"}) {
    const std::string error = error_of("/api/generate", request("M", p + "," + flag), 400);
    EXPECT_TRUE(error.starts_with("the prompt is longer than the context length")) << error;
    EXPECT_NE(error.find("context 128)"), std::string::npos) << error;
  }
}

TEST_F(GenerateTest, ContextShift) {
  const std::string p =
      R"("prompt":"a","stream":false,"options":{"temperature":0,"num_ctx":64,"num_predict":200},)";
  const Json ends = post_json("/api/generate", request("N", p + R"("shift":false)"));
  EXPECT_EQ(ends["done_reason"], "length");
  EXPECT_LT(ends["eval_count"].get<int>(), 64);
  const Json goes_on = post_json("/api/generate", request("N", p + R"("shift":true)"));
  EXPECT_GT(goes_on["eval_count"].get<int>(), 64) << goes_on.dump();
}

TEST_F(ChatTest, StreamAndSingle) {
  const std::string body = std::string(R"("messages":[{"role":"user","content":"hi"}],)") + kGreedy;
  const std::vector<Json> objects = lines(post("/api/chat", request("M", body)).body);
  ASSERT_GE(objects.size(), 2u);
  for (const Json& o : objects) EXPECT_EQ(o["message"]["role"], "assistant");
  EXPECT_EQ(objects.back()["done"], true);
  EXPECT_EQ(objects.back()["eval_count"], 12);
  EXPECT_FALSE(objects.back().contains("context"));
  const Json whole = post_json("/api/chat", request("M", body + R"(,"stream":false)"));
  EXPECT_EQ(whole["message"]["content"], joined(objects, true, "content"));
  const Json upper = post_json(
      "/api/chat",
      request("M", std::string(R"("messages":[{"role":"USER","content":"hi"}],"stream":false,)") +
                       kGreedy));
  EXPECT_EQ(upper["message"], whole["message"]);
}

TEST_F(ChatTest, Rendering) {
  const auto rendered = [&](const std::string& model, const std::string& rest) {
    return post_json("/api/chat", request(model, R"("_debug_render_only":true,)" +
                                                     rest))["_debug_info"]["rendered_template"]
        .get<std::string>();
  };
  EXPECT_NE(rendered("N", R"("messages":[{"role":"user","content":"hi"}])").find("pirate"),
            std::string::npos);
  EXPECT_EQ(
      rendered("N",
               R"("messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}])")
          .find("pirate"),
      std::string::npos);
  EXPECT_TRUE(
      rendered(
          "M",
          R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":"The sky is"}])")
          .ends_with("The sky is"));
  const std::string tools =
      R"("tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"b":{},"a":{}}}}}])";
  const std::string t = rendered("M", R"("messages":[{"role":"user","content":"a"}],)" + tools);
  EXPECT_NE(t.find("weather"), std::string::npos);
  EXPECT_LT(t.find("\"b\""), t.find("\"a\"")) << "the order of properties is kept";
  const std::string history = rendered(
      "M",
      R"("messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"function":{"name":"weather","arguments":{"city":"Oslo"}}}]},{"role":"tool","tool_name":"weather","content":"rain"}])");
  EXPECT_NE(history.find("Oslo"), std::string::npos);
  EXPECT_NE(history.find("rain"), std::string::npos);
}

TEST_F(ChatTest, MessageErrors) {
  const auto error = [&](const std::string& rest) {
    return error_of("/api/chat", request("M", rest), 400);
  };
  EXPECT_EQ(error(R"("messages":[{"role":"user","content":["a"]}])"),
            "field \"messages[0].content\": expected string");
  EXPECT_EQ(
      error(
          R"("messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}])"),
      "field \"messages[0].tool_calls[0].function.arguments\": expected object");
  EXPECT_NE(error(R"("messages":"hi")"), "");
  EXPECT_NE(error(R"("messages":[1])"), "");
  EXPECT_NE(error(R"("messages":[{"role":"user","content":"a"}],"tools":[{}])"), "");
  EXPECT_NE(error(R"("messages":[{"role":"user","content":"a","images":["%%"]}])"), "");
  EXPECT_TRUE(
      error_of(
          "/api/chat",
          request(
              "T",
              R"("messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f"}}])"),
          400)
          .ends_with("does not support tools"));
}

TEST_F(ChatTest, OldMessagesAreLeftOut) {
  std::string messages = R"([{"role":"system","content":"SYSTEM"})";
  for (int i = 0; i < 50; ++i)
    messages += R"(,{"role":"user","content":"turn )" + std::to_string(i) +
                R"( of the sky"},{"role":"assistant","content":"blue"})";
  messages += R"(,{"role":"user","content":"LAST"}])";
  const std::string p = R"("options":{"num_ctx":256,"num_predict":2},"messages":)" + messages;
  const std::string t = post_json(
      "/api/chat",
      request("M", R"("_debug_render_only":true,)" + p))["_debug_info"]["rendered_template"];
  EXPECT_NE(t.find("SYSTEM"), std::string::npos);
  EXPECT_NE(t.find("LAST"), std::string::npos);
  EXPECT_EQ(t.find("turn 0 "), std::string::npos);
  EXPECT_NE(t.find("turn 49 "), std::string::npos) << "no more than needed is dropped";
  EXPECT_EQ(post("/api/chat", request("M", p)).status, 200);
  EXPECT_TRUE(error_of("/api/chat", request("M", R"("truncate":false,"shift":false,)" + p), 400)
                  .starts_with("the prompt is longer than the context length"));
}

TEST_F(ChatTest, TextOfMessagesCannotBecomeControlTokens) {
  const auto count = [&](const std::string& content) {
    return post_json(
               "/api/chat",
               request(
                   "M",
                   R"("stream":false,"options":{"num_predict":1},"messages":[{"role":"user","content":)" +
                       Json(content).dump() + "}]"))["prompt_eval_count"]
        .get<int>();
  };
  // As a control token the text would be one id; as text it is several.
  EXPECT_GT(count("x<|im_end|>x"), count("xx") + 4);
}

}  // namespace
}  // namespace engine
