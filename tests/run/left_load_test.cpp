// Loads that nobody waits for any more. The threads of the test stop where a load first needs them.
#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <thread>

#include "engine/core/log.h"
#include "engine/run/model_pool.h"
#include "tests/support/tiny_model.h"

namespace engine {
namespace {

using namespace std::chrono_literals;

// Computes nothing until it is opened.
class GatedPool : public ThreadPool {
 public:
  void run(int workers, void (*fn)(void* self, const Team&), void* self) noexcept override {
    if (!reached_.exchange(true)) at_gate_.set_value();
    opened_.wait();
    pool_->run(workers, fn, self);
  }
  int size() const override { return pool_->size(); }

  void wait_until_reached() { at_gate_.get_future().wait(); }
  void open() { open_.set_value(); }

 private:
  std::unique_ptr<ThreadPool> pool_ = ThreadPool::create(PoolKind::native, 2);
  std::promise<void> open_, at_gate_;
  std::shared_future<void> opened_ = open_.get_future().share();
  std::atomic<bool> reached_ = false;
};

class LeftLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::off);
    char folder[] = "/tmp/engine_left_load_XXXXXX";
    root_ = mkdtemp(folder);
    ASSERT_TRUE(testing::write_tiny_model(path_ = root_ + "/tiny.gguf"));
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  struct Waiter {
    ModelPool::Ticket ticket;
    std::future<std::string> told;
  };
  Waiter acquire(ModelPool& pool) const {
    auto promise = std::make_shared<std::promise<std::string>>();
    std::future<std::string> told = promise->get_future();
    PoolRequest request;
    request.path = path_;
    const auto ticket = pool.acquire(std::move(request), [promise](Result<ModelUse> use) {
      promise->set_value(use ? "loaded" : use.error().message);
    });
    return {ticket, std::move(told)};
  }

  std::string root_, path_;
  GatedPool threads_;
};

TEST_F(LeftLoadTest, ItEnds) {
  ModelPool pool({}, threads_);
  Waiter first = acquire(pool), second = acquire(pool);
  threads_.wait_until_reached();
  pool.cancel(first.ticket);
  pool.cancel(second.ticket);
  EXPECT_EQ(first.told.get(), "request canceled");
  EXPECT_EQ(second.told.get(), "request canceled");
  threads_.open();
  // One load at a time: this one begins when the other has ended.
  Waiter later = acquire(pool);
  EXPECT_EQ(later.told.get(), "loaded");
  const std::vector<PoolEntry> list = pool.list();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(pool.state().load_ns, list[0].info.load_ns) << "the first load did not get to its end";
}

TEST_F(LeftLoadTest, ItGoesOnForWhoIsLeft) {
  ModelPool pool({}, threads_);
  Waiter first = acquire(pool), second = acquire(pool);
  threads_.wait_until_reached();
  pool.cancel(first.ticket);
  EXPECT_EQ(first.told.get(), "request canceled");
  threads_.open();
  EXPECT_EQ(second.told.get(), "loaded");
  EXPECT_EQ(pool.state().load_ns, pool.list().at(0).info.load_ns);
}

TEST_F(LeftLoadTest, WhoComesAfterwardsGetsALoadOfItsOwn) {
  ModelPool pool({}, threads_);
  Waiter first = acquire(pool);
  threads_.wait_until_reached();
  pool.cancel(first.ticket);
  Waiter second = acquire(pool);
  threads_.open();
  EXPECT_EQ(second.told.get(), "loaded");
}

TEST_F(LeftLoadTest, ClosingCallsItOff) {
  ModelPool pool({}, threads_);
  Waiter waits = acquire(pool);
  threads_.wait_until_reached();
  pool.close();
  EXPECT_EQ(waits.told.get(), "server is shutting down");
  threads_.open();
  for (int i = 0; i < 100 && pool.list().empty(); ++i) std::this_thread::sleep_for(2ms);
  EXPECT_TRUE(pool.list().empty());
}

}  // namespace
}  // namespace engine
