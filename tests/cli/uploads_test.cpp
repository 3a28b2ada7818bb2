// Files of a create on their way to a server: several at once, by a link where server and client
// share a store, over the connection elsewhere.
#include "server/cli/uploads.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <span>

#include "engine/core/sha256.h"
#include "tests/cli/fake_server.h"
#include "tests/cli/process.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using cli::LocalFile;
using cli::ProgressView;
using cli::Uploads;

std::string digest_of_text(const std::string& text) {
  return "sha256:" + sha256_hex(std::as_bytes(std::span(text.data(), text.size())));
}

// Takes files when `expected` of them are under way, or after some seconds.
class SlowClient : public cli::Client {
 public:
  explicit SlowClient(size_t expected) : expected_(expected) {}
  bool in_process() const override { return false; }
  Status call(std::string_view, const std::string&, const Json*, const cli::OnObject&) override {
    return ok;
  }
  Status upload(const std::string& digest, const std::string& file, const Watch& watch) override {
    std::unique_lock lock(mutex_);
    digests.insert(digest);
    most = std::max(most, ++running_);
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(5), [this] { return most >= expected_; });
    --running_;
    lock.unlock();
    if (fs::path(file).filename() == bad) return Error{Errc::io, "no"};
    Status watched = watch(3);
    // Beside one that fails nothing comes to its end.
    for (int i = 0; i < 500 && !bad.empty() && watched; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      watched = watch(3);
    }
    const std::lock_guard again(mutex_);
    called_off += watched ? 0 : 1;
    return watched;
  }

  std::string bad;
  size_t most = 0, called_off = 0;
  std::set<std::string> digests;

 private:
  const size_t expected_;
  size_t running_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

class UploadsTest : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    out_ = std::tmpfile();
  }
  void TearDown() override {
    std::fclose(out_);
    ProcessTest::TearDown();
  }
  LocalFile file(const std::string& name, const std::string& text) {
    const std::string path = home_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return {name, path};
  }
  std::vector<LocalFile> files(int n) {
    std::vector<LocalFile> out;
    for (int i = 0; i < n; ++i) {
      const std::string name(1, static_cast<char>('a' + i));
      out.push_back(file(name, "text " + name));
    }
    return out;
  }
  std::string shown() {
    std::string text(static_cast<size_t>(std::ftell(out_)), '\0');
    std::rewind(out_);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), out_), text.size());
    return text;
  }
  std::FILE* out_ = nullptr;
};

TEST_F(UploadsTest, SeveralAtOnceEachWithItsLine) {
  SlowClient client(3);
  const auto all = files(5);
  Json list;
  {
    ProgressView view(out_);
    Uploads uploads(client, view, 3);
    uploads.add(all);
    uploads.add(all);
    ASSERT_TRUE(uploads.hash());
    ASSERT_TRUE(uploads.send());
    list = uploads.list(all);
  }
  EXPECT_EQ(client.most, 3u);
  EXPECT_EQ(client.digests.size(), 5u);
  const std::string text = shown();
  for (const LocalFile& f : all) {
    const std::string digest = digest_of_text("text " + f.name);
    EXPECT_EQ(list[f.name], digest);
    EXPECT_NE(text.find("copying file " + digest + " 50%\n"), std::string::npos) << text;
  }
  EXPECT_GE(cli::uploads_at_once(), 1);
  EXPECT_LE(cli::uploads_at_once(), 8);
}

TEST_F(UploadsTest, TheFirstErrorEndsTheOthers) {
  SlowClient client(2);
  const auto all = files(6);
  client.bad = "a";
  ProgressView view(out_);
  Uploads uploads(client, view, 2);
  uploads.add(all);
  ASSERT_TRUE(uploads.hash());
  const Status sent = uploads.send();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().message, home_ + "/a: no");
  EXPECT_EQ(client.digests.size(), 2u);
  EXPECT_EQ(client.called_off, 1u);

  Uploads missing(client, view, 2);
  missing.add({{"x", home_ + "/none"}});
  EXPECT_FALSE(missing.hash());
}

// `engine create` with a server; what the store has afterwards.
class SharedStore : public ProcessTest {
 protected:
  struct stat stat_of(const std::string& path) {
    struct stat st = {};
    EXPECT_EQ(::stat(path.c_str(), &st), 0) << path;
    return st;
  }
  std::string blob_of(const std::string& path) const {
    return home_ + "/models/blobs/sha256-" + digest_of_text(text_of(path)).substr(7);
  }
  // How many blobs came over the connection, by the log of the server.
  static size_t posts(const std::string& log) {
    size_t n = 0;
    for (size_t at = 0; (at = log.find("POST /api/blobs", at)) != std::string::npos; ++at) ++n;
    return n;
  }
  std::string modelfile(const std::string& model) {
    const std::string path = home_ + "/Modelfile";
    std::ofstream(path) << "FROM " << model << "\n";
    return path;
  }
};

TEST_F(SharedStore, FilesAreLinkedAndNotSent) {
  const std::string writable = tiny("writable", 1), fixed = tiny("fixed", 2);
  fs::permissions(fixed, fs::perms(0444));
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(5);
  fs::last_write_time(fixed, old);
  fs::create_directories(home_ + "/models");
  const std::string log = home_ + "/serve.err";
  ServeProcess server(spawn_server(), log);
  ASSERT_FALSE(server.address().empty()) << text_of(log);
  for (const auto& [name, path] :
       {std::pair<std::string, std::string>{"writable", writable}, {"fixed", fixed}}) {
    const Outcome made = run({"create", name, "-f", modelfile(path)}, server.address());
    ASSERT_EQ(made.code, 0) << made.err;
    EXPECT_NE(made.err.find(" 100%\n"), std::string::npos) << made.err;
    EXPECT_EQ(text_of(blob_of(path)), text_of(path));
  }
  EXPECT_EQ(posts(text_of(log)), 0u) << text_of(log);
  EXPECT_EQ(run({"list", "-q"}, server.address()).out, "fixed:latest\nwritable:latest\n");
  EXPECT_EQ(run({"fsck"}).code, 0);
  const Outcome check = run({"fsck"});
  EXPECT_EQ(check.out.find("note"), std::string::npos) << check.out;
  EXPECT_EQ(check.out.find("garbage"), std::string::npos) << check.out;
  // What may be written by its owner has no other name.
  EXPECT_NE(stat_of(blob_of(writable)).st_ino, stat_of(writable).st_ino);
  EXPECT_EQ(stat_of(fixed).st_mode & 0777, 0444u);
  ASSERT_EQ(run({"rm", "fixed", "writable"}, server.address()).code, 0);
  EXPECT_FALSE(fs::exists(blob_of(fixed)));
  EXPECT_TRUE(fs::exists(fixed));
}

TEST_F(SharedStore, AnotherStoreGetsTheFilesSent) {
  const std::string path = tiny("m", 1);
  const std::string log = home_ + "/serve.err";
  ServeProcess server(spawn_server(), log);
  ASSERT_FALSE(server.address().empty()) << text_of(log);
  // The program looks in another place than the server, at a store with nothing in it.
  const std::string served = home_;
  home_ += "/other";
  fs::create_directories(home_ + "/models");
  const Outcome made = run({"create", "m", "-f", modelfile(path)}, server.address());
  const bool left = !fs::is_empty(home_ + "/models");
  home_ = served;
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_FALSE(left) << "the probe and its folder are gone";
  EXPECT_EQ(posts(text_of(log)), 1u) << text_of(log);
  EXPECT_EQ(run({"list", "-q"}, server.address()).out, "m:latest\n");
}

// A server that says it has everything that was asked for but the file.
TEST_F(SharedStore, WhatTheServerDoesNotSeeIsSent) {
  const std::string path = tiny("m", 1);
  const std::string digest = digest_of_text(text_of(path));
  std::atomic<int> posted = 0;
  FakeServer server([&](const FakeServer::Request& r) -> FakeServer::Answer {
    if (r.path == "/api/blobs/" + digest) {
      posted += r.method == "POST";
      return {r.method == "POST" ? 201 : 404};
    }
    return {200, {R"({"status":"success"})"}};
  });
  fs::create_directories(home_ + "/models");
  const Outcome made = run({"create", "m", "-f", modelfile(path)}, server.host());
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(posted, 1);
}

}  // namespace
}  // namespace engine
