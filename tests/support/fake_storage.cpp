// Waiting is looking again every few milliseconds.
#include "tests/support/fake_storage.h"

#include <algorithm>
#include <thread>

namespace engine::testing {

void FakeStorage::begin(const std::string& upload) {
  const std::lock_guard lock(mutex_);
  uploads_[upload].clear();
}

void FakeStorage::put(const std::string& upload, int64_t first, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  uploads_[upload][first] = bytes;
}

std::string FakeStorage::whole(const std::string& upload) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  if (const auto it = uploads_.find(upload); it != uploads_.end())
    for (const auto& [first, bytes] : it->second) out += bytes;
  return out;
}

void FakeStorage::wait_for_others(int64_t first, int wanted, bool last_first,
                                  const std::atomic<bool>& stop) {
  const auto end = std::chrono::steady_clock::now() + kLongest;
  std::unique_lock lock(mutex_);
  ++arrived_;
  waiting_.insert(first);
  most_ = std::max(most_, static_cast<int>(waiting_.size()));
  const auto may_go = [&] {
    return arrived_ >= wanted && (!last_first || *waiting_.rbegin() == first);
  };
  while (!stop && !may_go() && std::chrono::steady_clock::now() < end) {
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    lock.lock();
  }
  waiting_.erase(waiting_.find(first));
  if (!stop) ended_.push_back(first);
}

int FakeStorage::most_at_once() const {
  const std::lock_guard lock(mutex_);
  return most_;
}

int FakeStorage::arrived() const {
  const std::lock_guard lock(mutex_);
  return arrived_;
}

std::vector<int64_t> FakeStorage::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

}  // namespace engine::testing
