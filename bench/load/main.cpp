// bench_load SCENARIO --model NAME [--host H] [--port P] [--pid PID] [...]: docs/BENCHMARKS.md.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "bench/load/load.h"

namespace engine::load {
namespace {

constexpr Scenario kScenarios[] = {
#define SCENARIO(name, help) {#name, help, name},
#include "bench/load/scenarios.inc"
#undef SCENARIO
};

int run(int argc, char** argv) {
  CLI::App app("Clients of a running server, to measure it and to push it.");
  Target t;
  app.require_subcommand(1);
  int status = 0;
  for (const Scenario& s : kScenarios) {
    CLI::App* sub = app.add_subcommand(s.name, s.help);
    sub->add_option("--model", t.model, "a model of the server")->required();
    sub->add_option("--host", t.host, "its address")->capture_default_str();
    sub->add_option("--port", t.port, "its port")->capture_default_str();
    sub->add_option("--pid", t.pid, "its process, to report memory");
    sub->add_option("--clients", t.clients)->capture_default_str();
    sub->add_option("--tokens", t.tokens, "of an answer")->capture_default_str();
    sub->add_option("--runs", t.runs, "medians are of so many")->capture_default_str();
    sub->add_option("--minutes", t.minutes, "soak")->capture_default_str();
    sub->add_option("--seed", t.seed, "of prompts and choices")->capture_default_str();
    sub->callback([&t, &s, &status] { status = s.run(t); });
  }
  CLI11_PARSE(app, argc, argv);
  return status;
}

}  // namespace
}  // namespace engine::load

int main(int argc, char** argv) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  return engine::load::run(argc, argv);
}
