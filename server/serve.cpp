// Signals are blocked in all threads and taken by sigwait
// in the main one: no handler runs in the middle of anything.
#include "server/serve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "engine/core/cpu_info.h"
#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/store/model_store.h"
#include "server/version.h"

namespace engine {
namespace {

constexpr auto kGrace = std::chrono::seconds(3);

bool debug_wanted() {
  const std::string text = env(Env::OLLAMA_DEBUG);
  return !(text.empty() || text == "0" || text == "f" || text == "F" || text == "false" ||
           text == "False" || text == "FALSE");
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Status serve(const ServerOptions& options) {
  set_log_level(debug_wanted() ? LogLevel::debug : LogLevel::info);
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  ENGINE_TRY(store, options.store_root.empty()
                        ? ModelStore::open_default()
                        : Result<ModelStore>(ModelStore(options.store_root)));
  store.prune();
  const PoolKind kind = env(Env::ENGINE_POOL) == "openmp" ? PoolKind::openmp : PoolKind::native;
  const std::unique_ptr<ThreadPool> compute =
      ThreadPool::create(kind, options.load.threads > 0 ? options.load.threads : usable_cores());
  ENGINE_TRY(server, Server::start(options, *compute));
  log_info("engine {} listens on {} ({} threads)", kEngineVersion, server->address(),
           compute->size());

  int signal_number = 0;
  sigwait(&signals, &signal_number);
  log_info("signal {}: shutting down", signal_number);
  std::thread([signals]() mutable {
    int again = 0;
    sigwait(&signals, &again);
    _exit(1);
  }).detach();
  server->shutdown(kGrace);
  server.reset();
  return ok;
}

}  // namespace engine
