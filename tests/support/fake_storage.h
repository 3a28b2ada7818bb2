// What the tests' registry has got of uploads, by the places of the parts; and its storage host, which
// lets requests wait for each other, so that a test can see that they overlap.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace engine::testing {

// Thread-safe.
class FakeStorage {
 public:
  static constexpr auto kLongest = std::chrono::seconds(30);  // that a request waits

  void begin(const std::string& upload);
  void put(const std::string& upload, int64_t first, const std::string& bytes);
  std::string whole(const std::string& upload) const;  // the parts, one behind the other

  // A request of the storage host with the part that begins at `first`. Returns when `wanted` of
  // them have arrived in all and, if so wished, none with a later part waits; or with `stop`.
  void wait_for_others(int64_t first, int wanted, bool last_first, const std::atomic<bool>& stop);
  int most_at_once() const;
  int arrived() const;
  std::vector<int64_t> ended() const;  // where the parts begin, in the order of the answers

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<int64_t, std::string>> uploads_;
  std::multiset<int64_t> waiting_;
  std::vector<int64_t> ended_;
  int arrived_ = 0, most_ = 0;
};

}  // namespace engine::testing
