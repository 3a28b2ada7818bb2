// EventQueue: carries the events of one answer from the model thread (or a job)
// to the session that writes them.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "engine/run/model_pool.h"
#include "engine/run/request.h"

namespace engine {

// Thread-safe. Bounded: room() turns false at kCapacity, and the scheduler lets the row rest until
// the reader has caught up.
class EventQueue : public Sink {
 public:
  using Event = std::variant<TokenEvent, GenerateStats, Error>;
  static constexpr size_t kCapacity = 256;

  // The model side.
  bool room() const override;
  void token(const TokenEvent& event) override;
  void done(const GenerateStats& stats) override;
  void failed(const Error& error) override;

  // Who computes, before submit(): kept in use until the answer has ended,
  // so that wake and cancel always find it.
  void hold(std::shared_ptr<ModelUse> use);
  void set_id(RequestId id);  // after submit()

  // The reader's side. on_ready is called (on any thread)
  // whenever events wait and the last pop() found none.
  void set_reader(std::function<void()> on_ready);
  // Takes all waiting events.
  std::vector<Event> pop();
  // The reader has gone away: stops the computation within one step, drops what waits.
  void cancel();

 private:
  void push(Event event, bool last);

  mutable std::mutex mutex_;
  std::deque<Event> events_;
  std::function<void()> on_ready_;
  std::shared_ptr<ModelUse> use_;
  RequestId id_ = 0;
  bool has_id_ = false, ended_ = false, cancelled_ = false;
};

}  // namespace engine
