// Two threads serve the pool: the loader (one load at a time, in order of arrival) and the reaper
// (keep-alive timers; frees models). A model is in `loaded` until it is retired; then the reaper
// stops its thread and frees it.
#include "engine/run/model_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <tuple>

#include "engine/core/check.h"
#include "engine/core/log.h"
#include "engine/run/draft.h"
#include "engine/run/load_progress.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

// So long and longer counts as for ever, which also keeps sums from overflowing.
constexpr auto kCentury = std::chrono::hours(24 * 365 * 100);

// Of two loaded models or requests, whether one loaded copy serves both.
bool same_weights(const auto& a, const auto& b) {
  return a.path == b.path && a.options.adapters == b.options.adapters;
}

// Lets several models use one pool of threads: whoever comes first computes first.
class FairPool : public ThreadPool {
 public:
  explicit FairPool(ThreadPool& pool) : pool_(pool) {}

  void run(int workers, void (*fn)(void* self, const Team&), void* self) noexcept override {
    {
      std::unique_lock lock(mutex_);
      const uint64_t ticket = next_++;
      turn_.wait(lock, [&] { return serving_ == ticket; });
    }
    pool_.run(workers, fn, self);
    {
      std::lock_guard lock(mutex_);
      ++serving_;
    }
    turn_.notify_all();
  }

  int size() const override { return pool_.size(); }

 private:
  ThreadPool& pool_;
  std::mutex mutex_;
  std::condition_variable turn_;
  uint64_t next_ = 0, serving_ = 0;
};

}  // namespace

struct LoadedModel {
  ModelPool::Impl* pool = nullptr;
  std::string path, name, digest;
  LoadOptions options;
  std::chrono::nanoseconds keep_alive{};
  Clock::time_point idle_since{};
  int uses = 0;
  std::unique_ptr<Model> model, draft;
  std::unique_ptr<Scheduler> scheduler;
  std::thread thread;

  ~LoadedModel() {
    if (scheduler) scheduler->stop();
    if (thread.joinable()) thread.join();
    scheduler.reset();
  }

  bool forever() const { return keep_alive > kCentury; }
  Clock::time_point deadline() const { return idle_since + keep_alive; }
};

struct ModelPool::Impl {
  struct Waiter {
    Ticket ticket;
    PoolRequest request;
    Ready ready;
    bool loading = false;
  };
  struct Answer {
    Ready ready;
    Result<ModelUse> result;
  };

  Impl(const PoolOptions& o, ThreadPool& p) : options(o), fair(p) {}

  const PoolOptions options;
  FairPool fair;
  mutable std::mutex mutex;
  std::condition_variable loader_wakes, reaper_wakes;
  // A model thread must never hold the last reference: it would join itself.
  std::vector<std::shared_ptr<LoadedModel>> loaded, retired;
  int freeing = 0;  // models out of `retired` whose memory is not free yet
  std::deque<Waiter> queue;
  Ticket next_ticket = 1;
  int64_t load_ns = 0;  // of all loads so far
  // of the running load; nullptr: none
  std::shared_ptr<LoadProgress> progress;
  PoolRequest loading;
  uint64_t seen_steps = 0;
  Clock::time_point seen_at;  // when they were first seen
  bool closed = false, stopping = false;
  std::thread loader, reaper;

  std::shared_ptr<LoadedModel> find(const PoolRequest& request) const {
    for (const auto& m : loaded)
      if (same_weights(*m, request)) return m;
    return nullptr;
  }

  static bool suits(const LoadedModel& m, const PoolRequest& r) {
    const ModelInfo& info = m.model->info();
    // as Model::load caps it: else a model would be loaded again and again
    const int n_ctx =
        std::min(r.options.n_ctx,
                 info.n_ctx_train > 0 ? std::min(info.n_ctx_train, kMostContext) : kMostContext);
    return (!r.n_ctx_given || info.n_ctx == n_ctx) &&
           (!r.max_rows_given || m.options.max_rows == r.options.max_rows) &&
           (!r.threads_given || m.options.threads == r.options.threads) &&
           (!r.map_given || m.options.map == r.options.map);
  }

  ModelUse use(const std::shared_ptr<LoadedModel>& m, const PoolRequest& r) {
    ++m->uses;
    if (r.keep_alive) m->keep_alive = *r.keep_alive;
    return ModelUse(m.get());
  }

  // Takes the model out of use; the caller holds the lock. Requires: no uses.
  void retire(const std::shared_ptr<LoadedModel>& m) {
    ENGINE_CHECK(m->uses == 0, "a model in use must stay");
    std::erase(loaded, m);
    retired.push_back(m);
    reaper_wakes.notify_all();
  }

  void give_back(LoadedModel& m) {
    std::lock_guard lock(mutex);
    if (--m.uses > 0) return;
    m.idle_since = Clock::now();
    if (m.keep_alive <= std::chrono::nanoseconds::zero()) {
      for (const auto& other : loaded) {
        if (other.get() != &m) continue;
        const std::shared_ptr<LoadedModel> keep = other;
        retire(keep);
        break;
      }
    }
    loader_wakes.notify_all();
    reaper_wakes.notify_all();
  }

  // The idle model to give up first; nullptr: all are busy.
  std::shared_ptr<LoadedModel> victim() const {
    std::shared_ptr<LoadedModel> best;
    for (const auto& m : loaded) {
      if (m->uses > 0) continue;
      if (!best || std::tie(m->keep_alive, m->idle_since, m->name) <
                       std::tie(best->keep_alive, best->idle_since, best->name))
        best = m;
    }
    return best;
  }

  // Everybody in the queue that the loaded model suits.
  void serve(const std::shared_ptr<LoadedModel>& m, std::vector<Answer>& answers) {
    for (auto it = queue.begin(); it != queue.end();) {
      if (same_weights(*m, it->request) && suits(*m, it->request)) {
        answers.push_back({std::move(it->ready), use(m, it->request)});
        it = queue.erase(it);
      } else {
        ++it;
      }
    }
  }

  // true: the first in the queue wants a model that is loaded by now.
  bool serve_front(std::vector<Answer>& answers) {
    const PoolRequest& request = queue.front().request;
    const auto m = find(request);
    if (!m || !suits(*m, request)) return false;
    serve(m, answers);
    return true;
  }

  // Room for a load of `request`: true when it may begin,
  // false when something must happen first (loader_wakes tells).
  bool make_room(const PoolRequest& request) {
    if (!retired.empty() || freeing > 0) return false;
    if (const auto same = find(request)) {  // to be reloaded with other options
      if (same->uses == 0) retire(same);
      return false;
    }
    if (static_cast<int>(loaded.size()) < std::max(1, options.max_loaded)) return true;
    if (const auto m = victim()) retire(m);
    return false;
  }

  void run_loader() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      if (queue.empty()) {
        loader_wakes.wait(lock);
        continue;
      }
      std::vector<Answer> answers;
      if (!serve_front(answers)) {
        if (!make_room(queue.front().request)) {
          loader_wakes.wait(lock);
          continue;
        }
        load_front(lock, answers);
      }
      lock.unlock();
      for (Answer& a : answers) a.ready(std::move(a.result));
      answers.clear();
      lock.lock();
    }
  }

  void load_front(std::unique_lock<std::mutex>& lock, std::vector<Answer>& answers) {
    Waiter& front = queue.front();
    front.loading = true;
    PoolRequest request = front.request;
    request.options.progress = std::make_shared<LoadProgress>();
    watch(request);
    lock.unlock();
    Result<std::shared_ptr<LoadedModel>> result = load(request);
    lock.lock();
    if (!result && result.error().code == Errc::out_of_memory && !loaded.empty()) {
      log_warn("{}: {}; unloading all other models for a second try", request.path,
               result.error().message);
      progress = nullptr;  // waiting for others is no stall
      while (awaited(request) && (!loaded.empty() || !retired.empty() || freeing > 0)) {
        if (const auto m = victim())
          retire(m);
        else
          loader_wakes.wait(lock);
      }
      if (!awaited(request)) return;
      watch(request);
      lock.unlock();
      result = load(request);
      lock.lock();
    }
    progress = nullptr;
    if (request.options.progress->aborted) {  // whoever waited has been told
      log_info("the load of {} that was called off has ended", request.path);
      lock.unlock();
      result = Error{Errc::cancelled, {}};
      lock.lock();
      return;
    }
    if (result) {
      loaded.push_back(*result);
      load_ns += (*result)->model->info().load_ns;
      (*result)->idle_since = Clock::now();
      serve(*result, answers);
      reaper_wakes.notify_all();
      return;
    }
    if (options.logs_failures) log_error("loading {}: {}", request.path, result.error().message);
    for (auto it = queue.begin(); it != queue.end();) {
      if (it->loading || same_weights(it->request, request)) {
        answers.push_back({std::move(it->ready), result.error()});
        it = queue.erase(it);
      } else {
        ++it;
      }
    }
  }

  Result<std::shared_ptr<LoadedModel>> load(const PoolRequest& request) {
    auto m = std::make_shared<LoadedModel>();
    m->pool = this;
    m->path = request.path;
    m->name = request.name;
    m->digest = request.digest;
    m->options = request.options;
    m->keep_alive = request.keep_alive.value_or(options.keep_alive);
    try {
      LoadOptions capped = request.options;
      capped.cap_n_ctx = true;  // suits() takes it for granted
      ENGINE_TRY(model, Model::load(request.path, capped, fair));
      m->model = std::move(model);
      ENGINE_TRY(draft, load_draft(request, *m->model));
      m->draft = std::move(draft);
      SpeculateOptions speculate = SpeculateOptions::from_environment();
      speculate.draft = m->draft.get();
      m->scheduler = std::make_unique<Scheduler>(*m->model, speculate);
    } catch (const std::bad_alloc&) {
      return Error{Errc::out_of_memory, "model requires more system memory than is available"};
    }
    const ModelInfo& info = m->model->info();
    log_info("loaded {} in {:.2f} s: {} {} {}, context {}, KV cache {:.1f} MiB",
             request.name.empty() ? request.path : request.name,
             static_cast<double>(info.load_ns) / 1e9, info.architecture, info.parameter_size,
             info.file_type, info.n_ctx, static_cast<double>(info.cache_bytes) / (1 << 20));
    Scheduler* scheduler = m->scheduler.get();
    m->thread = std::thread([scheduler] {
      while (scheduler->wait())
        while (scheduler->step()) {
        }
    });
    return m;
  }

  // nullptr: none is wanted, or it does not fit and need not.
  Result<std::unique_ptr<Model>> load_draft(const PoolRequest& request, const Model& model) {
    if (request.draft.empty() || request.draft == request.path) return std::unique_ptr<Model>();
    LoadOptions o = request.options;
    o.n_ctx = model.info().n_ctx;
    o.adapters.clear();
    o.overrides.clear();
    o.shards.clear();
    Result<std::unique_ptr<Model>> draft = Model::load(request.draft, o, fair);
    if (draft)
      if (const Status fits = check_draft(model, **draft); !fits) draft = fits.error();
    if (draft) return draft;
    const std::string why = "the draft model cannot be used: " + draft.error().message;
    if (request.draft_required) return Error{Errc::internal, why};
    log_warn("{}", why);
    return std::unique_ptr<Model>();
  }

  // The load of a request begins.
  void watch(const PoolRequest& request) {
    progress = request.options.progress;
    loading = request;
    seen_steps = progress->steps, seen_at = Clock::now();
    reaper_wakes.notify_all();
  }

  bool awaited(const PoolRequest& request) const {
    return std::any_of(queue.begin(), queue.end(),
                       [&](const Waiter& w) { return same_weights(w.request, request); });
  }

  // Calls off a load that nobody waits for. Whoever asks for the model from now on waits until that
  // has ended, and has it loaded again.
  void leave_load() {
    if (!progress || progress->aborted || awaited(loading)) return;
    progress->aborted = true;
    log_info("loading {}: nobody waits for it any more", loading.path);
  }

  // Calls off a load that has stalled; its waiters, or none. next: when to look again.
  std::vector<Answer> watch_load(Clock::time_point now, std::optional<Clock::time_point>& next) {
    std::vector<Answer> answers;
    const bool limited =
        options.load_timeout > std::chrono::nanoseconds::zero() && options.load_timeout < kCentury;
    if (!limited || !progress || progress->aborted) return answers;
    if (const uint64_t steps = progress->steps; steps != seen_steps)
      seen_steps = steps, seen_at = now;
    if (now - seen_at < options.load_timeout) {
      next = seen_at + options.load_timeout;
      return answers;
    }
    progress->aborted = true;
    log_error("loading {}: no progress for {:.1f} s", loading.path,
              std::chrono::duration<double>(options.load_timeout).count());
    for (auto it = queue.begin(); it != queue.end();) {
      if (!same_weights(it->request, loading)) {
        ++it;
        continue;
      }
      answers.push_back(
          {std::move(it->ready), Error{Errc::internal, "timed out waiting for model to load"}});
      it = queue.erase(it);
    }
    return answers;
  }

  void run_reaper() {
    std::unique_lock lock(mutex);
    while (!stopping || !retired.empty()) {
      const Clock::time_point now = Clock::now();
      std::optional<Clock::time_point> next;
      if (std::vector<Answer> answers = watch_load(now, next); !answers.empty()) {
        lock.unlock();
        for (Answer& a : answers) a.ready(std::move(a.result));
        answers.clear();
        lock.lock();
        continue;
      }
      const auto all = loaded;
      for (const auto& m : all) {
        if (m->uses > 0 || m->forever()) continue;
        if (m->deadline() <= now)
          retire(m);
        else if (!next || m->deadline() < *next)
          next = m->deadline();
      }
      if (!retired.empty()) {
        std::vector<std::shared_ptr<LoadedModel>> dying;
        dying.swap(retired);
        freeing += static_cast<int>(dying.size());
        lock.unlock();
        const int freed = static_cast<int>(dying.size());
        for (const auto& m : dying) log_info("unloaded {}", m->name.empty() ? m->path : m->name);
        dying.clear();
        lock.lock();
        freeing -= freed;
        loader_wakes.notify_all();
        continue;
      }
      if (stopping) break;
      if (next)
        reaper_wakes.wait_until(lock, *next);
      else
        reaper_wakes.wait(lock);
    }
  }

  void close() {
    std::deque<Waiter> waiting;
    {
      std::lock_guard lock(mutex);
      closed = true;
      waiting.swap(queue);
      leave_load();
      loader_wakes.notify_all();
    }
    for (Waiter& w : waiting) w.ready(Error{Errc::busy, "server is shutting down"});
  }
};

// ---- ModelUse ----

ModelUse& ModelUse::operator=(ModelUse&& other) noexcept {
  if (this != &other) {
    release();
    loaded_ = std::exchange(other.loaded_, nullptr);
  }
  return *this;
}

const Model& ModelUse::model() const {
  ENGINE_CHECK(loaded_ != nullptr, "this use was given back");
  return *loaded_->model;
}

Scheduler& ModelUse::scheduler() const {
  ENGINE_CHECK(loaded_ != nullptr, "this use was given back");
  return *loaded_->scheduler;
}

void ModelUse::release() {
  // m may be gone afterwards
  if (LoadedModel* m = std::exchange(loaded_, nullptr)) m->pool->give_back(*m);
}

// ---- ModelPool ----

ModelPool::ModelPool(const PoolOptions& options, ThreadPool& pool)
    : impl_(std::make_shared<Impl>(options, pool)) {
  impl_->loader = std::thread([impl = impl_.get()] { impl->run_loader(); });
  impl_->reaper = std::thread([impl = impl_.get()] { impl->run_reaper(); });
}

ModelPool::~ModelPool() {
  impl_->close();
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->loader_wakes.notify_all();
  impl_->loader.join();
  {
    std::unique_lock lock(impl_->mutex);
    const auto in_use = [this] {
      return std::any_of(impl_->loaded.begin(), impl_->loaded.end(),
                         [](const auto& m) { return m->uses > 0; });
    };
    impl_->loader_wakes.wait(lock, [&] { return !in_use(); });
    for (const auto& m : std::vector(impl_->loaded)) impl_->retire(m);
  }
  impl_->reaper_wakes.notify_all();
  impl_->reaper.join();
}

ModelPool::Ticket ModelPool::acquire(PoolRequest request, Ready ready) {
  std::unique_lock lock(impl_->mutex);
  if (impl_->closed) {
    lock.unlock();
    ready(Error{Errc::busy, "server is shutting down"});
    return 0;
  }
  if (const auto m = impl_->find(request); m && Impl::suits(*m, request)) {
    ModelUse use = impl_->use(m, request);
    lock.unlock();
    ready(std::move(use));
    return 0;
  }
  const auto waiting = std::count_if(impl_->queue.begin(), impl_->queue.end(),
                                     [](const Impl::Waiter& w) { return !w.loading; });
  if (waiting >= std::max(1, impl_->options.max_queue)) {
    lock.unlock();
    ready(Error{Errc::busy, "server busy, please try again.  maximum pending requests exceeded"});
    return 0;
  }
  const Ticket ticket = impl_->next_ticket++;
  impl_->queue.push_back({ticket, std::move(request), std::move(ready)});
  impl_->loader_wakes.notify_all();
  return ticket;
}

void ModelPool::cancel(Ticket ticket) {
  Ready ready;
  {
    std::lock_guard lock(impl_->mutex);
    const auto it = std::find_if(impl_->queue.begin(), impl_->queue.end(),
                                 [&](const Impl::Waiter& w) { return w.ticket == ticket; });
    if (it == impl_->queue.end()) return;
    ready = std::move(it->ready);
    impl_->queue.erase(it);
    impl_->leave_load();
    impl_->loader_wakes.notify_all();
  }
  ready(Error{Errc::cancelled, "request canceled"});
}

void ModelPool::unload(const std::string& path, const std::vector<LoraFile>& adapters) {
  PoolRequest request;
  request.path = path, request.options.adapters = adapters;
  std::lock_guard lock(impl_->mutex);
  const auto m = impl_->find(request);
  if (!m) return;
  m->keep_alive = std::chrono::nanoseconds::zero();
  if (m->uses == 0) impl_->retire(m);
}

void ModelPool::close() {
  impl_->close();
}

PoolState ModelPool::state() const {
  std::lock_guard lock(impl_->mutex);
  return {impl_->queue.size(), impl_->load_ns};
}

std::vector<PoolEntry> ModelPool::list() const {
  std::lock_guard lock(impl_->mutex);
  std::vector<PoolEntry> out;
  for (const auto& m : impl_->loaded) {
    std::chrono::nanoseconds remaining = m->keep_alive;
    if (m->uses == 0 && !m->forever())
      remaining = std::max(m->deadline() - Clock::now(), Clock::duration::zero());
    ModelInfo info = m->model->info();
    if (m->draft) {  // whose memory is in use for it
      const ModelInfo& draft = m->draft->info();
      info.weight_bytes += draft.weight_bytes, info.cache_bytes += draft.cache_bytes;
      info.scratch_bytes += draft.scratch_bytes;
    }
    out.push_back({m->path, m->name, m->digest, m->options.adapters, info, m->options.n_sequences,
                   m->uses, m->draft != nullptr, m->scheduler->counts(), m->scheduler->running(),
                   remaining});
  }
  std::stable_sort(out.begin(), out.end(), [](const PoolEntry& a, const PoolEntry& b) {
    return a.remaining > b.remaining;
  });
  return out;
}

}  // namespace engine
