// Thread entries of the server:
// exceptions that a library throws end here and never end the process.
#include "server/http/runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

#include "engine/core/log.h"

namespace engine {

struct Runtime::Io {
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard{
      context.get_executor()};
};

Runtime::Runtime(int io_threads, int workers) : io_(std::make_unique<Io>()) {
  for (int i = 0; i < io_threads; ++i) {
    io_threads_.emplace_back([this] {
      for (;;) {
        try {
          io_->context.run();
          return;
        } catch (const std::exception& e) {
          log_error("io thread: {}", e.what());
        }
      }
    });
  }
  for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
}

Runtime::~Runtime() {
  stop();
  // Handlers that asio still holds may own sessions; they go before the queue and its lock do.
  io_.reset();
}

boost::asio::io_context& Runtime::io() {
  return io_->context;
}

void Runtime::post_work(std::function<void()> fn) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(fn));
  }
  wakes_.notify_one();
}

void Runtime::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wakes_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    std::function<void()> fn = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      fn();
    } catch (const std::exception& e) {
      log_error("worker: {}", e.what());
    }
    fn = nullptr;
    lock.lock();
  }
}

void Runtime::stop() {
  std::deque<std::function<void()>> dropped;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  wakes_.notify_all();
  for (std::thread& t : workers_)
    if (t.joinable()) t.join();
  dropped.clear();  // replies in it answer 500 through the io threads, which still run
  io_->context.stop();
  for (std::thread& t : io_threads_)
    if (t.joinable()) t.join();
  // What was posted last still runs, so that an answer that was about
  // to start is cancelled instead of forgotten.
  io_->context.restart();
  io_->context.poll();
}

}  // namespace engine
