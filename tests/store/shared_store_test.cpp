// One store and several programs: what Ollama writes, links, locks, a change in the middle of
// another one.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engine/core/sha256.h"
#include "engine/store/store_lock.h"
#include "tests/store/fixture.h"

namespace engine {
namespace {

class SharedStore : public StoreTest {
 protected:
  std::string root() const { return folder_ + "/models"; }
  std::string library() const { return root() + "/manifests/registry.ollama.ai/library"; }
  // A blob as another program writes it; its digest.
  std::string foreign_blob(const std::string& bytes) {
    const std::string hex = sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
    write("models/blobs/sha256-" + hex, bytes);
    return "sha256:" + hex;
  }
  static std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(SharedStore, WhatOllamaWrites) {
  const std::string weights = tiny_gguf(), go_template = "{{ .Prompt }}",
                    params = "{\"stop\":[\"\\u003cend\\u003e\"],\"temperature\":0.6}\n",
                    license = "MIT",
                    config =
                        "{\"model_format\":\"gguf\",\"model_family\":\"llama\",\"model_families\":["
                        "\"llama\"],\"model_type\":\"8\",\"file_type\":\"Q4_1\",\"architecture\":"
                        "\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
                        "]}}";
  std::string layers;
  const auto layer = [&](const char* type, const std::string& bytes, const char* more = "") {
    layers += (layers.empty() ? "" : ",") + std::string("{\"mediaType\":\"application/") +
              "vnd.ollama.image." + type + "\",\"digest\":\"" + foreign_blob(bytes) +
              "\",\"size\":" + std::to_string(bytes.size()) + more + "}";
  };
  layer("model", weights, ",\"from\":\"/tmp/x.gguf\"");
  layer("template", go_template);
  layer("params", params);
  layer("license", license);
  layer("future", "what nobody knows yet");
  const std::string manifest =
      "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\","
      "\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"digest\":\"" +
      foreign_blob(config) + "\",\"size\":" + std::to_string(config.size()) + "},\"layers\":[" +
      layers + "]}";  // no newline at the end: as a registry sends it
  write("models/manifests/registry.ollama.ai/library/qwen/1.5b", manifest);

  const auto list = store_->list();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].name.short_form(), "qwen:1.5b");
  EXPECT_EQ(list[0].digest, sha256_hex(std::as_bytes(std::span(manifest.data(), manifest.size()))));
  const auto found = store_->find(name("qwen:1.5b"));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->template_text, go_template);
  EXPECT_EQ(found->params, params);
  EXPECT_EQ(found->parent, "/tmp/x.gguf");

  ASSERT_TRUE(store_->copy(name("qwen:1.5b"), name("u/copy")));
  EXPECT_EQ(text_of(root() + "/manifests/registry.ollama.ai/u/copy/latest"), manifest);
  ASSERT_TRUE(store_->remove(name("qwen:1.5b")));
  EXPECT_EQ(blob_count(), 6u) << "also the layer of an unknown type stays";
  EXPECT_TRUE(store_->find(name("u/copy")));
  ASSERT_TRUE(store_->remove(name("u/copy")));
  EXPECT_EQ(blob_count(), 0u);
}

TEST_F(SharedStore, TheSameParametersAreTheSameBlobAsOllamas) {
  const std::string digest =
      foreign_blob("{\"stop\":[\"\\u003c|im_end|\\u003e\"],\"temperature\":0.6,\"top_k\":20}\n");
  CreateSpec spec;
  spec.params = "{ \"top_k\": 20, \"temperature\": 0.6, \"stop\": [\"<|im_end|>\"] }";
  EXPECT_EQ(create("m", spec).manifest.find(media::kParams)->digest, digest);
}

TEST_F(SharedStore, BytesOfAManifestAreKept) {
  const std::string digest = blob_of("x");
  const std::string bytes = "{ \"layers\" : [ {\"mediaType\":\"t\",\"digest\":\"" + digest +
                            "\",\"size\":1} ],\"annotations\":{} }";
  ASSERT_TRUE(store_->write_bytes(name("pulled"), bytes));
  EXPECT_EQ(text_of(library() + "/pulled/latest"), bytes);
  struct stat st;
  ASSERT_EQ(::stat((library() + "/pulled/latest").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0644u);
  const auto broken = store_->write_bytes(name("broken"), "{\"layers\":3}");
  EXPECT_FALSE(broken);
  EXPECT_FALSE(store_->has(name("broken")));
}

TEST_F(SharedStore, NoManifestWithoutItsBlobs) {
  Manifest m;
  m.layers.push_back({"t", "sha256:" + std::string(64, 'e'), 1, "", ""});
  const auto written = store_->write(name("m"), m);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("blob \"sha256:eeee"), std::string::npos);
  EXPECT_FALSE(store_->has(name("m")));
}

TEST_F(SharedStore, ReplacingAManifestShowsWhatIsUnused) {
  create("a", {}, 1.0f);
  const Manifest old = *store_->manifest(name("a"));
  EXPECT_TRUE(store_->unused(old).empty());
  CreateSpec spec;
  spec.gguf_path = write("b.gguf", tiny_gguf(2.0f));
  ASSERT_TRUE(store_->create(name("b"), spec));
  ASSERT_TRUE(store_->write_bytes(name("a"), write_manifest(*store_->manifest(name("b")))));
  // the configs are equal, the weights are not
  EXPECT_EQ(store_->unused(old), std::vector<std::string>{old.layers[0].digest});
  ::setenv("OLLAMA_NOPRUNE", "1", 1);
  EXPECT_TRUE(store_->unused(old).empty());
  ASSERT_TRUE(store_->remove_unused(old));
  EXPECT_TRUE(store_->blobs().has(old.layers[0].digest));
  ::unsetenv("OLLAMA_NOPRUNE");
  ASSERT_TRUE(store_->remove_unused(old));
  EXPECT_FALSE(store_->blobs().has(old.layers[0].digest));
}

TEST_F(SharedStore, LayersOfBlobsThatAreThere) {
  const std::string digest = blob_of("hello");
  make_old(store_->blobs().path(digest));
  const auto layer = store_->layer_of_blob(media::kSystem, digest);
  ASSERT_TRUE(layer);
  EXPECT_EQ(layer->size, 5);
  EXPECT_LT(fs::file_time_type::clock::now() - fs::last_write_time(store_->blobs().path(digest)),
            std::chrono::minutes(1));
  const std::string none = "sha256:" + std::string(64, '0');
  EXPECT_EQ(store_->layer_of_blob("t", none).error().message, "blob \"" + none + "\" not found");
  EXPECT_EQ(store_->layer_of_blob("t", "sha256:zz").error().message, "invalid digest format");
}

TEST_F(SharedStore, WhileSomebodyAddsYoungBlobsStay) {
  create("young");
  create("old", {}, 2.0f);
  const Manifest old = *store_->manifest(name("old"));
  make_old(store_->blobs().path(old.layers[0].digest));
  const std::string young = store_->manifest(name("young"))->layers[0].digest;
  {
    const StoreLock adding(root(), StoreLock::shared);
    ASSERT_TRUE(store_->remove(name("young")));
    ASSERT_TRUE(store_->remove(name("old")));
    EXPECT_TRUE(store_->blobs().has(young));
    EXPECT_FALSE(store_->blobs().has(old.layers[0].digest));
    make_old(store_->blobs().path(young));
    store_->prune();
    EXPECT_TRUE(store_->blobs().has(young)) << "no pruning beside somebody who adds";
  }
  store_->prune();
  EXPECT_FALSE(store_->blobs().has(young));
}

TEST_F(SharedStore, PruneLeavesADownloadThatGoesOn) {
  create("keep");
  const std::string partial =
      write("models/blobs/sha256-" + std::string(64, 'a') + "-partial", "x");
  make_old(partial);
  {
    const Descriptor holder(::open(partial.c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::flock(holder.fd, LOCK_EX), 0);
    store_->prune();
    EXPECT_TRUE(fs::exists(partial));
  }
  store_->prune();
  EXPECT_FALSE(fs::exists(partial));
}

TEST_F(SharedStore, PruneWaitsForNamesToBeInOrder) {
  const std::string unused = blob_of("unused");
  make_old(store_->blobs().path(unused));
  write("models/manifests/registry.ollama.ai/library/-odd/latest", "{}");
  store_->prune();
  EXPECT_TRUE(store_->blobs().has(unused));
  fs::remove_all(library() + "/-odd");
  write("models/manifests/registry.ollama.ai/library/.hidden/latest", "not read");
  store_->prune();
  EXPECT_FALSE(store_->blobs().has(unused));
}

TEST_F(SharedStore, BlobsOfVeryOldStoresGetTheirName) {
  const ModelRecord r = create("m");
  const std::string now = r.model_path;
  std::string before = now;
  before[before.rfind('-')] = ':';
  fs::rename(now, before);
  ::setenv("OLLAMA_NOPRUNE", "1", 1);  // that is no pruning
  store_->prune();
  ::unsetenv("OLLAMA_NOPRUNE");
  EXPECT_TRUE(fs::exists(now));
  EXPECT_FALSE(fs::exists(before));
}

TEST_F(SharedStore, LinkedFoldersAreReadAndStay) {
  create("m");
  // the folder of a namespace elsewhere, blobs on another disk
  fs::create_directories(folder_ + "/elsewhere/linked-model");
  fs::create_directories(folder_ + "/empty");
  fs::create_directory_symlink(folder_ + "/elsewhere",
                               root() + "/manifests/registry.ollama.ai/space");
  fs::create_directory_symlink(folder_ + "/empty", root() + "/manifests/registry.ollama.ai/none");
  ASSERT_TRUE(store_->copy(name("m"), name("space/linked-model")));
  EXPECT_TRUE(fs::exists(folder_ + "/elsewhere/linked-model/latest"));
  EXPECT_EQ(store_->list().size(), 2u);
  ASSERT_TRUE(store_->remove(name("space/linked-model")));
  EXPECT_TRUE(fs::exists(folder_ + "/elsewhere/linked-model")) << "not entered";
  EXPECT_TRUE(fs::is_symlink(root() + "/manifests/registry.ollama.ai/space"));
  EXPECT_TRUE(fs::is_symlink(root() + "/manifests/registry.ollama.ai/none"));
  fs::rename(root() + "/blobs", folder_ + "/disk");
  fs::create_directory_symlink(folder_ + "/disk", root() + "/blobs");
  EXPECT_TRUE(store_->find(name("m")));
  create("n", {}, 2.0f);
  ASSERT_TRUE(store_->remove(name("m")));
  ASSERT_TRUE(store_->remove(name("n")));
  EXPECT_TRUE(fs::is_symlink(root() + "/blobs"));
  EXPECT_TRUE(folder_entries(folder_ + "/disk", false).empty());
}

// blobs/ and manifests/ on two file systems, where a rename from one to the other does not work.
TEST_F(SharedStore, ManifestsOnAnotherFileSystem) {
  struct stat here, there;
  if (::stat(folder_.c_str(), &here) != 0 || ::stat("/dev/shm", &there) != 0 ||
      here.st_dev == there.st_dev)
    GTEST_SKIP() << "needs /dev/shm on a file system of its own";
  std::string shm = "/dev/shm/engine-store-XXXXXX";
  ASSERT_NE(::mkdtemp(shm.data()), nullptr);
  fs::create_directories(root());
  fs::create_directory_symlink(shm, root() + "/manifests");
  create("m");
  EXPECT_TRUE(store_->find(name("m")));
  for (const auto& e : fs::recursive_directory_iterator(shm))
    EXPECT_EQ(e.path().filename().string().find("engine-manifest"), std::string::npos);
  fs::remove_all(shm);
}

TEST_F(SharedStore, ChangesByOthersAreSeen) {
  create("m", {}, 1.0f);
  const std::string first = store_->list()[0].digest;
  ModelStore other(root());
  CreateSpec spec;
  spec.gguf_path = write("in2.gguf", tiny_gguf(2.0f));
  ASSERT_TRUE(other.create(name("m"), spec));
  EXPECT_NE(store_->list()[0].digest, first);
  ASSERT_TRUE(other.remove(name("m")));
  EXPECT_TRUE(store_->list().empty());
  EXPECT_FALSE(store_->find(name("m")));
}

TEST_F(SharedStore, WhereNothingCanBeWrittenThePathIsNamed) {
  write("file", "no folder");
  const ModelStore store(folder_ + "/file/models");
  EXPECT_TRUE(store.list().empty());
  const auto put = store.put_blob("", source_of("x"));
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().message.find(folder_ + "/file/models"), std::string::npos)
      << put.error().message;
  EXPECT_NE(put.error().message.find("ensure path elements are traversable"), std::string::npos);
}

TEST_F(SharedStore, SpaceIsLookedForBefore) {
  const int64_t much = int64_t{1} << 60;
  const auto put = store_->put_blob("", source_of("x"), much);
  ASSERT_FALSE(put);
  EXPECT_TRUE(put.error().message.starts_with("not enough disk space in ")) << put.error().message;
  EXPECT_NE(put.error().message.find("need 1152921 TB, have "), std::string::npos)
      << put.error().message;
  EXPECT_FALSE(fs::exists(root() + "/blobs")) << "nothing was begun";
}

// Two processes that create, copy and remove the same names at the same time.
TEST_F(SharedStore, TwoProcessesAtOnce) {
  const std::string one = write("one.gguf", tiny_gguf(1.0f)),
                    two = write("two.gguf", tiny_gguf(2.0f));
  CreateSpec keep;
  keep.gguf_path = one;
  ASSERT_TRUE(store_->create(name("keep"), keep));
  const auto work = [&](unsigned seed) {
    const ModelStore store(root());
    for (int i = 0; i < 150; ++i) {
      seed = seed * 1664525u + 1013904223u;
      CreateSpec spec;
      spec.gguf_path = (seed >> 16) % 2 ? one : two;
      const ModelName a = name("a"), b = name("b");
      Status status = ok;
      switch ((seed >> 20) % 3) {
        case 0:
          if (auto r = store.create(a, spec); !r) status = r.error();
          break;
        case 1:
          status = store.copy(a, b);
          break;
        default:
          status = store.remove((seed >> 24) % 2 ? a : b);
      }
      // The other process may have been faster; whatever else fails is a fault.
      if (!status && status.error().code != Errc::not_found &&
          status.error().message.find("not found") == std::string::npos) {
        std::fprintf(stderr, "%s\n", status.error().message.c_str());
        return 1;
      }
    }
    return 0;
  };
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(work(1));
  EXPECT_EQ(work(2), 0);
  int code = -1;
  ASSERT_EQ(::waitpid(child, &code, 0), child);
  EXPECT_EQ(code, 0);
  ASSERT_TRUE(store_->find(name("keep")));
  for (const ListedModel& m : store_->list()) {
    const auto record = store_->find(m.name);
    ASSERT_TRUE(record) << record.error().message;
    EXPECT_TRUE(fs::exists(record->model_path)) << m.name.short_form();
  }
}

}  // namespace
}  // namespace engine
