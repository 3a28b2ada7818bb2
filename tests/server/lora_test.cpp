// A model of the store with an adapter layer: it answers with the adapter, beside its base.
#include "tests/server/fixture.h"
#include "tests/support/tiny_lora.h"

namespace engine {
namespace {

class ServerLoraTest : public ServerTest {
 protected:
  // The layers of M and an adapter, as `name`.
  static void add_adapted(const std::string& name, const testing::TinyLora& lora) {
    const ModelStore store(root_);
    const auto base = store.find(*parse_model_name("M"));
    ASSERT_TRUE(base) << base.error().message;
    const std::string path = root_ + "/" + name + ".lora.gguf";
    const Status written = testing::write_tiny_lora(path, base->model_path, lora);
    ASSERT_TRUE(written) << written.error().message;
    const auto source = source_of_file(path);
    ASSERT_TRUE(source);
    const auto blob = store.put_blob("", *source);
    ASSERT_TRUE(blob) << blob.error().message;
    Manifest manifest = base->manifest;
    manifest.layers.push_back({std::string(media::kAdapter), blob->digest, blob->size, "", ""});
    const Status stored = store.write(*parse_model_name(name), manifest);
    ASSERT_TRUE(stored) << stored.error().message;
  }
  std::string answer(const std::string& model) {
    const std::string body =
        R"({"model":")" + model + R"(","prompt":"the sky is blue","stream":false})";
    return post_json("/api/generate", body)["response"];
  }
};

TEST_F(ServerLoraTest, AnswersWithTheAdapterBesideTheBase) {
  add_adapted("L", {.spread = 0.5f});
  add_adapted("L2", {.seed = 9, .spread = 0.5f});
  const std::string base = answer("M"), adapted = answer("L"), other = answer("L2");
  EXPECT_NE(adapted, base);
  EXPECT_NE(other, base);
  EXPECT_NE(other, adapted);
  EXPECT_EQ(answer("M"), base) << "the base is as it was";
  EXPECT_EQ(answer("L"), adapted);
  EXPECT_EQ(loaded().size(), 3u) << "no model was loaded twice or reloaded";
  int64_t base_size = 0, adapted_size = 0;
  const Json ps = parse(get("/api/ps").body);
  for (const Json& m : ps["models"])
    (m["name"] == "M:latest" ? base_size : adapted_size) = m["size"];
  EXPECT_GT(adapted_size, base_size);

  post_json("/api/generate", R"({"model":"L","keep_alive":0})");
  const std::vector<std::string> left = loaded();
  EXPECT_EQ(std::count(left.begin(), left.end(), "L:latest"), 0);
  EXPECT_EQ(left.size(), 2u) << "the others stay";
  const std::string shown = post_json("/api/show", R"({"model":"L"})")["modelfile"];
  EXPECT_NE(shown.find("\nADAPTER "), std::string::npos) << shown;
}

TEST_F(ServerLoraTest, ADraftModelIsLoadedWithoutTheAdapter) {
  add_adapted("L", {.spread = 0.5f});
  const std::string plain = answer("L");
  start([](ServerOptions& o) { o.draft = root_ + "/N.gguf", o.draft_required = true; });
  EXPECT_EQ(answer("L"), plain);
}

TEST_F(ServerLoraTest, ScalesAreListedAndSet) {
  add_adapted("L", {.spread = 0.5f});
  const std::string base = answer("M"), adapted = answer("L");
  Json list = parse(get("/lora-adapters?model=L").body);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["id"], 0);
  EXPECT_EQ(list[0]["scale"], 1);
  EXPECT_TRUE(std::filesystem::exists(list[0]["path"].get<std::string>()));
  EXPECT_EQ(parse(get("/lora-adapters?model=M").body), Json::array());

  EXPECT_EQ(post_json("/lora-adapters?model=L", "[]"), (Json{{"success", true}}));
  EXPECT_EQ(answer("L"), base) << "what is not named counts nothing";
  EXPECT_EQ(answer("M"), base);
  post_json("/lora-adapters?model=L", R"([{"id":0,"scale":0.25}])");
  const std::string less = answer("L");
  EXPECT_NE(less, base);
  EXPECT_NE(less, adapted);
  EXPECT_EQ(parse(get("/lora-adapters?model=L").body)[0]["scale"], 0.25);
  post_json("/lora-adapters?model=L", R"([{"id":0,"scale":1}])");
  EXPECT_EQ(answer("L"), adapted);
}

TEST_F(ServerLoraTest, ScalesOfOneRequest) {
  add_adapted("L", {.spread = 0.5f});
  const std::string base = answer("M"), adapted = answer("L");
  const auto with = [this](const std::string& lora) -> std::string {
    return post_json("/api/generate",
                     R"({"model":"L","prompt":"the sky is blue","stream":false,"lora":)" + lora +
                         "}")["response"];
  };
  EXPECT_EQ(with(R"([{"id":0,"scale":0}])"), base);
  EXPECT_EQ(with("[]"), base);
  EXPECT_EQ(with(R"([{"id":0,"scale":1}])"), adapted);
  EXPECT_EQ(answer("L"), adapted) << "the others are as they were";
  const std::string raw =
      R"({"model":"L","prompt":"the sky is blue","n_predict":8,"temperature":0)";
  EXPECT_NE(post_json("/completion", raw + R"(,"lora":[{"id":0,"scale":0}]})")["content"],
            post_json("/completion", raw + "}")["content"]);
  const std::string chat =
      R"({"model":"L","max_tokens":8,"temperature":0,"messages":[{"role":"user","content":"hi"}])";
  EXPECT_NE(post_json("/v1/chat/completions", chat + R"(,"lora":[]})")["choices"],
            post_json("/v1/chat/completions", chat + "}")["choices"]);
}

TEST_F(ServerLoraTest, WrongScales) {
  add_adapted("L", {.spread = 0.5f});
  const auto refused = [this](const std::string& body) -> std::string {
    return post_json("/lora-adapters?model=L", body, 400)["error"]["message"];
  };
  EXPECT_EQ(refused(R"([{"id":1,"scale":1}])"),
            "field \"adapters[0].id\": the model has 1 adapters, numbered from 0");
  EXPECT_EQ(refused(R"([{"id":0}])"), "field \"adapters[0].scale\": expected number");
  EXPECT_EQ(refused("[5]"), "field \"adapters[0]\": expected object");
  for (const char* body : {"", "{}", "5", "[],\"x\":[]", "["}) EXPECT_NE(refused(body), "") << body;
  EXPECT_EQ(post("/lora-adapters?model=X", "[]").status, 404);
  EXPECT_EQ(get("/lora-adapters").status, 400) << "no model is loaded";
}

TEST_F(ServerLoraTest, AdaptersOfTheCommandLine) {
  const std::string base = answer("M");
  const std::string path = root_ + "/line.gguf";
  ASSERT_TRUE(testing::write_tiny_lora(path, root_ + "/M.gguf", {.spread = 0.5f}));
  start([&](ServerOptions& o) {
    o.preload = "M";
    o.choice.adapters = {{path, 0.5f}};
  });
  EXPECT_NE(answer("M"), base);
  EXPECT_EQ(parse(get("/lora-adapters").body),
            Json::array({Json{{"id", 0}, {"path", path}, {"scale", 0.5}}}));
  post_json("/lora-adapters", R"([{"id":0,"scale":0}])");
  EXPECT_EQ(answer("M"), base);
}

TEST_F(ServerLoraTest, AnAdapterOfAnotherModelIsOneClearError) {
  add_adapted("W", {.arch = "gemma3"});
  for (const char* path : {"/api/generate", "/api/chat"}) {
    const std::string error = error_of(
        path, R"({"model":"W","prompt":"a","messages":[{"role":"user","content":"a"}]})", 500);
    EXPECT_NE(error.find("model arch and LoRA arch mismatch"), std::string::npos) << error;
  }
  EXPECT_FALSE(answer("M").empty());
}

}  // namespace
}  // namespace engine
