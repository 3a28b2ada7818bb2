// POST /v1/embeddings; numbers are those of the checklist of the HTTP surface.
#include <bit>
#include <cstring>

#include "engine/core/base64.h"
#include "tests/server/encoders.h"

namespace engine {
namespace {

using testing::HttpReply;

class OpenAiEmbeddingsTest : public EncoderTest {
 protected:
  static void SetUpTestSuite() {
    ServerTest::SetUpTestSuite();
    add_encoder("E1", {});
  }

  static std::string body(const std::string& rest, const std::string& model = "E1") {
    return R"({"model":")" + model + "\"," + rest + "}";
  }
  Json ask(const std::string& rest) { return post_json("/v1/embeddings", body(rest)); }
  // The message of an error object of this API.
  std::string oerr(const std::string& text, int status) {
    const HttpReply r = post("/v1/embeddings", text);
    EXPECT_EQ(r.status, status) << text << "\n" << r.body;
    EXPECT_EQ(r.header("content-type"), "application/json");
    const Json j = parse(r.body);
    if (!j.is_object() || !j.contains("error") || !j["error"].is_object()) return {};
    EXPECT_EQ(j["error"]["type"], status == 400   ? "invalid_request_error"
                                  : status == 404 ? "not_found_error"
                                                  : "api_error");
    return j["error"]["message"];
  }
};

std::vector<float> decoded(const std::string& base64) {
  static const std::string kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  EXPECT_EQ(base64.size() % 4, 0u);
  std::string bytes;
  uint32_t bits = 0;
  int n = 0;
  for (const char c : base64) {
    if (c == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(kAlphabet.find(c));
    if ((n += 6) >= 8) bytes += static_cast<char>(bits >> (n -= 8) & 0xff);
  }
  std::vector<float> out(bytes.size() / 4);
  for (size_t i = 0; i < out.size(); ++i) {
    uint32_t word = 0;
    for (size_t b = 0; b < 4; ++b)
      word |= uint32_t{static_cast<unsigned char>(bytes[4 * i + b])} << (8 * b);
    out[i] = std::bit_cast<float>(word);
  }
  return out;
}

TEST(Base64, Writes) {
  const std::pair<const char*, const char*> kPairs[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"\xff\xfe", "//4="},
                                                        {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : kPairs) {
    std::string out = "x";
    append_base64(bytes, out);
    EXPECT_EQ(out, "x" + std::string(text));
  }
}

TEST_F(OpenAiEmbeddingsTest, Check231OneText) {
  const HttpReply r = post("/v1/embeddings", body(R"("input":"a")"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json");
  EXPECT_TRUE(r.body.ends_with('\n'));
  const Json j = parse(r.body);
  EXPECT_EQ(j["object"], "list");
  EXPECT_EQ(j["model"], "E1");
  ASSERT_EQ(j["data"].size(), 1u);
  EXPECT_EQ(j["data"][0]["object"], "embedding");
  EXPECT_EQ(j["data"][0]["index"], 0);
  EXPECT_EQ(j["data"][0]["embedding"].size(), D);
  EXPECT_EQ(j["usage"], Json::parse(R"({"prompt_tokens":3,"total_tokens":3})"));
  EXPECT_EQ(j["data"][0]["embedding"],
            post_json("/api/embed", body(R"("input":"a")"))["embeddings"][0]);
  const Json two = ask(R"("input":["a","the sky"])");
  ASSERT_EQ(two["data"].size(), 2u);
  EXPECT_EQ(two["data"][1]["index"], 1);
  EXPECT_EQ(two["usage"]["prompt_tokens"], 7);
}

TEST_F(OpenAiEmbeddingsTest, Check232Base64) {
  const Json numbers = ask(R"("input":"a","encoding_format":"FLOAT")")["data"][0]["embedding"];
  const std::vector<float> floats =
      decoded(ask(R"("input":"a","encoding_format":"Base64")")["data"][0]["embedding"]);
  ASSERT_EQ(floats.size(), D);
  for (size_t i = 0; i < D; ++i) EXPECT_EQ(floats[i], numbers[i].get<float>()) << i;
}

TEST_F(OpenAiEmbeddingsTest, Check233OtherEncodings) {
  EXPECT_EQ(oerr(body(R"("input":"a","encoding_format":"hex")"), 400),
            "Invalid value for 'encoding_format' = hex. Supported values: ['float', 'base64'].");
  EXPECT_EQ(oerr(body(R"("input":"a","encoding_format":5)"), 400),
            "field \"encoding_format\": expected string");
}

TEST_F(OpenAiEmbeddingsTest, Check234Nothing) {
  for (const char* input : {R"("user":"x")", R"("input":null)", R"("input":[])"})
    EXPECT_EQ(oerr(body(input), 400), "invalid input");
  for (const char* input : {"5", "true", R"({"a":1})", R"(["a",5])", "[1.5]", R"([1,"a"])", "[-1]",
                            R"([[1],"a"])", "[null]", "[[99999999999]]"})
    EXPECT_EQ(oerr(body(std::string("\"input\":") + input), 400), "invalid input type") << input;
  const Json empty = ask(R"("input":"")");
  ASSERT_EQ(empty["data"].size(), 1u);
  EXPECT_EQ(empty["data"][0]["embedding"].size(), D);
}

TEST_F(OpenAiEmbeddingsTest, TokenLists) {
  const Json tokens =
      post_json("/tokenize", R"({"model":"E1","content":"the sky","add_special":true})")["tokens"];
  ASSERT_EQ(tokens.size(), 4u);
  const Json text = ask(R"("input":"the sky")");
  EXPECT_EQ(ask("\"input\":" + tokens.dump()), text);
  const Json lists = ask("\"input\":[" + tokens.dump() + ",[2,3]]");
  ASSERT_EQ(lists["data"].size(), 2u);
  EXPECT_EQ(lists["data"][0]["embedding"], text["data"][0]["embedding"]);
  EXPECT_EQ(lists["usage"]["prompt_tokens"], 6);
  EXPECT_EQ(oerr(body("\"input\":[[1],[9999]]"), 400),
            "the model has no token 9999, but 65 tokens");
  EXPECT_EQ(oerr(body("\"input\":[[]]"), 400), "the input has no tokens");
  std::string many = "\"input\":[5";
  for (int i = 0; i < 200; ++i) many += ",5";
  EXPECT_EQ(ask(many + "]")["usage"]["prompt_tokens"], 64) << "cut to the context";
}

TEST_F(OpenAiEmbeddingsTest, OtherFields) {
  EXPECT_EQ(ask(R"("input":"a","dimensions":24,"user":"x")")["data"][0]["embedding"].size(), D / 2);
  std::string long_text;
  for (int i = 0; i < 100; ++i) long_text += "the sky ";
  EXPECT_EQ(ask("\"input\":\"" + long_text + "\"")["usage"]["prompt_tokens"], 64);
  EXPECT_EQ(
      ask("\"input\":\"" + long_text + R"(","options":{"num_ctx":10})")["usage"]["total_tokens"],
      10);
  ask(R"("input":"a","keep_alive":0)");
  EXPECT_TRUE(loaded().empty());
}

TEST_F(OpenAiEmbeddingsTest, Errors) {
  EXPECT_EQ(oerr("", 400), "EOF");
  EXPECT_EQ(oerr(R"({"input":"a"})", 404), "model '' not found");
  EXPECT_EQ(oerr(body(R"("input":"a")", "X"), 404), "model \"X\" not found, try pulling it first");
  EXPECT_EQ(oerr(body(R"("input":"a")", "M"), 501), "this model does not support embeddings");
  EXPECT_EQ(oerr(body(R"("input":"a","dimensions":"x")"), 400),
            "field \"dimensions\": expected integer");
}

}  // namespace
}  // namespace engine
