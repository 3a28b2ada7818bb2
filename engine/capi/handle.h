// engine_model: a loaded model, its scheduler and the thread that steps it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/capi/stream.h"
#include "engine/core/thread_pool.h"
#include "engine/run/model.h"
#include "engine/run/scheduler.h"
#include "include/engine.h"

struct engine_model {
  engine_model(std::unique_ptr<engine::ThreadPool> pool, std::unique_ptr<engine::Model> model);
  ~engine_model();
  engine_model(const engine_model&) = delete;

  const engine::Model& model() const { return *model_; }

  // The whole answer of a request, whose sink this sets; runs in the thread of the caller.
  engine::Status answer(engine::Request request, engine_text_callback on_text, void* user,
                        engine::GenerateStats& stats);

  // Calls body(Model&) between two steps of the answers that run.
  template <class F>
  engine::Status between_steps(F&& body) {
    visitors_.fetch_add(1);
    std::unique_lock lock(turn_);
    struct Leave {
      engine_model& m;
      ~Leave() { m.visitors_.fetch_sub(1), m.visitors_left_.notify_one(); }
    } leave{*this};
    ENGINE_TRY_STATUS(usable());
    return body(*model_);
  }

 private:
  class Open;
  void run();
  engine::Status usable();

  std::unique_ptr<engine::ThreadPool> pool_;
  std::unique_ptr<engine::Model> model_;
  engine::Scheduler scheduler_;

  // A step and a visitor exclude each other; the model thread lets visitors go first, or it would
  // take the lock again before they wake.
  std::mutex turn_;
  std::condition_variable visitors_left_;
  std::atomic<int> visitors_{0};

  std::mutex streams_mutex_;  // guards the two below
  std::vector<engine::capi::Stream*> streams_;
  bool failed_ = false;  // the model thread ended by an exception

  std::thread thread_;  // last: it uses all of the above
};
