// A server that was started for one model: what its command line says of it, and what requests of
// other APIs need not say.
#include "tests/server/fixture.h"

namespace engine {
namespace {

class ModelChoiceTest : public ServerTest {
 protected:
  void SetUp() override {
    start_with([](ServerOptions&) {});
  }
  // For the file of M, as `mine`.
  void start_with(const std::function<void(ServerOptions&)>& change) {
    start([&](ServerOptions& o) {
      o.preload = root_ + "/M.gguf";
      o.preload_name = "mine";
      change(o);
    });
  }
  Json apply_template(const std::string& more = "") {
    return post_json("/apply-template",
                     R"({"messages":[{"role":"user","content":"hi"}])" + more + "}")["prompt"];
  }
};

constexpr const char* kHi = R"("messages":[{"role":"user","content":"hi"}])";

TEST_F(ModelChoiceTest, RequestsNeedNotNameTheModel) {
  const std::string hi = kHi;
  for (const std::string model : {R"()", R"("model":"gpt-4o",)", R"("model":"no name at all!",)"}) {
    Json r = post_json("/v1/chat/completions", "{" + model + R"("max_tokens":2,)" + hi + "}");
    EXPECT_EQ(r["model"], "mine:latest") << "the one that answered";
    EXPECT_EQ(r["usage"]["completion_tokens"], 2);
    r = post_json("/v1/completions", "{" + model + R"("max_tokens":2,"prompt":"a"})");
    EXPECT_EQ(r["model"], "mine:latest");
    r = post_json("/v1/messages", "{" + model + R"("max_tokens":2,)" + hi + "}");
    EXPECT_EQ(r["type"], "message");
    r = post_json("/v1/responses", "{" + model + R"("max_output_tokens":2,"input":"a"})");
    EXPECT_EQ(r["object"], "response");
    r = post_json("/completion", "{" + model + R"("n_predict":2,"prompt":"a"})");
    EXPECT_EQ(r["model"], "mine:latest");
    EXPECT_EQ(post_json("/tokenize", "{" + model + R"("content":"a"})")["tokens"].size(), 1u);
    r = post_json("/v1/embeddings", "{" + model + R"("input":"a"})", 501);
    EXPECT_EQ(r["error"]["message"], "this model does not support embeddings");
  }
  // A model of the store is that model, whatever the server was started for.
  EXPECT_EQ(
      post_json("/v1/chat/completions", R"({"model":"N","max_tokens":2,)" + hi + "}")["model"],
      "N");
  // The native API and hosted models are as ever.
  EXPECT_EQ(error_of("/api/chat", R"({"model":"gpt-4o",)" + hi + "}", 404),
            "model 'gpt-4o' not found");
  post_json("/v1/chat/completions", R"({"model":"gpt-oss:cloud",)" + hi + "}", 403);
}

TEST_F(ModelChoiceTest, WithoutOneModelANameIsNeeded) {
  start({});
  post_json("/v1/chat/completions", R"({"model":"gpt-4o",)" + std::string(kHi) + "}", 404);
  post_json("/v1/chat/completions", "{" + std::string(kHi) + "}", 400);
}

TEST_F(ModelChoiceTest, IsListed) {
  const Json models = parse(get("/v1/models").body)["data"];
  ASSERT_GE(models.size(), 1u);
  EXPECT_EQ(models[0]["id"], "mine:latest");
  bool found = false;
  const Json tags = parse(get("/api/tags").body);
  for (const Json& m : tags["models"]) found = found || m["name"] == "mine:latest";
  EXPECT_TRUE(found);
}

TEST_F(ModelChoiceTest, FilesBesideTheStoreAreServed) {
  start([](ServerOptions& o) { o.files = {root_ + "/T.gguf", root_ + "/none.gguf"}; });
  EXPECT_EQ(parse(get("/v1/models").body)["data"][0]["id"], "T:latest");
  EXPECT_EQ(post_json("/api/show", R"({"model":"T"})")["modelfile"].get<std::string>().find(
                root_ + "/T.gguf") != std::string::npos,
            true);
}

TEST_F(ModelChoiceTest, PropsTellOfIt) {
  const Json p = parse(get("/props").body);
  EXPECT_EQ(p["model_path"], root_ + "/M.gguf");
  EXPECT_EQ(p["models"], Json::array()) << "none is loaded";
  EXPECT_TRUE(p.contains("default_generation_settings"));
  EXPECT_TRUE(p["chat_template"].is_string());
}

TEST_F(ModelChoiceTest, OptionsOfTheCommandLine) {
  start_with([](ServerOptions& o) {
    o.choice.options = R"({"num_predict":3,"temperature":0})";
    o.choice.default_options = R"({"num_predict":5,"top_k":11})";
  });
  const Json params = parse(get("/props").body)["default_generation_settings"]["params"];
  EXPECT_EQ(params["num_predict"], 3);
  EXPECT_EQ(params["temperature"], 0);
  EXPECT_EQ(params["top_k"], 11);
  const std::string hi = kHi;
  const Json a = post_json("/v1/chat/completions", "{" + hi + "}");
  EXPECT_EQ(a["usage"]["completion_tokens"], 3);
  EXPECT_EQ(post_json("/v1/chat/completions",
                      R"({"max_tokens":4,)" + hi + "}")["usage"]["completion_tokens"],
            4);
  // The defaults of the OpenAI API (a temperature of 1) are not for this model: answers repeat.
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(post_json("/v1/chat/completions", "{" + hi + "}")["choices"], a["choices"]);
}

TEST_F(ModelChoiceTest, TheChatTemplateOfTheCommandLine) {
  const Json own = apply_template();
  start_with([](ServerOptions& o) {
    auto parsed = ChatTemplate::parse(
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{{ mood }}{{ more }}");
    ASSERT_TRUE(parsed);
    o.choice.chat = std::make_shared<const ChatTemplate>(std::move(*parsed));
    o.choice.variables = R"({"mood":" calm","more":"!"})";
  });
  EXPECT_EQ(apply_template(), "<user>hi calm!");
  EXPECT_EQ(apply_template(R"(,"chat_template_kwargs":{"mood":" wild"})"), "<user>hi wild!");
  EXPECT_NE(own, apply_template());
  EXPECT_EQ(parse(get("/props").body)["chat_template"].get<std::string>().find("{{ mood }}") !=
                std::string::npos,
            true);
  // Other models have their own.
  EXPECT_NE(post_json("/apply-template", R"({"model":"N",)" + std::string(kHi) + "}")["prompt"],
            "<user>hi calm!");
  post_json("/apply-template", R"({"chat_template_kwargs":5,)" + std::string(kHi) + "}", 400);
}

TEST_F(ModelChoiceTest, ThinkingByAVariableOrTheCommandLine) {
  const auto thinks = [this](const std::string& more) {
    const Json r = post_json("/v1/chat/completions",
                             "{" + more + R"("max_tokens":4,)" + std::string(kHi) + "}");
    return r["choices"][0]["message"].contains("reasoning");
  };
  start([](ServerOptions& o) { o.preload = "T"; });
  EXPECT_TRUE(thinks(""));
  EXPECT_FALSE(thinks(R"("chat_template_kwargs":{"enable_thinking":false},)"));
  start([](ServerOptions& o) { o.preload = "T", o.choice.think = "false"; });
  EXPECT_FALSE(thinks(""));
  EXPECT_TRUE(thinks(R"("chat_template_kwargs":{"enable_thinking":true},)"));
}

TEST_F(ModelChoiceTest, MetadataOfTheCommandLine) {
  const std::string ask = R"({"prompt":"the sky is blue","n_predict":8,"temperature":0})";
  const Json before = post_json("/completion", ask)["content"];
  start_with([](ServerOptions& o) { o.choice.overrides = {{"{arch}.rope.freq_base", 10.0}}; });
  EXPECT_NE(post_json("/completion", ask)["content"], before);
  start_with([](ServerOptions& o) { o.choice.overrides = {{"llama.block_count", int64_t{1}}}; });
  EXPECT_NE(post_json("/completion", ask)["content"], before);
}

}  // namespace
}  // namespace engine
