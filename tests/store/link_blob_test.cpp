// Files that become blobs: as another name, as a copy; never under a digest that is not theirs.
#include "engine/store/link_blob.h"

#include <sys/stat.h>

#include "engine/core/sha256.h"
#include "engine/store/store_lock.h"
#include "tests/store/fixture.h"

namespace engine {
namespace {

class LinkBlobTest : public StoreTest {
 protected:
  static std::string digest_of_text(const std::string& text) {
    return "sha256:" + sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
  }
  Result<BlobOrigin> link(const std::string& digest, const std::string& file) {
    return link_blob(store_->blobs(), digest, file, [this](int64_t done) {
      seen_ = done;
      return Status(ok);
    });
  }
  static ino_t inode(const std::string& path) {
    struct stat st = {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
    return st.st_ino;
  }
  // Nothing but blobs lies around.
  size_t entries() const { return folder_entries(store_->blobs().folder(), false).size(); }
  int64_t seen_ = -1;
};

TEST_F(LinkBlobTest, AFileThatMayBeWrittenIsNoLink) {
  const std::string file = write("w", "some bytes"), digest = digest_of_text("some bytes");
  const auto made = link(digest, file);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_TRUE(*made == BlobOrigin::copy || *made == BlobOrigin::shared_blocks);
  EXPECT_EQ(seen_, 10);
  write("w", "other bytes");
  EXPECT_EQ(*store_->blobs().read_text(digest), "some bytes");
  EXPECT_EQ(*link(digest, file), BlobOrigin::existed) << "not read again";
  EXPECT_EQ(entries(), 1u);
}

TEST_F(LinkBlobTest, AFileOfOursThatNobodyWritesGetsAnotherName) {
  const std::string file = write("r", "fixed"), digest = digest_of_text("fixed");
  fs::permissions(file, fs::perms(0444));
  fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(3));
  fs::create_symlink(file, folder_ + "/alias");
  const auto made = link(digest, folder_ + "/alias");
  ASSERT_TRUE(made) << made.error().message;
  const std::string blob = store_->blobs().path(digest);
  if (*made != BlobOrigin::shared_blocks) {
    EXPECT_EQ(*made, BlobOrigin::hard_link);
    EXPECT_EQ(inode(blob), inode(file));
  }
  EXPECT_GT(fs::last_write_time(blob), fs::file_time_type::clock::now() - std::chrono::minutes(5))
      << "an old blob would be garbage";
  EXPECT_EQ(entries(), 1u);
  ASSERT_TRUE(store_->blobs().remove(digest));
  EXPECT_TRUE(fs::exists(file));

  // Readers other than the owner are needed: the server may be one.
  fs::permissions(file, fs::perms(0400));
  const auto closed = link(digest, file);
  ASSERT_TRUE(closed);
  EXPECT_NE(*closed, BlobOrigin::hard_link);
}

TEST_F(LinkBlobTest, NothingStaysOfWhatFails) {
  const std::string wrong = "sha256:" + std::string(64, 'a');
  for (const int mode : {0444, 0644}) {
    const std::string file = write("f" + std::to_string(mode), "x");
    fs::permissions(file, fs::perms(mode));
    const auto made = link(wrong, file);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Errc::corrupt);
    EXPECT_EQ(made.error().message,
              "digest mismatch, expected \"" + wrong + "\", got \"" + digest_of_text("x") + "\"");
    const auto stopped = link_blob(store_->blobs(), digest_of_text("x"), file, [](int64_t) {
      return Status(Error{Errc::cancelled, "stop"});
    });
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Errc::cancelled);
    EXPECT_TRUE(fs::exists(file));
  }
  EXPECT_FALSE(link("sha256:12", write("f", "x")));
  EXPECT_FALSE(link(wrong, folder_ + "/none"));
  EXPECT_FALSE(link(wrong, folder_));
  EXPECT_EQ(entries(), 0u);
}

TEST_F(LinkBlobTest, TheLockIsSharedMeanwhile) {
  bool busy = false;
  const std::string file = write("f", "x");
  ASSERT_TRUE(link_blob(store_->blobs(), digest_of_text("x"), file, [&](int64_t) {
    busy |=
        StoreLock(folder_ + "/models", StoreLock::exclusive, std::chrono::milliseconds(0)).busy();
    return Status(ok);
  }));
  EXPECT_TRUE(busy);
}

}  // namespace
}  // namespace engine
