// fsck: each kind of finding, and a repair that removes garbage and nothing else.
#include "engine/store/fsck.h"

#include "engine/store/store_lock.h"
#include "tests/store/fixture.h"

namespace engine {
namespace {

class FsckTest : public StoreTest {
 protected:
  std::string root() const { return folder_ + "/models"; }
  FsckReport check() {
    auto report = check_store(root());
    EXPECT_TRUE(report) << report.error().message;
    return report ? std::move(*report) : FsckReport{};
  }
  // "kind kind", sorted by the order of the list.
  static std::string kinds(const FsckReport& report) {
    std::multiset<std::string> names;
    for (const Finding& f : report.findings) names.insert(std::string(kind_name(f.kind)));
    std::string out;
    for (const std::string& n : names) out += (out.empty() ? "" : " ") + n;
    return out;
  }
  std::string blob_path(const ModelRecord& r, std::string_view type) const {
    return store_->blobs().path(r.manifest.find(type)->digest);
  }
};

TEST_F(FsckTest, ASoundStore) {
  CreateSpec spec;
  spec.system = "be kind";
  create("a", spec);
  create("b", spec);
  const FsckReport report = check();
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(kinds(report), "");
  EXPECT_EQ(report.models, 2);
  EXPECT_EQ(report.blobs, 3);
  EXPECT_FALSE(check_store(folder_ + "/nothing"));
}

TEST_F(FsckTest, DamagedModels) {
  CreateSpec spec;
  spec.system = "be kind";
  spec.template_text = "{{ .Prompt }}";
  const ModelRecord r = create("m", spec);
  fs::remove(blob_path(r, media::kSystem));
  fs::resize_file(blob_path(r, media::kModel), 10);
  std::ofstream(blob_path(r, media::kTemplate)) << "{{ .PrompT }}";  // as long
  write("models/manifests/registry.ollama.ai/library/bad/latest", "{\"layers\":3}");
  write("models/manifests/registry.ollama.ai/library/-odd/latest", "{}");
  Manifest no_config;
  no_config.config = *store_->put_layer(media::kConfig, "[]");
  ASSERT_TRUE(store_->write(name("n"), no_config));
  FsckReport report = check();
  EXPECT_FALSE(report.sound());
  EXPECT_EQ(kinds(report), "bad_config bad_manifest bad_name missing_blob wrong_digest wrong_size");
  for (const Finding& f : report.findings) {
    EXPECT_FALSE(advice_of(f.kind).empty());
    EXPECT_TRUE(f.path.starts_with(root())) << f.path;
    if (f.kind == FindingKind::missing_blob) {
      EXPECT_EQ(f.detail, "model 'm:latest' needs it");
    }
  }
  ASSERT_TRUE(repair_store(root(), report));
  EXPECT_EQ(kinds(check()), kinds(report)) << "what is damaged is not removed";
}

TEST_F(FsckTest, GarbageGoesAndNothingElse) {
  create("m");
  const std::string unused = store_->blobs().path(blob_of("unused")),
                    fresh = store_->blobs().path(blob_of("fresh")),
                    temporary = write("models/blobs/engine-manifest-abc123", "x"),
                    of_upload = write("models/blobs/sha256-Xy12Zz", "x"),
                    a = "models/blobs/sha256-" + std::string(64, 'a'),
                    b = "models/blobs/sha256-" + std::string(64, 'b'),
                    partial = write(a + "-partial", "1234"), part = write(a + "-partial-0", "{}"),
                    orphan = write(b + "-partial-0", "{}");
  const std::string ended =
      write("models/blobs/" + fs::path(fresh).filename().string() + "-partial-3", "{}");
  for (const std::string& path : {unused, temporary, of_upload, partial, part, orphan, ended})
    make_old(path);
  fs::create_directories(root() + "/manifests/registry.ollama.ai/library/gone");
  fs::create_directories(root() + "/ollama-safetensors123");

  FsckReport report = check();
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(kinds(report),
            "conversion empty_folder left_over left_over left_over left_over partial unused_blob "
            "young_file");
  {
    const StoreLock adding(root(), StoreLock::shared);
    EXPECT_EQ(repair_store(root(), report).error().code, Errc::busy);
    EXPECT_TRUE(fs::exists(unused));
  }
  ASSERT_TRUE(repair_store(root(), report));
  for (const std::string& path : {unused, temporary, of_upload, orphan, ended})
    EXPECT_FALSE(fs::exists(path)) << path;
  for (const std::string& path : {fresh, partial, part}) EXPECT_TRUE(fs::exists(path)) << path;
  EXPECT_TRUE(store_->find(name("m")));
  EXPECT_EQ(kinds(check()), "conversion partial young_file");
}

TEST_F(FsckTest, RepairLooksAgain) {
  const std::string digest = blob_of("used in the end");
  make_old(store_->blobs().path(digest));
  FsckReport report = check();
  EXPECT_EQ(kinds(report), "unused_blob");
  Manifest m;
  m.layers.push_back({"t", digest, 15, "", ""});
  ASSERT_TRUE(store_->write(name("late"), m));
  ASSERT_TRUE(repair_store(root(), report));
  EXPECT_TRUE(store_->blobs().has(digest));
  EXPECT_EQ(kinds(check()), "");
}

TEST_F(FsckTest, NothingGoesBesideAManifestThatCannotBeRead) {
  const std::string unused = store_->blobs().path(blob_of("unused"));
  make_old(unused);
  write("models/manifests/registry.ollama.ai/library/bad/latest", "{");
  FsckReport report = check();
  ASSERT_TRUE(repair_store(root(), report));
  EXPECT_TRUE(fs::exists(unused));
}

TEST_F(FsckTest, OldNamesAndInterrupts) {
  write("models/blobs/sha256:" + std::string(64, 'a'), "x");
  EXPECT_EQ(kinds(check()), "old_name");
  create("m");
  int calls = 0;
  const auto stopped = check_store(root(), [&](int64_t done, int64_t total) {
    EXPECT_LE(done, total);
    return ++calls < 2;
  });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace engine
