// Threads that have ended are joined when the next one starts.
#include "server/jobs.h"

#include <atomic>
#include <exception>

#include "engine/core/log.h"

namespace engine {

struct Jobs::Job {
  std::stop_source stop;
  std::atomic<bool> ended = false;
  std::thread thread;
};

Jobs::Jobs() = default;
Jobs::~Jobs() {
  stop();
}

std::stop_source Jobs::start(std::function<void(const std::stop_token&)> work) {
  const std::lock_guard lock(mutex_);
  std::erase_if(jobs_, [](const std::unique_ptr<Job>& job) {
    if (!job->ended.load()) return false;
    job->thread.join();
    return true;
  });
  auto job = std::make_unique<Job>();
  if (stopped_) job->stop.request_stop();
  job->thread = std::thread([self = job.get(), work = std::move(work)]() mutable {
    try {
      work(self->stop.get_token());
    } catch (const std::exception& e) {
      log_error("job: {}", e.what());
    }
    work = nullptr;  // what it holds may answer a request
    self->ended = true;
  });
  std::stop_source stop = job->stop;
  jobs_.push_back(std::move(job));
  return stop;
}

void Jobs::stop() {
  std::vector<std::unique_ptr<Job>> jobs;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    jobs.swap(jobs_);
  }
  for (const auto& job : jobs) job->stop.request_stop();
  for (const auto& job : jobs) job->thread.join();
}

}  // namespace engine
