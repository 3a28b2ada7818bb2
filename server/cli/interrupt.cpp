// SIGINT sets a flag.
#include "server/cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

namespace engine::cli {
namespace {

std::atomic<int> g_interrupts = 0;
static_assert(std::atomic<int>::is_always_lock_free, "used in a signal handler");

void on_interrupt(int) {
  // A program that does not react to the first ones is ended by the third.
  if (g_interrupts.fetch_add(1) >= 2) _exit(130);
}

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // no SA_RESTART: a blocking read returns
  ::sigaction(SIGINT, &action, nullptr);
}

bool interrupted() {
  return g_interrupts.load() > 0;
}
void clear_interrupt() {
  g_interrupts.store(0);
}

}  // namespace engine::cli
