// This program and this machine: thread pool, version, processor.
#pragma once

#include <memory>
#include <string>

#include "engine/core/env.h"
#include "engine/core/result.h"
#include "engine/core/thread_pool.h"

namespace engine::cli {

// What the verbs that compute with a model read.
inline constexpr Env kComputeEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_THREADS,
                                              Env::ENGINE_ISA, Env::ENGINE_KERNELS,
                                              Env::ENGINE_POOL};

// threads 0: ENGINE_THREADS, else every usable core. The kind is ENGINE_POOL.
std::unique_ptr<ThreadPool> make_thread_pool(int threads);
int default_threads();

// Info lines of the log are for servers: the other verbs show warnings and errors,
// or everything with OLLAMA_DEBUG.
void quiet_log();

std::string version_text();        // five lines: version, commit, compiler, backends, CPU features
std::string short_version_text();  // the first two of them
// As llama.cpp's programs say them, on stderr; the devices on stdout. Always ok.
Status print_llama_version();
Status print_llama_devices();
int build_number();             // commits up to this one; 0 outside a repository
std::string build_commit();     // "unknown" outside a repository
std::string features_in_use();  // after ENGINE_ISA

}  // namespace engine::cli
