// Callbacks into the scheduler and the session are made
// without holding the lock: either may call back.
#include "server/event_queue.h"

namespace engine {

bool EventQueue::room() const {
  std::lock_guard lock(mutex_);
  return events_.size() < kCapacity || cancelled_;
}

void EventQueue::push(Event event, bool last) {
  std::function<void()> ready;
  std::shared_ptr<ModelUse> finished;
  if (last) {
    // The model is given back before the reader can see the end: after its last object a client
    // finds the model unloaded when it asked for that.
    std::lock_guard lock(mutex_);
    ended_ = true;
    finished = std::move(use_);
  }
  finished.reset();
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return;
    if (events_.empty()) ready = on_ready_;
    events_.push_back(std::move(event));
  }
  if (ready) ready();
}

void EventQueue::token(const TokenEvent& event) {
  push(event, false);
}
void EventQueue::done(const GenerateStats& stats) {
  push(stats, true);
}
void EventQueue::failed(const Error& error) {
  push(error, true);
}

void EventQueue::hold(std::shared_ptr<ModelUse> use) {
  std::lock_guard lock(mutex_);
  use_ = std::move(use);
}

void EventQueue::set_id(RequestId id) {
  std::shared_ptr<ModelUse> use;
  bool cancel = false;
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    id_ = id;
    has_id_ = true;
    use = use_;
    cancel = cancelled_;
  }
  // What happened before the id was known could not reach the scheduler.
  if (cancel)
    use->scheduler().cancel(id);
  else
    use->scheduler().wake(id);
}

void EventQueue::set_reader(std::function<void()> on_ready) {
  std::function<void()> ready;
  {
    std::lock_guard lock(mutex_);
    on_ready_ = std::move(on_ready);
    if (!events_.empty()) ready = on_ready_;
  }
  if (ready) ready();
}

std::vector<EventQueue::Event> EventQueue::pop() {
  std::vector<Event> out;
  std::shared_ptr<ModelUse> use;
  RequestId id = 0;
  {
    std::lock_guard lock(mutex_);
    if (events_.size() >= kCapacity && has_id_ && !ended_) use = use_, id = id_;
    out.reserve(events_.size());
    for (Event& e : events_) out.push_back(std::move(e));
    events_.clear();
  }
  if (use) use->scheduler().wake(id);
  return out;
}

void EventQueue::cancel() {
  std::shared_ptr<ModelUse> use;
  RequestId id = 0;
  {
    std::lock_guard lock(mutex_);
    if (cancelled_ || ended_) return;
    cancelled_ = true;
    on_ready_ = nullptr;
    events_.clear();
    if (!has_id_) return;
    use = use_;
    id = id_;
  }
  if (use) use->scheduler().cancel(id);
}

}  // namespace engine
