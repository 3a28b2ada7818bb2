// Jobs: long work that a request starts (pull, push), each on a thread of its own, so that the
// workers stay free for short requests.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace engine {

// Thread-safe.
class Jobs {
 public:
  Jobs();
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // Runs work; it looks at its token. What it throws is logged. The returned source stops this one
  // job. After stop() the token is stopped from the start.
  std::stop_source start(std::function<void(const std::stop_token&)> work);
  // Stops all and waits for them. Idempotent.
  void stop();

 private:
  struct Job;
  std::mutex mutex_;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Job>> jobs_;
};

}  // namespace engine
