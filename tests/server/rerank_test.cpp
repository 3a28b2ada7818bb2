// POST /rerank. Numbers: checks of the list of conformance.
#include <variant>

#include "engine/run/embed.h"
#include "engine/text/tokenizer.h"
#include "tests/server/encoders.h"

namespace engine {
namespace {

using testing::HttpReply;

class RerankTest : public EncoderTest {
 protected:
  static void SetUpTestSuite() {
    ServerTest::SetUpTestSuite();
    add_encoder("R", {.pooling = 4, .labels = 1});
    add_encoder("R3", {.pooling = 4, .seed = 3, .labels = 3});
    add_encoder("RT",
                {.pooling = 4, .labels = 1, .rerank = "[CLS]{document}[SEP]{query}[SEP]the sky"});
    add_encoder("E1", {});
  }

  Json ask(const std::string& rest, const std::string& model = "R") {
    return post_json("/rerank", R"({"model":")" + model + "\"," + rest + "}");
  }
  std::string lerr(const std::string& body, int status, const std::string& path = "/rerank") {
    const Json j = post_json(path, body, status);
    if (!j.is_object() || !j.contains("error") || !j["error"].is_object()) return {};
    EXPECT_EQ(j["error"]["code"], status);
    return j["error"]["message"];
  }
  static constexpr Token kCls = 2, kSep = 3;
  // What the classifier says of texts and tokens, put together here a second time.
  float score_of(const std::string& model_name,
                 const std::vector<std::variant<Token, std::string>>& parts) {
    LoadOptions options;
    options.threads = 1;
    auto pool = ThreadPool::create(PoolKind::native, 1);
    auto model = Model::load(root_ + "/" + model_name + ".gguf", options, *pool);
    EXPECT_TRUE(model) << model.error().message;
    const Tokenizer& t = *(*model)->tokenizer();
    std::vector<Token> tokens;
    for (const auto& part : parts) {
      if (const Token* token = std::get_if<Token>(&part))
        tokens.push_back(*token);
      else
        EXPECT_TRUE(t.encode(std::get<std::string>(part), {.add_special = false}, tokens));
    }
    Embedding work({tokens}, {.normalize = false});
    EXPECT_TRUE(work.step(**model));
    return work.take().vectors[0][0];
  }
  float score(const std::string& model_name, const std::string& query,
              const std::string& document) {
    return score_of(model_name, {kCls, query, kSep, document});
  }
};

const char* const kAsk =
    R"("query":"the sky","documents":["a","the sky is blue","the","blue . blue"])";

TEST_F(RerankTest, Check264BestFirst) {
  const HttpReply r = post("/rerank", R"({"model":"R",)" + std::string(kAsk) + "}");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json; charset=utf-8");
  const Json j = parse(r.body);
  EXPECT_EQ(j["model"], "R");
  EXPECT_EQ(j["object"], "list");
  const std::vector<std::string> documents = {"a", "the sky is blue", "the", "blue . blue"};
  ASSERT_EQ(j["results"].size(), documents.size());
  std::vector<bool> seen(documents.size());
  double last = 1e9;
  for (const Json& result : j["results"]) {
    const size_t i = result["index"];
    EXPECT_FALSE(seen.at(i));
    seen[i] = true;
    EXPECT_LE(result["relevance_score"].get<double>(), last);
    last = result["relevance_score"];
    EXPECT_NEAR(last, score("R", "the sky", documents[i]), 1e-4) << documents[i];
  }
  EXPECT_EQ(j["usage"], Json::parse(R"({"prompt_tokens":25,"total_tokens":25})"))
      << "four times [CLS], [SEP] and the question";
  for (const char* path : {"/reranking", "/v1/rerank", "/v1/reranking"})
    EXPECT_EQ(post_json(path, R"({"model":"R",)" + std::string(kAsk) + "}"), j);
  EXPECT_EQ(post_json("/rerank", "{" + std::string(kAsk) + "}")["results"], j["results"])
      << "the loaded model";
}

TEST_F(RerankTest, Check264OtherModels) {
  const std::string rest = "," + std::string(kAsk) + "}";
  for (const char* path : {"/rerank", "/v1/rerank"}) {
    EXPECT_EQ(lerr(R"({"model":"M")" + rest, 501, path), "this model does not support reranking");
    EXPECT_EQ(lerr(R"({"model":"E1")" + rest, 501, path), "this model does not support reranking");
  }
  EXPECT_EQ(error_of("/api/embed", R"({"model":"R","input":"a"})", 501),
            "this model does not support embeddings: it ranks documents, see /rerank");
  EXPECT_EQ(post_json("/v1/embeddings", R"({"model":"R","input":"a"})", 501)["error"]["type"],
            "api_error");
}

TEST_F(RerankTest, SeveralLabels) {
  const Json j = ask(kAsk, "R3");
  EXPECT_NEAR(
      j["results"][0]["relevance_score"].get<double>(),
      score("R3", "the sky",
            std::vector<std::string>{"a", "the sky is blue", "the",
                                     "blue . blue"}[j["results"][0]["index"].get<size_t>()]),
      1e-4)
      << "the first label counts";
}

TEST_F(RerankTest, TheTemplateOfTheFile) {
  const Json j = ask(R"("query":"blue","documents":["is {query} a"])", "RT");
  EXPECT_NEAR(j["results"][0]["relevance_score"].get<double>(),
              score_of("RT", {kCls, "is {query} a", kSep, "blue", kSep, "the sky"}), 1e-4)
      << "a place that a text spells is none";
}

TEST_F(RerankTest, TopN) {
  const Json all = ask(kAsk)["results"], two = ask(kAsk + std::string(",\"top_n\":2"))["results"];
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[0], all[0]);
  EXPECT_EQ(two[1], all[1]);
  EXPECT_EQ(ask(kAsk + std::string(",\"top_n\":99"))["results"], all);
  EXPECT_EQ(ask(R"("query":"a","documents":["b","b"])")["results"][0]["index"], 0) << "of equals";
}

TEST_F(RerankTest, TextsForm) {
  const Json all = ask(kAsk)["results"],
             list = ask(R"("query":"the sky","texts":["a","the sky is blue","the","blue . blue"])");
  ASSERT_TRUE(list.is_array());
  ASSERT_EQ(list.size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(list[i]["index"], all[i]["index"]);
    EXPECT_EQ(list[i]["score"], all[i]["relevance_score"]);
    EXPECT_FALSE(list[i].contains("text"));
  }
  EXPECT_EQ(ask(R"("query":"a","texts":["b\"c"],"return_text":true)")[0]["text"], "b\"c");
}

TEST_F(RerankTest, Errors) {
  const auto refused = [&](const std::string& rest) {
    return lerr(R"({"model":"R",)" + rest + "}", 400);
  };
  EXPECT_EQ(lerr("", 400), "missing request body");
  EXPECT_EQ(refused(R"("documents":["a"])"), "\"query\" is required");
  EXPECT_EQ(refused(R"("query":5,"documents":["a"])"), "field \"query\": expected string");
  for (const char* none : {R"("query":"a")", R"("query":"a","documents":[])"})
    EXPECT_EQ(refused(none), "\"documents\" is required: a list of texts");
  EXPECT_EQ(refused(R"("query":"a","texts":[])"), "\"texts\" is required: a list of texts");
  EXPECT_EQ(refused(R"("query":"a","documents":["a",5])"),
            "field \"documents[1]\": expected string");
  for (const char* bad : {"0", "-1", "1.5", "\"2\""})
    EXPECT_NE(refused(R"("query":"a","documents":["a"],"top_n":)" + std::string(bad)), "") << bad;
  std::string text;
  for (int i = 0; i < 40; ++i) text += "the sky ";
  EXPECT_EQ(refused(R"("query":"the sky","documents":["a",")" + text + "\"]"),
            "document 1: query and document are 84 tokens together, the context has 64");
}

}  // namespace
}  // namespace engine
