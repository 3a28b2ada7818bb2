// `engine pull` and `push` from the outside, and pulls that are killed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "tests/support/fake_registry.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using testing::Faults;

class PullProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-pull-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    home_ = name;
  }
  void TearDown() override {
    std::error_code ec;
    fs::remove_all(home_, ec);
  }
  static std::string read(const std::string& path) {
    std::string text(fs::exists(path) ? fs::file_size(path) : 0, '\0');
    std::ifstream(path, std::ios::binary)
        .read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }
  pid_t start(const std::vector<std::string>& arguments) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::setenv("HOME", home_.c_str(), 1);
    ::setenv("OLLAMA_HOST", "127.0.0.1:1", 1);
    ::unsetenv("OLLAMA_MODELS");
    ::dup2(::open((home_ + "/out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 1);
    ::dup2(::open((home_ + "/err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644), 2);
    std::vector<char*> argv = {const_cast<char*>("engine")};
    for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    ::execv(ENGINE_PROGRAM, argv.data());
    ::_exit(127);
  }
  static int wait(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  int run(const std::vector<std::string>& arguments) { return wait(start(arguments)); }
  std::string out() const { return read(home_ + "/out"); }
  std::string err() const { return read(home_ + "/err"); }
  std::string model() const { return registry_.host() + "/u/m"; }
  std::string blobs() const { return home_ + "/.ollama/models/blobs"; }

  testing::FakeRegistry registry_;
  std::string home_;
};

TEST_F(PullProgram, PullListPush) {
  registry_.add_model("u/m", {std::string(100'000, 'w'), "a license"});
  ASSERT_EQ(run({"pull", "--insecure", model()}), 0) << err();
  EXPECT_EQ(out(), "");
  EXPECT_NE(err().find("pulling manifest\n"), std::string::npos) << err();
  EXPECT_NE(err().find("success\n"), std::string::npos) << err();
  EXPECT_EQ(err().find('\x1b'), std::string::npos);
  ASSERT_EQ(run({"list", "-q"}), 0);
  EXPECT_EQ(out(), model() + ":latest\n");
  ASSERT_EQ(run({"push", "http://" + model()}), 0) << err();
  EXPECT_EQ(out(), "\nYou can find your model at:\n\n\t" + model() + ":latest\n");
}

TEST_F(PullProgram, OneClearErrorLine) {
  const auto error = [&](const std::vector<std::string>& arguments) {
    EXPECT_EQ(run(arguments), 1);
    EXPECT_EQ(out(), "");
    const std::string text = err(), start = "Error: ";
    return text.find(start) == std::string::npos ? text : text.substr(text.find(start));
  };
  EXPECT_EQ(error({"pull", "--insecure", model()}),
            "Error: pull model manifest: file does not exist\n");
  EXPECT_EQ(error({"pull", "a@b"}), "Error: 400 Bad Request: invalid model name\n");
  EXPECT_EQ(error({"pull"}), "Error: accepts 1 arg(s), received 0\n");
  EXPECT_EQ(error({"pull", "http://example.org/u/m"}), "Error: insecure protocol http\n");
  EXPECT_EQ(error({"push", "--insecure", model()}),
            "Error: model '" + model() + ":latest' not found\n");
  registry_.add_model("u/m", {"weights"});
  ASSERT_EQ(run({"pull", "--insecure", model()}), 0) << err();
  registry_.set([](Faults& f) { f.status = 401, f.status_times = -1; });
  EXPECT_EQ(error({"push", "--insecure", model()}),
            "Error: you are not authorized to push to this namespace, create the model under a "
            "namespace you own\n");
}

// A pull that is killed once, and one that is killed five times, at random moments, and taken up
// again each time. What was there is not fetched twice but for what waits in the sockets.
// ENGINE_TEST_PULL_MB sets another size than 300 MB.
TEST_F(PullProgram, KilledAndResumed) {
  const char* const mb = std::getenv("ENGINE_TEST_PULL_MB");
  const int64_t bytes = (mb != nullptr ? std::stoll(mb) : 300) * 1'000'000;
  std::string weights(static_cast<size_t>(bytes), '\0');
  uint32_t x = 12345;
  for (char& c : weights) {
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;
    c = static_cast<char>(x);
  }
  registry_.add_model("u/m", {weights});
  const std::string digest = registry_.add_blob(weights);
  const std::string path = blobs() + "/sha256-" + digest.substr(7);
  registry_.set([](Faults& f) { f.bytes_per_second = 150'000'000; });
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const int kills : {1, 5}) {
    fs::remove_all(home_ + "/.ollama");
    const int64_t before = registry_.blob_bytes();
    std::string moments = "killed after";
    for (int i = 0; i < kills; ++i) {  // somewhere in the i-th share of the bytes
      const int64_t moment =
          bytes * i / kills + std::uniform_int_distribution<int64_t>(
                                  bytes / kills / 20, bytes / kills * 9 / 10)(random);
      moments += " " + std::to_string(moment);
      SCOPED_TRACE(moments + " bytes");
      const pid_t child = start({"pull", "--insecure", model()});
      while (registry_.blob_bytes() - before < moment && ::waitpid(child, nullptr, WNOHANG) == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ::kill(child, SIGKILL);
      EXPECT_EQ(wait(child), 128 + SIGKILL);
      EXPECT_FALSE(fs::exists(path));
      ASSERT_EQ(run({"list", "-q"}), 0) << err();
      EXPECT_EQ(out(), "");
    }
    SCOPED_TRACE(moments + " bytes");
    ASSERT_EQ(run({"pull", "--insecure", model()}), 0) << err();
    EXPECT_TRUE(read(path) == weights);
    const int64_t fetched = registry_.blob_bytes() - before;
    // 2 % of 1 GB; of less, what is under way at each kill counts for more.
    constexpr int64_t kUnderWay = 2'000'000;
    EXPECT_LE(fetched, bytes + std::max(bytes / 50, kills * kUnderWay));
    RecordProperty("fetched_twice_bytes_" + std::to_string(kills), fetched - bytes);
    for (const auto& entry : fs::directory_iterator(blobs()))
      EXPECT_EQ(entry.path().filename().string().find("partial"), std::string::npos);
  }
}

}  // namespace
}  // namespace engine
