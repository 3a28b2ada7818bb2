// Runtime: the threads of the server. One io thread accepts, reads and writes, and never computes
// or waits; two workers run handlers.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace engine {

// Thread-safe.
class Runtime {
 public:
  Runtime(int io_threads, int workers);
  // Stops: what has not begun is dropped.
  ~Runtime();

  boost::asio::io_context& io();
  // Runs fn on a worker, in order of arrival.
  void post_work(std::function<void()> fn);
  // Stops the io threads, then the workers after what they have begun. Idempotent.
  void stop();

 private:
  void work();

  struct Io;
  std::unique_ptr<Io> io_;
  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> io_threads_, workers_;
};

}  // namespace engine
