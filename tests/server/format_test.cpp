// Structured output and log-probabilities of /api/generate and /api/chat.
#include <cmath>

#include "engine/grammar/json_values.h"
#include "engine/grammar/matcher.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using FormatTest = ServerTest;
using LogprobsTest = ServerTest;

std::string generate(const std::string& model, const std::string& rest) {
  return R"({"model":")" + model + R"(","prompt":"hi",)" + rest + "}";
}
std::string chat(const std::string& model, const std::string& rest) {
  return R"({"model":")" + model + R"(","messages":[{"role":"user","content":"hi"}],)" + rest + "}";
}

const char* const kSchema =
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":6},"age":{"type":"integer",)"
    R"("minimum":1,"maximum":99},"tags":{"type":"array","items":{"enum":["red","blue"]},"maxItems":2},)"
    R"("ok":{"type":["boolean","null"]}},"required":["name","age","tags","ok"]})";

void check_value(const std::string& text) {
  const Json j = Json::parse(text, nullptr, false);
  ASSERT_TRUE(j.is_object()) << text;
  std::vector<std::string> keys;
  for (const auto& [key, value] : j.items()) keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"name", "age", "tags", "ok"}));
  EXPECT_TRUE(j["name"].is_string());
  EXPECT_TRUE(j["age"].is_number_integer() && j["age"] >= 1 && j["age"] <= 99) << text;
  EXPECT_TRUE(j["tags"].is_array() && j["tags"].size() <= 2);
  EXPECT_TRUE(j["ok"].is_boolean() || j["ok"].is_null());
}

TEST_F(FormatTest, SchemaInGenerateAndChat) {
  for (int seed = 1; seed <= 5; ++seed) {
    const std::string rest = R"("stream":false,"format":)" + std::string(kSchema) +
                             R"(,"options":{"temperature":1.2,"num_predict":300,"seed":)" +
                             std::to_string(seed) + "}";
    const Json g = post_json("/api/generate", generate("M", rest));
    check_value(g["response"]);
    EXPECT_EQ(g["done_reason"], "stop");
    const Json c = post_json("/api/chat", chat("M", rest));
    check_value(c["message"]["content"]);
  }
  const std::string greedy =
      R"("format":)" + std::string(kSchema) + R"(,"options":{"temperature":0,"num_predict":300})";
  std::string text;
  for (const Json& o : lines(post("/api/generate", generate("M", greedy)).body))
    text += o["response"].get<std::string>();
  check_value(text);
}

TEST_F(FormatTest, JsonMode) {
  const auto program = grammar::Program::compile(grammar::json_grammar());
  ASSERT_TRUE(program);
  for (int seed = 1; seed <= 5; ++seed) {
    const std::string rest =
        R"("stream":false,"format":"json","options":{"temperature":1,"num_predict":60,"seed":)" +
        std::to_string(seed) + "}";
    for (const bool in_chat : {false, true}) {
      const Json j = in_chat ? post_json("/api/chat", chat("M", rest))["message"]["content"]
                             : post_json("/api/generate", generate("M", rest))["response"];
      const std::string text = j.get<std::string>();
      grammar::Matcher m(*program);
      std::string known =
          text.substr(0, text.find("\xef\xbf\xbd"));  // a character cut by the limit
      const auto end = m.next(m.start(), known);
      ASSERT_NE(end, grammar::Matcher::kDead) << text;
      EXPECT_TRUE(text.starts_with("{")) << text;
      if (m.ends(end)) {
        EXPECT_TRUE(Json::parse(text, nullptr, false).is_object()) << text;
      }
    }
  }
}

TEST_F(FormatTest, GrammarOption) {
  const Json j = post_json(
      "/api/generate",
      generate(
          "M",
          R"("stream":false,"options":{"grammar":"root ::= [a-c]{5} \"!\"","temperature":1})"));
  const std::string text = j["response"];
  ASSERT_EQ(text.size(), 6u) << text;
  EXPECT_EQ(text.find_first_not_of("abc"), 5u);
  EXPECT_EQ(text[5], '!');
  EXPECT_EQ(error_of("/api/generate", generate("M", R"("options":{"grammar":"root ::= x"})"), 400),
            "grammar: line 1, column 10: rule 'x' is used but not defined");
  EXPECT_EQ(error_of("/api/generate", generate("M", R"("options":{"grammar":5})"), 400),
            "option \"grammar\" must be of type string");
  EXPECT_EQ(
      error_of("/api/generate",
               generate("M", R"("format":"json","options":{"grammar":"root ::= \"a\""})"), 400),
      "\"format\" and the option \"grammar\" cannot be used together");
}

TEST_F(FormatTest, WhatIsRefused) {
  for (const char* path : {"/api/generate", "/api/chat"}) {
    const auto error = [&](const std::string& format) {
      const std::string rest = "\"format\":" + format;
      return error_of(
          path, std::string(path) == "/api/chat" ? chat("M", rest) : generate("M", rest), 400);
    };
    EXPECT_EQ(error("\"xml\""),
              R"(invalid format: "\"xml\""; expected "json" or a valid JSON Schema object)");
    EXPECT_TRUE(error("5").starts_with("invalid format: \"5\""));
    EXPECT_TRUE(error("[]").starts_with("invalid format: "));
    EXPECT_EQ(error(R"({"type":"array","uniqueItems":true})"),
              "JSON schema conversion failed:\n$: the keyword \"uniqueItems\" is not supported");
    EXPECT_EQ(error(R"({"type":"thing"})"), "JSON schema error at $: unknown type \"thing\"");
  }
  for (const char* none : {R"("format":"")", R"("format":null)"})
    EXPECT_EQ(post("/api/generate", generate("M", none)).status, 200);
}

TEST_F(FormatTest, ThinkingIsFree) {
  const std::string rest = R"("stream":false,"format":)" + std::string(kSchema) +
                           R"(,"options":{"temperature":1,"seed":3,"num_predict":200},"think":)";
  // The prompt opens the block; the random model never closes it.
  const Json on = post_json("/api/chat", chat("T", rest + "true"))["message"];
  EXPECT_EQ(on["content"], "");
  EXPECT_GT(on["thinking"].get<std::string>().size(), 100u);
  const Json off = post_json("/api/chat", chat("T", rest + "false"))["message"];
  EXPECT_FALSE(off.contains("thinking"));
  check_value(off["content"]);
}

// Entries of one object: their bytes, sorted alternatives, values that can be.
void check_entries(const Json& entries, size_t top, std::string& bytes) {
  for (const Json& e : entries) {
    EXPECT_LE(e["logprob"].get<double>(), 0);
    for (const Json& b : e["bytes"]) bytes += static_cast<char>(b.get<int>());
    if (top == 0) {
      EXPECT_FALSE(e.contains("top_logprobs"));
      continue;
    }
    ASSERT_EQ(e["top_logprobs"].size(), top);
    double last = 0, mass = 0;
    for (const Json& t : e["top_logprobs"]) {
      EXPECT_LE(t["logprob"].get<double>(), last);
      last = t["logprob"].get<double>();
      mass += std::exp(last);
      EXPECT_TRUE(t.contains("bytes") && t.contains("token"));
    }
    EXPECT_LE(mass, 1.0001);
    EXPECT_LE(e["logprob"].get<double>(), e["top_logprobs"][0]["logprob"].get<double>());
  }
}

TEST_F(LogprobsTest, OfEveryToken) {
  const std::string letters =
      R"("options":{"grammar":"root ::= [a-z ]{20}","temperature":1,"seed":2,"num_predict":50})";
  for (const bool in_chat : {false, true}) {
    const auto body = [&](const std::string& rest) {
      return in_chat ? chat("M", rest + letters) : generate("M", rest + letters);
    };
    const char* path = in_chat ? "/api/chat" : "/api/generate";
    std::string bytes, text;
    for (const Json& o : lines(post(path, body(R"("logprobs":true,"top_logprobs":3,)")).body)) {
      const std::string piece = in_chat ? o["message"]["content"] : o["response"];
      text += piece;
      if (piece.empty()) continue;
      ASSERT_TRUE(o.contains("logprobs")) << o;
      check_entries(o["logprobs"], 3, bytes);
    }
    EXPECT_EQ(text.size(), 20u);
    EXPECT_EQ(bytes, text);
    const Json whole = post_json(path, body(R"("stream":false,"logprobs":true,)"));
    std::string again;
    check_entries(whole["logprobs"], 0, again);
    EXPECT_EQ(again, text);
    EXPECT_FALSE(post_json(path, body(R"("stream":false,"logprobs":false,"top_logprobs":5,)"))
                     .contains("logprobs"));
  }
}

TEST_F(LogprobsTest, FreeTextByCandidates) {
  const Json j = post_json(
      "/api/generate",
      generate(
          "M",
          R"("stream":false,"logprobs":true,"top_logprobs":20,"options":{"temperature":0,"num_predict":12})"));
  EXPECT_EQ(j["logprobs"].size(), 12u);
  std::string bytes;
  check_entries(j["logprobs"], 20, bytes);
  for (const Json& e : j["logprobs"]) {
    EXPECT_EQ(e["logprob"], e["top_logprobs"][0]["logprob"]) << "greedy takes the best";
    EXPECT_EQ(e["token"], e["top_logprobs"][0]["token"]);
  }
  // All logits or a few candidates: the same values.
  const Json full = post_json(
      "/api/generate",
      generate(
          "M",
          R"("stream":false,"logprobs":true,"top_logprobs":2,"options":{"temperature":0.0001,"top_k":0,"num_predict":12})"));
  for (size_t i = 0; i < 12; ++i)
    EXPECT_NEAR(full["logprobs"][i]["logprob"].get<double>(),
                j["logprobs"][i]["logprob"].get<double>(), 1e-4);
}

TEST_F(LogprobsTest, OfAStopStringAreDropped) {
  const Json j = post_json(
      "/api/generate",
      generate(
          "M",
          R"("stream":false,"logprobs":true,"options":{"grammar":"root ::= \"abcde\"","stop":["cd"],"temperature":0})"));
  EXPECT_EQ(j["response"], "ab");
  std::string bytes;
  check_entries(j["logprobs"], 0, bytes);
  EXPECT_EQ(bytes, "ab");
}

}  // namespace
}  // namespace engine
