// Signals are blocked in all threads and taken by sigwait
// in the main one: no handler runs in the middle of anything.
#include "server/serve.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "engine/core/cpu_info.h"
#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/store/model_store.h"
#include "server/version.h"

namespace engine {
namespace {

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

sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// The server has no children of its own. As the first process of a container it inherits those
// whose parents are gone (of `docker exec`), and nobody else would bury them.
void reap_children() {
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// SIGINT or SIGTERM.
int wait_for_end(const sigset_t& signals) {
  for (;;) {
    int number = 0;
    if (sigwait(&signals, &number) == 0 && number != SIGCHLD) return number;
    reap_children();
  }
}

}  // namespace

Status serve(const ServerOptions& options) {
  set_log_level(options.log_level.value_or(debug_wanted() ? LogLevel::debug : LogLevel::info));
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);
  const sigset_t signals = block_signals();
  reap_children();  // those that ended before SIGCHLD was blocked

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

  log_info("signal {}: shutting down", wait_for_end(signals));
  std::thread([signals] {
    wait_for_end(signals);
    _exit(1);
  }).detach();
  server->shutdown(options.shutdown_grace);
  server.reset();
  return ok;
}

}  // namespace engine
