// This program and this machine: thread pool, version, processor.
#pragma once

#include <memory>
#include <string>

#include "engine/core/thread_pool.h"

namespace engine::cli {

// threads 0: ENGINE_THREADS, else every usable core. The kind is ENGINE_POOL.
std::unique_ptr<ThreadPool> make_thread_pool(int threads);
int default_threads();

// Info lines of the log are for servers: the other verbs show warnings and errors,
// or everything with OLLAMA_DEBUG.
void quiet_log();

std::string version_text();     // five lines: version, commit, compiler, backends, CPU features
std::string build_commit();     // "unknown" outside a repository
std::string features_in_use();  // after ENGINE_ISA

}  // namespace engine::cli
