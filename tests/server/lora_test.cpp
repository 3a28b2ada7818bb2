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
