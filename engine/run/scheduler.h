// Scheduler: the requests of one loaded model, step by step. step() runs on the model thread; the
// rest may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/run/model.h"
#include "engine/run/request.h"
#include "engine/run/speculate.h"

namespace engine {

// What a scheduler has done since it was made.
struct SchedulerCounts {
  uint64_t steps = 0;
  uint64_t sequences = 0;  // that took part in steps, each as often as it did
};

// What can be told of a request while it runs.
struct RunningRequest {
  RequestId id = 0;
  int prompt_tokens = 0, max_tokens = -1, num_keep = 0;
  std::vector<std::string> stop;
  SamplerParams sampling;  // with the seed in use; without lists of tokens
  std::atomic<int> output_tokens{0};
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
  // The requests that have not ended, in order of arrival; those behind the first ones may wait.
  std::vector<std::shared_ptr<const RunningRequest>> running() const;

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
