// Loads that stall. A named pipe is a file whose opening takes as long as nobody writes to it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <future>

#include "engine/core/log.h"
#include "engine/run/load_progress.h"
#include "engine/run/model_pool.h"
#include "tests/support/tiny_model.h"

namespace engine {
namespace {

using namespace std::chrono_literals;

class LoadTimeoutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::off);
    char folder[] = "/tmp/engine_load_test_XXXXXX";
    root_ = mkdtemp(folder);
    pipe_ = root_ + "/stalls.gguf";
    ASSERT_EQ(mkfifo(pipe_.c_str(), 0600), 0);
    model_ = root_ + "/tiny.gguf";
    ASSERT_TRUE(testing::write_tiny_model(model_));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  // The stalled open() returns.
  void release() const {
    for (int fd = -1; fd < 0; usleep(1000)) {
      fd = open(pipe_.c_str(), O_WRONLY | O_NONBLOCK);
      if (fd >= 0) close(fd);
    }
  }
  static std::future<std::string> acquire(ModelPool& pool, const std::string& path) {
    auto promise = std::make_shared<std::promise<std::string>>();
    std::future<std::string> out = promise->get_future();
    PoolRequest request;
    request.path = path;
    pool.acquire(std::move(request), [promise](Result<ModelUse> use) {
      promise->set_value(use ? "loaded" : use.error().message);
    });
    return out;
  }
  static bool ready(std::future<std::string>& f, std::chrono::milliseconds wait) {
    return f.wait_for(wait) == std::future_status::ready;
  }

  std::string root_, pipe_, model_;
  std::unique_ptr<ThreadPool> threads_ = ThreadPool::create(PoolKind::native, 1);
};

TEST_F(LoadTimeoutTest, WhoWaitsForAStalledLoadIsTold) {
  ModelPool pool({.load_timeout = 100ms}, *threads_);
  std::future<std::string> first = acquire(pool, pipe_), second = acquire(pool, pipe_),
                           other = acquire(pool, model_);
  for (std::future<std::string>* f : {&first, &second}) {
    ASSERT_TRUE(ready(*f, 10s));
    EXPECT_EQ(f->get(), "timed out waiting for model to load");
  }
  EXPECT_FALSE(ready(other, 50ms)) << "one load at a time, and the stalled one has not ended yet";
  release();
  ASSERT_TRUE(ready(other, 10s));
  EXPECT_EQ(other.get(), "loaded");
  EXPECT_EQ(pool.list().size(), 1u);
}

TEST_F(LoadTimeoutTest, WithoutALimitNothingIsCalledOff) {
  for (const std::chrono::nanoseconds never : {0ns, std::chrono::nanoseconds(kKeepForever)}) {
    ModelPool pool({.load_timeout = never}, *threads_);
    std::future<std::string> waits = acquire(pool, pipe_);
    EXPECT_FALSE(ready(waits, 200ms));
    release();
    ASSERT_TRUE(ready(waits, 10s));
    EXPECT_NE(waits.get().find("is not a regular file"), std::string::npos);
  }
}

TEST_F(LoadTimeoutTest, ALoadThatIsCalledOffEnds) {
  LoadOptions options;
  options.progress = std::make_shared<LoadProgress>();
  EXPECT_TRUE(Model::load(model_, options, *threads_));
  EXPECT_GT(options.progress->steps.load(), 3u) << "the weights are counted";
  options.progress->aborted = true;
  const auto model = Model::load(model_, options, *threads_);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace engine
