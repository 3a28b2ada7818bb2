// Version and machine.
#include "server/cli/machine.h"

#include <fmt/format.h>

#include <charconv>

#include "engine/core/cpu_info.h"
#include "engine/core/env.h"
#include "engine/core/log.h"
#include "server/version.h"

#ifndef ENGINE_COMMIT
#define ENGINE_COMMIT "unknown"
#endif
#ifndef ENGINE_BUILD
#define ENGINE_BUILD 0
#endif

namespace engine::cli {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

#if defined(__x86_64__)
constexpr const char* kTarget = "x86_64-linux-gnu";
#elif defined(__aarch64__)
constexpr const char* kTarget = "aarch64-linux-gnu";
#else
constexpr const char* kTarget = "linux";
#endif

}  // namespace

int default_threads() {
  const std::string text = env(Env::ENGINE_THREADS);
  int n = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (code == std::errc() && end == text.data() + text.size() && n > 0 && n <= 1024) return n;
  if (!text.empty())
    log_warn("ENGINE_THREADS=\"{}\" is no number of threads; using {}", text, usable_cores());
  return usable_cores();
}

std::unique_ptr<ThreadPool> make_thread_pool(int threads) {
  const PoolKind kind = env(Env::ENGINE_POOL) == "openmp" ? PoolKind::openmp : PoolKind::native;
  return ThreadPool::create(kind, threads > 0 ? threads : default_threads());
}

void quiet_log() {
  const std::string debug = env(Env::OLLAMA_DEBUG);
  if (debug.empty() || debug == "0" || debug == "false") set_log_level(LogLevel::warn);
}

int build_number() {
  return ENGINE_BUILD;
}

std::string build_commit() {
  return ENGINE_COMMIT;
}

std::string features_in_use() {
  const auto mask = cap_features(cpu_features(), env(Env::ENGINE_ISA));
  return mask ? feature_names(*mask) : feature_names(cpu_features());
}

std::string short_version_text() {
  return fmt::format("engine version is {}\nollama compatible API {}\n", kEngineVersion,
                     kCompatVersion);
}

std::string version_text() {
  return short_version_text() +
         fmt::format("commit {}, {}\nbackends: CPU\nprocessor: {}, features: {}\n", build_commit(),
                     kCompiler, cpu_model_name(), feature_names(cpu_features()));
}

Status print_llama_version() {
  fmt::print(stderr, "version: {} (build {}, commit {})\nbuilt with {} for {}\n", kEngineVersion,
             build_number(), build_commit(), kCompiler, kTarget);
  return ok;
}

Status print_llama_devices() {
  fmt::print("Available devices:\n  CPU: {} ({} cores)\n", cpu_model_name(), usable_cores());
  return ok;
}

}  // namespace engine::cli
