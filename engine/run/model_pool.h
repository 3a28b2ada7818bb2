// ModelPool: the loaded models of a process.
// Loads each file (with its adapters) once, lets requests share it, unloads it when it has been idle
// for its keep-alive, and makes room when more models are wanted than may be loaded.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/run/model.h"
#include "engine/run/scheduler.h"

namespace engine {

struct PoolOptions {
  int max_loaded = 3;   // models loaded at once
  int max_queue = 512;  // requests that may wait for a load; further ones are refused
  // of a model whose requests name none
  std::chrono::nanoseconds keep_alive = std::chrono::minutes(5);
  // A load that makes no progress for so long is called off; 0 or less: never.
  std::chrono::nanoseconds load_timeout = std::chrono::minutes(5);
  bool logs_failures = true;  // of loads; false: whoever asked tells them
};

// "For ever", as a keep-alive.
inline constexpr std::chrono::nanoseconds kKeepForever = std::chrono::nanoseconds::max();

struct PoolRequest {
  // of the weights; models with the same path and options.adapters share one loaded copy
  std::string path;
  std::string name, digest;  // as the first request that loads it knows it; for list()
  LoadOptions options;
  // only given ones force a reload when they differ
  bool n_ctx_given = false, max_rows_given = false, threads_given = false, map_given = false;
  std::optional<std::chrono::nanoseconds> keep_alive;  // absent: what is in force stays
  std::string draft;            // weights of a draft model, loaded with it; "": none
  bool draft_required = false;  // a draft model that does not fit is an error, else left out
};

struct PoolEntry {  // a loaded model, for listings
  std::string path, name, digest;
  std::vector<LoraFile> adapters;
  ModelInfo info;
  int n_sequences = 1;
  int uses = 0;             // requests that run or wait for a sequence
  bool speculates = false;  // with a draft model
  SchedulerCounts counts;
  std::vector<std::shared_ptr<const RunningRequest>> running;
  // until it is unloaded; its whole keep-alive while it is busy
  std::chrono::nanoseconds remaining{};
};

// The pool beside its models.
struct PoolState {
  size_t pending = 0;   // requests that wait for a load
  int64_t load_ns = 0;  // spent loading, since the pool was made
};

struct LoadedModel;

// A model in use: it stays loaded until the last use is gone.
// Movable; give it back by destroying it.
class ModelUse {
 public:
  ModelUse() = default;
  ModelUse(ModelUse&& other) noexcept : loaded_(std::exchange(other.loaded_, nullptr)) {}
  ModelUse& operator=(ModelUse&& other) noexcept;
  ~ModelUse() { release(); }

  explicit operator bool() const { return loaded_ != nullptr; }
  const Model& model() const;
  Scheduler& scheduler() const;
  void release();

 private:
  friend class ModelPool;
  explicit ModelUse(LoadedModel* loaded) : loaded_(loaded) {}
  LoadedModel* loaded_ = nullptr;  // owned by the pool, which keeps it while its uses are counted
};

// Thread-safe.
class ModelPool {
 public:
  using Ready = std::function<void(Result<ModelUse>)>;
  using Ticket = uint64_t;

  // pool computes for all models, one step at a time; it outlives the ModelPool.
  ModelPool(const PoolOptions& options, ThreadPool& pool);
  // Fails what still waits, waits for the last use to be given back, unloads every model.
  ~ModelPool();

  // Calls ready exactly once: before acquire() returns
  // if the model is loaded or the queue is full, else on the loading thread.
  // Errors: busy (queue full, closed), cancelled, internal (the load stalled), and what Model::load
  // says.
  Ticket acquire(PoolRequest request, Ready ready);
  // Whoever still waits under this ticket gets Errc::cancelled at once.
  // A load that nobody waits for any more is called off.
  void cancel(Ticket ticket);
  // Unloads the model when its last use is gone; nothing happens when it is not loaded.
  void unload(const std::string& path, const std::vector<LoraFile>& adapters = {});
  // Cancels what waits and refuses what comes; loaded models stay until they are given back.
  void close();

  // The one that stays longest first.
  std::vector<PoolEntry> list() const;
  PoolState state() const;

 private:
  friend class ModelUse;
  friend struct LoadedModel;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace engine
