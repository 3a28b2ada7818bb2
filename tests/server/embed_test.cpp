// POST /api/embed and /api/embeddings; numbers are those of the checklist of the HTTP surface.
#include <charconv>
#include <cmath>
#include <thread>

#include "tests/server/encoders.h"

namespace engine {
namespace {

using testing::HttpReply;

class EmbedTest : public EncoderTest {
 protected:
  static void SetUpTestSuite() {
    ServerTest::SetUpTestSuite();
    add_encoder("E1", {});
    add_encoder("nomic", {.arch = "nomic-bert", .pooling = 2});
    add_encoder("bare", {.pooling = 0});
    add_encoder("nan", {.seed = 2}, true);
  }

  Json embed(const std::string& rest, const std::string& model = "E1") {
    return post_json("/api/embed", R"({"model":")" + model + "\"," + rest + "}");
  }
  std::string embed_error(const std::string& rest, int status, const std::string& model = "E1") {
    return error_of("/api/embed", R"({"model":")" + model + "\"," + rest + "}", status);
  }
  static double norm(const Json& v) {
    double sum = 0;
    for (const Json& x : v) sum += x.get<double>() * x.get<double>();
    return std::sqrt(sum);
  }
  static void expect_same(const Json& a, const Json& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_NEAR(a[i].get<double>(), b[i].get<double>(), 1e-4) << i;
  }
  static std::string words(int n) {
    std::string out = "\"";
    for (int i = 0; i < n; ++i) out += "the sky ";
    return out + "\"";
  }
};

TEST_F(EmbedTest, OneText) {  // 139
  const HttpReply r = post("/api/embed", R"({"model":"E1","input":"a"})");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json; charset=utf-8");
  const Json j = parse(r.body);
  EXPECT_EQ(j["model"], "E1");
  ASSERT_EQ(j["embeddings"].size(), 1u);
  ASSERT_EQ(j["embeddings"][0].size(), D);
  EXPECT_NEAR(norm(j["embeddings"][0]), 1, 1e-4);
  EXPECT_EQ(j["prompt_eval_count"], 3) << "with [CLS] and [SEP]";
  EXPECT_GT(j["total_duration"].get<int64_t>(), 0);
  EXPECT_GE(j["total_duration"].get<int64_t>(), j["load_duration"].get<int64_t>());
  EXPECT_EQ(embed(R"("input":"a")", "e1:latest")["model"], "e1:latest") << "as it was sent";
}

TEST_F(EmbedTest, NumbersInTheirShortestForm) {
  const std::string body = post("/api/embed", R"({"model":"E1","input":"a"})").body;
  const size_t begin = body.find("[[") + 2, end = body.find("]]");
  for (size_t at = begin; at < end;) {
    const size_t comma = std::min(body.find(',', at), end);
    const std::string text = body.substr(at, comma - at);
    char shortest[32];
    const auto done = std::to_chars(shortest, shortest + 32, std::strtof(text.c_str(), nullptr));
    EXPECT_EQ(text, std::string(shortest, done.ptr));
    at = comma + 1;
  }
}

TEST_F(EmbedTest, SeveralTexts) {  // 140
  const Json a = embed(R"("input":"a")"), b = embed(R"("input":["the sky is blue"])"),
             both = embed(R"("input":["a","the sky is blue"])");
  ASSERT_EQ(both["embeddings"].size(), 2u);
  expect_same(both["embeddings"][0], a["embeddings"][0]);
  expect_same(both["embeddings"][1], b["embeddings"][0]);
  EXPECT_EQ(both["prompt_eval_count"].get<int>(),
            a["prompt_eval_count"].get<int>() + b["prompt_eval_count"].get<int>());
  const Json empty = embed(R"("input":["","a"])");
  ASSERT_EQ(empty["embeddings"].size(), 2u) << "empty texts in a list are texts";
  expect_same(empty["embeddings"][1], a["embeddings"][0]);
  EXPECT_EQ(embed(R"("input":[""])")["prompt_eval_count"], 2);
}

TEST_F(EmbedTest, NothingToEmbedLoads) {  // 141
  for (const char* input : {R"(,"input":"")", R"(,"input":[])", R"(,"input":null)", ""}) {
    EXPECT_EQ(post("/api/embed", std::string(R"({"model":"E1")") + input + "}").body,
              R"({"model":"E1","embeddings":[]})");
    EXPECT_EQ(loaded(), std::vector<std::string>{"E1:latest"});
  }
}

TEST_F(EmbedTest, WrongTypes) {  // 142
  for (const char* input : {"5", "[1]", R"({"a":1})", R"(["a",null])", "true"}) {
    EXPECT_EQ(embed_error(std::string("\"input\":") + input, 400), "invalid input type");
    EXPECT_EQ(embed_error(std::string("\"input\":") + input, 400, "X"), "invalid input type")
        << "before the name is looked up";
  }
  EXPECT_EQ(embed_error(R"("input":"a","truncate":1)", 400),
            "field \"truncate\": expected boolean");
  EXPECT_EQ(embed_error(R"("input":"a","dimensions":1.5)", 400),
            "field \"dimensions\": expected integer");
  EXPECT_NE(embed_error(R"("input":"a","options":{"num_ctx":"x"})", 400), "");
  EXPECT_EQ(embed_error(R"("input":"a","keep_alive":"abc")", 400),
            "time: invalid duration \"abc\"");
}

TEST_F(EmbedTest, Dimensions) {  // 143, 144
  const Json whole = embed(R"("input":"the sky")")["embeddings"][0],
             half = embed(R"("input":"the sky","dimensions":24)")["embeddings"][0];
  ASSERT_EQ(half.size(), D / 2);
  EXPECT_NEAR(norm(half), 1, 1e-4);
  EXPECT_NEAR(half[1].get<double>() / half[0].get<double>(),
              whole[1].get<double>() / whole[0].get<double>(), 1e-3);
  for (const char* n : {"480", "48", "0", "-3", "99999999999"})
    EXPECT_EQ(embed(std::string(R"("input":"the sky","dimensions":)") + n)["embeddings"][0], whole);
}

TEST_F(EmbedTest, LongTexts) {  // 145
  const std::string long_text = "\"input\":" + words(100);
  const Json j = embed(long_text);
  EXPECT_EQ(j["prompt_eval_count"], 64);
  EXPECT_EQ(embed_error(long_text + R"(,"truncate":false)", 400),
            "the input length exceeds the context length");
  EXPECT_EQ(embed_error(R"("truncate":false,"input":["a",)" + words(100) + "]", 400),
            "the input length exceeds the context length")
      << "one text fails, all do";
  EXPECT_EQ(embed(long_text + R"(,"options":{"num_ctx":10})")["prompt_eval_count"], 10);
  EXPECT_EQ(embed(long_text + R"(,"options":{"num_ctx":10,"num_batch":4})")["prompt_eval_count"],
            10)
      << "an encoder needs all rows at once";
}

TEST_F(EmbedTest, OldForm) {  // 146, 147
  const Json j = post_json("/api/embeddings", R"({"model":"E1","prompt":"a"})");
  ASSERT_EQ(j.size(), 1u);
  ASSERT_EQ(j["embedding"].size(), D);
  expect_same(j["embedding"], embed(R"("input":"a")")["embeddings"][0]);
  for (const char* rest : {R"(,"prompt":"")", "", R"(,"prompt":null)"})
    EXPECT_EQ(post("/api/embeddings", std::string(R"({"model":"E1")") + rest + "}").body,
              R"({"embedding":[]})");
  EXPECT_EQ(error_of("/api/embeddings", R"({"model":"E1","prompt":)" + words(100) + "}", 500),
            "the input length exceeds the context length");
  const Json raw = post_json("/api/embeddings", R"({"model":"nomic","prompt":"a"})")["embedding"],
             unit = embed(R"("input":"a")", "nomic")["embeddings"][0];
  EXPECT_GT(std::fabs(norm(raw) - 1), 0.1) << "nomic-bert is left as it is";
  EXPECT_NEAR(norm(unit), 1, 1e-4);
  EXPECT_NEAR(raw[0].get<double>() / norm(raw), unit[0].get<double>(), 1e-4);
}

TEST_F(EmbedTest, OtherModels) {  // 148
  EXPECT_EQ(embed_error(R"("input":"a")", 501, "M"), "this model does not support embeddings");
  EXPECT_EQ(error_of("/api/embeddings", R"({"model":"M","prompt":"a"})", 501),
            "this model does not support embeddings");
  EXPECT_TRUE(loaded().empty()) << "known without loading it";
  const Json decoder = embed(R"("input":["the sky","a"])", "E");
  ASSERT_EQ(decoder["embeddings"].size(), 2u);
  EXPECT_EQ(decoder["embeddings"][0].size(), 64u);
  EXPECT_NEAR(norm(decoder["embeddings"][0]), 1, 1e-4);
  EXPECT_EQ(embed(R"("input":[""])", "E")["embeddings"].size(), 1u);
  EXPECT_EQ(embed(R"("input":"a")", "bare")["embeddings"][0].size(), D) << "the last token's";
  EXPECT_EQ(embed_error(R"("input":"a")", 400, "nan"), "embedding contains NaN or Inf values");
  EXPECT_EQ(error_of("/api/embeddings", R"({"model":"nan","prompt":"a"})", 500),
            "embedding contains NaN or Inf values");
  EXPECT_EQ(error_of("/api/generate", R"({"model":"E1","prompt":"a"})", 400),
            "\"E1\" does not support generate");
  EXPECT_EQ(
      error_of("/api/chat", R"({"model":"E1","messages":[{"role":"user","content":"a"}]})", 400),
      "\"E1\" does not support chat");
}

TEST_F(EmbedTest, KeepAlive) {  // 149
  EXPECT_EQ(embed(R"("input":"a","keep_alive":0)")["embeddings"].size(), 1u);
  EXPECT_TRUE(loaded().empty());
  embed(R"("input":"a")");
  EXPECT_EQ(loaded(), std::vector<std::string>{"E1:latest"});
  EXPECT_EQ(embed_error(R"("input":"a","keep_alive":0)", 400, "nan"),
            "embedding contains NaN or Inf values");
  EXPECT_EQ(loaded(), std::vector<std::string>{"E1:latest"}) << "an error gives the model back";
}

TEST_F(EmbedTest, Names) {  // 10, 46, 47, 155
  for (const char* path : {"/api/embed", "/api/embeddings"}) {
    EXPECT_EQ(error_of(path, "", 400), "missing request body");
    EXPECT_EQ(error_of(path, R"({"model":"a/b/c/d/e"})", 400), "invalid model name");
    EXPECT_EQ(error_of(path, R"({"model":"X"})", 404),
              "model \"X\" not found, try pulling it first");
  }
  EXPECT_EQ(error_of("/api/embed", R"({"model":""})", 404), "model '' not found");
  EXPECT_EQ(error_of("/api/embeddings", R"({"model":""})", 400), "model is required");
  EXPECT_EQ(post_json("/api/show", R"({"model":"E1"})")["capabilities"],
            Json::parse(R"(["embedding"])"));
}

TEST_F(EmbedTest, ManyAtOnce) {
  std::string list = "\"input\":[";
  for (int i = 0; i < 300; ++i) list += (i > 0 ? "," : "") + words(i % 20);
  list += "]";
  const Json want = embed(list)["embeddings"];
  ASSERT_EQ(want.size(), 300u);
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] { EXPECT_EQ(embed(list)["embeddings"], want); });
  for (std::thread& t : clients) t.join();
}

TEST_F(EmbedTest, AClientThatLeaves) {
  std::string list = R"({"model":"E1","input":[)";
  for (int i = 0; i < 3000; ++i) list += (i > 0 ? "," : "") + words(30);
  list += "]}";
  embed(R"("input":"a")");
  {
    testing::HttpClient c(port());
    c.send("POST /api/embed HTTP/1.1\r\nHost: a.local\r\nContent-Length: " +
           std::to_string(list.size()) + "\r\n\r\n" + list);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(embed(R"("input":"a","keep_alive":0)")["embeddings"].size(), 1u);
  for (int i = 0; i < 200 && !loaded().empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(loaded().empty()) << "the work of the client that left goes with it";
}

}  // namespace
}  // namespace engine
