// What the sessions of a server have in common.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "server/http/session.h"

namespace engine {

// Bytes of request bodies that all sessions hold together. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(size_t limit) : left_(limit) {}

  bool take(size_t bytes) {
    size_t left = left_.load();
    while (bytes <= left)
      if (left_.compare_exchange_weak(left, left - bytes)) return true;
    return false;
  }
  void give(size_t bytes) { left_ += bytes; }

 private:
  std::atomic<size_t> left_;
};

// A session as its set sees it. Thread-safe.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start(int socket, bool v6) = 0;
  virtual void drain() = 0;      // closes if it is idle
  virtual void close_now() = 0;  // cancels what runs
};

struct SessionSet::State {
  State(const HttpLimits& l, SessionHooks h)
      : limits(l), hooks(std::move(h)), budget(l.bodies_in_flight) {}

  const HttpLimits limits;
  const SessionHooks hooks;
  BodyBudget budget;
  std::atomic<bool> draining = false;
  std::mutex mutex;
  uint64_t next_id = 1;
  std::unordered_map<uint64_t, std::weak_ptr<Connection>> sessions;
};

// The part of the budget that one body holds; travels with the request.
struct BodyHold {
  std::shared_ptr<SessionSet::State> set;
  size_t bytes = 0;

  bool grow(size_t to) {
    if (to <= bytes) return true;
    if (!set->budget.take(to - bytes)) return false;
    bytes = to;
    return true;
  }
  ~BodyHold() { set->budget.give(bytes); }
};

std::shared_ptr<Connection> make_session(Runtime& runtime, std::shared_ptr<SessionSet::State> set,
                                         uint64_t id);

}  // namespace engine
