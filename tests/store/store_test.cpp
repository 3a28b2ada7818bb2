// The store on disk: blobs, creating, listing, copying, removing, sharing, pruning, locating.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/store/describe.h"
#include "engine/store/model_store.h"
#include "tests/store/fixture.h"

namespace engine {
namespace {

TEST_F(StoreTest, CreateFindAndList) {
  CreateSpec spec;
  spec.template_text = "{{ .Prompt }}";
  spec.system = "be kind";
  spec.params = "{\"stop\":[\"<end>\"]}";
  spec.licenses = {"MIT"};
  const ModelRecord r = create("tiny", spec);
  EXPECT_EQ(r.name.short_form(), "tiny:latest");
  EXPECT_EQ(r.template_text, "{{ .Prompt }}");
  EXPECT_EQ(r.system, "be kind");
  EXPECT_EQ(r.params, "{\"stop\":[\"\\u003cend\\u003e\"]}\n") << "as every writer hashes it";
  ASSERT_EQ(r.licenses.size(), 1u);
  EXPECT_EQ(r.config.family, "llama");
  EXPECT_EQ(r.config.file_type, "Q4_1");
  EXPECT_EQ(r.config.parameter_size, "8");
  EXPECT_EQ(r.digest.size(), 64u);
  EXPECT_EQ(r.manifest.layers[0].media_type, media::kModel);
  std::ifstream blob(r.model_path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(blob), {}), tiny_gguf());

  const auto list = store_->list();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].digest, r.digest);
  EXPECT_EQ(list[0].size, r.size);
  EXPECT_EQ(list[0].config.parameter_size, "8");
  EXPECT_TRUE(
      fs::is_regular_file(folder_ + "/models/manifests/registry.ollama.ai/library/tiny/latest"));
}

TEST_F(StoreTest, NewestFirstAlsoWithinASecond) {
  const fs::path library = folder_ + "/models/manifests/registry.ollama.ai/library";
  const auto second = fs::file_time_type(
      std::chrono::ceil<std::chrono::seconds>(fs::file_time_type::clock::now().time_since_epoch()));
  const char* const oldest_first[] = {"a", "c", "b"};
  for (int i = 0; i < 3; ++i) {
    create(oldest_first[i], {});
    fs::last_write_time(library / oldest_first[i] / "latest",
                        second + std::chrono::milliseconds(100 * i));
  }
  std::string order;
  for (const ListedModel& m : store_->list()) order += m.name.model;
  EXPECT_EQ(order, "bca");
}

TEST_F(StoreTest, EmptyStore) {
  EXPECT_TRUE(store_->list().empty());
  const auto r = store_->find(name("nothing"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::not_found);
  EXPECT_EQ(r.error().message, "model 'nothing:latest' not found");
  store_->prune();
}

TEST_F(StoreTest, NamesIgnoreCase) {
  create("Tiny:V1");
  EXPECT_TRUE(store_->has(name("tiny:v1")));
  EXPECT_EQ(store_->find(name("TINY:v1"))->name.short_form(), "Tiny:V1");
  create("tiny:v2");  // joins the folder that exists
  EXPECT_EQ(store_->find(name("tiny:v2"))->name.short_form(), "Tiny:v2");
}

TEST_F(StoreTest, CopyKeepsTheBytes) {
  const ModelRecord r = create("a");
  ASSERT_TRUE(store_->copy(name("a"), name("u/b:x")));
  EXPECT_EQ(store_->find(name("u/b:x"))->digest, r.digest);
  EXPECT_TRUE(store_->copy(name("a"), name("a")));
  const auto missing = store_->copy(name("zz"), name("b"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "model \"zz:latest\" not found");
}

TEST_F(StoreTest, RemoveKeepsSharedBlobs) {
  CreateSpec spec;
  spec.system = "shared";
  create("a", spec);
  spec.licenses = {"only of b"};
  create("b", spec);
  EXPECT_EQ(blob_count(), 4u);  // weights, system, config, license
  ASSERT_TRUE(store_->remove(name("b")));
  EXPECT_EQ(blob_count(), 3u);
  EXPECT_EQ(store_->find(name("a"))->system, "shared");
  ASSERT_TRUE(store_->remove(name("a")));
  EXPECT_EQ(blob_count(), 0u);
  EXPECT_TRUE(fs::is_empty(folder_ + "/models/manifests"));
  EXPECT_EQ(store_->remove(name("a")).error().code, Errc::not_found);
}

TEST_F(StoreTest, CreateOverAnOldVersionDropsItsBlobs) {
  create("a", {}, 1.0f);
  create("a", {}, 2.0f);
  EXPECT_EQ(blob_count(), 2u);
  EXPECT_EQ(store_->list().size(), 1u);
}

TEST_F(StoreTest, PutBlobVerifies) {
  const auto blob = store_->put_blob("", source_of("hello"));
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->digest,
            "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(blob->size, 5);
  EXPECT_FALSE(blob->existed);
  EXPECT_TRUE(store_->put_blob(blob->digest, source_of("hello"))->existed);
  const auto wrong = store_->put_blob(blob->digest, source_of("hullo"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::corrupt);
  EXPECT_FALSE(store_->put_blob("sha256:../../x", source_of("x")));
  EXPECT_EQ(blob_count(), 1u) << "no temporary file stays behind";
  struct stat st;
  ASSERT_EQ(::stat(store_->blobs().path(blob->digest).c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0644u);
}

TEST_F(StoreTest, ASourceThatFailsLeavesNothing) {
  int calls = 0;
  const auto r = store_->put_blob("", [&](std::span<std::byte> out) -> Result<size_t> {
    if (calls++ > 0) return Error{Errc::io, "cable cut"};
    out[0] = std::byte{1};
    return size_t{1};
  });
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().message, "cable cut");
  EXPECT_EQ(blob_count(), 0u);
}

TEST_F(StoreTest, BrokenManifestsAreSkippedAndNamed) {
  create("good");
  write("models/manifests/registry.ollama.ai/library/bad/latest",
        "{\"layers\":[{\"digest\":\"../../../etc/passwd\"}]}");
  write("models/manifests/registry.ollama.ai/library/-odd/latest", "{}");
  write("models/manifests/registry.ollama.ai/library/.hidden/latest", "{}");
  EXPECT_EQ(store_->list().size(), 1u);
  const auto r = store_->find(name("bad"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, Errc::corrupt);
  EXPECT_NE(r.error().message.find("invalid digest format"), std::string::npos)
      << r.error().message;
  EXPECT_TRUE(store_->remove(name("bad")));
}

TEST_F(StoreTest, ManifestsOfOtherProgramsAreRead) {
  // A manifest with the old template type, a layer type nobody knows
  // and a blob name written by another program.
  const auto weights = *store_->put_blob("", source_of(tiny_gguf()));
  const auto prompt = *store_->put_blob("", source_of("old prompt"));
  write("models/manifests/registry.ollama.ai/library/theirs/7b",
        "{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"application/"
        "vnd.ollama.image.model\",\"digest\":\"" +
            weights.digest +
            "\",\"size\":1,\"from\":\"base:latest\"},{\"mediaType\":\"application/"
            "vnd.ollama.image.prompt\",\"digest\":\"" +
            prompt.digest + "\",\"size\":10},{\"mediaType\":\"x/unknown\",\"digest\":\"sha256:" +
            std::string(64, '0') + "\",\"size\":5}],\"future\":[1]}");
  const auto r = store_->find(name("theirs:7b"));
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->template_text, "old prompt");
  EXPECT_EQ(r->parent, "base:latest");
  EXPECT_EQ(r->size, 16);
}

TEST_F(StoreTest, PruneRemovesOldLeftovers) {
  create("keep");
  const auto unused = *store_->put_blob("", source_of("unused"));
  const auto fresh = *store_->put_blob("", source_of("fresh"));
  const std::string partial =
      write("models/blobs/sha256-" + std::string(64, 'a') + "-partial", "x");
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(2);
  fs::last_write_time(store_->blobs().path(unused.digest), old);
  fs::last_write_time(partial, old);
  const ModelRecord keep = std::move(*store_->find(name("keep")));
  for (const Layer& l : keep.manifest.layers)
    fs::last_write_time(store_->blobs().path(l.digest), old);

  write("models/manifests/registry.ollama.ai/library/bad/latest", "not json");
  store_->prune();  // a broken manifest: nothing is touched
  EXPECT_TRUE(store_->blobs().has(unused.digest));
  ASSERT_TRUE(store_->remove(name("bad")));

  ::setenv("OLLAMA_NOPRUNE", "1", 1);
  store_->prune();
  EXPECT_TRUE(store_->blobs().has(unused.digest));
  ::unsetenv("OLLAMA_NOPRUNE");

  store_->prune();
  EXPECT_FALSE(store_->blobs().has(unused.digest));
  EXPECT_FALSE(fs::exists(partial));
  EXPECT_TRUE(store_->blobs().has(fresh.digest));
  EXPECT_TRUE(store_->find(name("keep")));
}

TEST_F(StoreTest, CreateRefusesWhatIsNoModel) {
  CreateSpec spec;
  spec.gguf_path = write("x.gguf", "GGUF but not really");
  EXPECT_FALSE(store_->create(name("x"), spec));
  spec.gguf_path = folder_ + "/missing.gguf";
  EXPECT_EQ(store_->create(name("x"), spec).error().code, Errc::not_found);
  spec.gguf_path = write("in.gguf", tiny_gguf());
  spec.params = "[1,2]";
  EXPECT_EQ(store_->create(name("x"), spec).error().code, Errc::invalid_argument);
  EXPECT_FALSE(store_->has(name("x")));
}

TEST_F(StoreTest, LocateTakesPathsAndNames) {
  const std::string path = write("some file", tiny_gguf());
  auto by_path = locate_model(*store_, path);
  ASSERT_TRUE(by_path);
  EXPECT_EQ(by_path->path, path);
  EXPECT_FALSE(by_path->in_store);
  create("tiny:v1");
  auto by_name = locate_model(*store_, "TINY:v1");
  ASSERT_TRUE(by_name);
  EXPECT_TRUE(by_name->in_store);
  EXPECT_EQ(by_name->path, by_name->record.model_path);
  EXPECT_EQ(locate_model(*store_, "./none.gguf").error().code, Errc::not_found);
  EXPECT_NE(locate_model(*store_, "none").error().message.find("engine list"), std::string::npos);
  EXPECT_EQ(locate_model(*store_, folder_).error().code, Errc::invalid_argument);
}

TEST_F(StoreTest, DefaultRootComesFromTheEnvironment) {
  ::setenv("OLLAMA_MODELS", " \"/some/where\" ", 1);
  EXPECT_EQ(ModelStore::open_default()->root(), "/some/where");
  ::setenv("OLLAMA_MODELS", "'/x y\"", 1);
  EXPECT_EQ(ModelStore::open_default()->root(), "/x y");
  ::unsetenv("OLLAMA_MODELS");
  EXPECT_EQ(ModelStore::open_default()->root(),
            std::string(std::getenv("HOME")) + "/.ollama/models");
}

TEST(Describe, ParameterText) {
  EXPECT_EQ(parameter_text(999), "999");
  EXPECT_EQ(parameter_text(12345), "12K");
  EXPECT_EQ(parameter_text(125'000'000), "125M");
  EXPECT_EQ(parameter_text(134'515'008), "134.52M");
  EXPECT_EQ(parameter_text(1'000'000'000), "1B");
  EXPECT_EQ(parameter_text(1'777'088'000), "1.8B");
}

}  // namespace
}  // namespace engine
