// Scheduler: the requests of one loaded model, step by step. step() runs on the model thread; the
// rest may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/run/model.h"
#include "engine/run/request.h"
#include "engine/run/speculate.h"

namespace engine {

// What a scheduler has done since it was made.
struct SchedulerCounts {
  uint64_t steps = 0;
  uint64_t sequences = 0;  // that took part in steps, each as often as it did
};

class Scheduler {
 public:
  explicit Scheduler(Model& model, const SpeculateOptions& speculate = {});
  ~Scheduler();

  RequestId submit(Request);  // always taken: requests for a loaded model wait without limit
  void cancel(RequestId);  // its sink gets done() with DoneReason::cancelled, unless it had ended
  void wake(RequestId);    // the sink has room again
  // Work of another kind on the model thread: called once between two steps, and again, after what
  // else there is has had its turn, as long as it gives true.
  using Task = std::function<bool(Model&)>;
  void post(Task task);
  bool idle() const;  // nothing runs and nothing waits
  SchedulerCounts counts() const;

  // One batch: every running sequence whose sink has room, then a slice of the oldest waiting
  // prompt; while few sequences run, proposals of what follows. Before it one task.
  // false: nothing to do.
  bool step();

  // Blocks until there is work or stop() was called; false after stop(). The model thread is `while
  // (s.wait()) while (s.step());`.
  bool wait();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine
