// Version, errors, models.
#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "engine/capi/border.h"
#include "engine/capi/handle.h"
#include "engine/core/cpu_info.h"
#include "engine/core/thread_pool.h"

static_assert(std::string_view(ENGINE_VERSION) == ENGINE_PROJECT_VERSION,
              "the version of include/engine.h is that of the project");

namespace engine::capi {
namespace {

constexpr int kMostThreads = 1024, kMostBatch = 65536;
constexpr int kMostSequences = 64;  // LoadOptions::max_outputs: sequences that one step can serve

constexpr size_t kMostAdapters = 256;

thread_local char last_error[1024];  // no string: it needs no memory and no destructor

engine_status status_of(Errc code) {
  switch (code) {
    case Errc::invalid_argument:
      return ENGINE_INVALID_ARGUMENT;
    case Errc::not_found:
      return ENGINE_NOT_FOUND;
    case Errc::unsupported:
      return ENGINE_UNSUPPORTED;
    case Errc::corrupt:
      return ENGINE_CORRUPT;
    case Errc::out_of_memory:
      return ENGINE_OUT_OF_MEMORY;
    case Errc::busy:
      return ENGINE_BUSY;
    case Errc::io:
      return ENGINE_IO;
    default:
      return ENGINE_INTERNAL;
  }
}

engine_model_options default_model_options() {
  engine_model_options o = {};
  o.size = sizeof o;
  o.n_sequences = 1;
  o.n_batch = LoadOptions().max_rows;
  o.kv_type = ENGINE_KV_F16;
  return o;
}

Status check_range(const char* name, int value, int low, int high) {
  if (value >= low && value <= high) return ok;
  return invalid_argument(
      fmt::format("{} must be between {} and {}, not {}", name, low, high, value));
}

Result<LoadOptions> load_options(const engine_model_options* given) {
  engine_model_options o = default_model_options();
  ENGINE_TRY_STATUS(read(given, o));
  ENGINE_TRY_STATUS(check_range("n_ctx", o.n_ctx, 0, 1 << 24));
  ENGINE_TRY_STATUS(check_range("n_sequences", o.n_sequences, 1, kMostSequences));
  ENGINE_TRY_STATUS(check_range("n_batch", o.n_batch, 1, kMostBatch));
  ENGINE_TRY_STATUS(check_range("threads", o.threads, 0, kMostThreads));
  ENGINE_TRY_STATUS(check_range("kv_type", o.kv_type, ENGINE_KV_F16, ENGINE_KV_Q8_0));
  ENGINE_TRY_STATUS(check_range("reference", o.reference, 0, 1));
  LoadOptions out;
  out.n_ctx = o.n_ctx;
  out.n_sequences = o.n_sequences;
  out.max_rows = o.n_batch;
  out.max_outputs = kMostSequences;
  out.threads = o.threads;
  out.kv_type = o.kv_type == ENGINE_KV_Q8_0 ? DType::q8_0 : DType::f16;
  out.reference = o.reference == 1;
  return out;
}

}  // namespace

engine_status report(engine_status status, std::string_view message) noexcept {
  size_t n = std::min(message.size(), sizeof last_error - 1);
  // Not in the middle of a character.
  if (n < message.size())
    while (n > 0 && (static_cast<unsigned char>(message[n]) & 0xc0) == 0x80) --n;
  std::memcpy(last_error, message.data(), n);
  std::replace(last_error, last_error + n, '\n', ' ');  // one line, whatever the message was for
  last_error[n] = '\0';
  return status;
}

engine_status report(const Error& error) noexcept {
  return report(status_of(error.code), error.message);
}

}  // namespace engine::capi

using namespace engine;
using namespace engine::capi;

extern "C" {

const char* engine_version(void) {
  return ENGINE_VERSION;
}

const char* engine_last_error(void) {
  return last_error;
}

engine_status engine_model_options_init(engine_model_options* options, size_t size) {
  return guarded([&]() -> Status {
    if (options == nullptr) return invalid_argument("options is null");
    ENGINE_TRY_STATUS(check_size(size, "options"));
    fill(options, size, default_model_options());
    return ok;
  });
}

engine_status engine_model_open(const char* path, const engine_model_options* options,
                                engine_model** model) {
  return engine_model_open_adapted(path, options, nullptr, 0, model);
}

engine_status engine_model_open_adapted(const char* path, const engine_model_options* options,
                                        const engine_adapter* adapters, size_t n_adapters,
                                        engine_model** model) {
  if (model != nullptr) *model = nullptr;
  return guarded([&]() -> Status {
    if (path == nullptr) return invalid_argument("path is null");
    if (model == nullptr) return invalid_argument("model is null");
    if (adapters == nullptr && n_adapters > 0) return invalid_argument("adapters is null");
    if (n_adapters > kMostAdapters)
      return invalid_argument(fmt::format("n_adapters must be at most {}", kMostAdapters));
    ENGINE_TRY(load, load_options(options));
    for (size_t i = 0; i < n_adapters; ++i) {
      if (adapters[i].path == nullptr)
        return invalid_argument(fmt::format("adapters[{}].path is null", i));
      if (!std::isfinite(adapters[i].scale))
        return invalid_argument(fmt::format("adapters[{}].scale is no number", i));
      load.adapters.push_back({adapters[i].path, adapters[i].scale});
    }
    const int threads = load.threads > 0 ? load.threads : usable_cores();
    std::unique_ptr<ThreadPool> pool = make_native_pool(threads);
    ENGINE_TRY(loaded, Model::load(path, load, *pool));
    *model = new engine_model(std::move(pool), std::move(loaded));
    return ok;
  });
}

void engine_model_free(engine_model* model) {
  delete model;
}

engine_status engine_model_get_info(const engine_model* model, engine_model_info* info) {
  return guarded([&]() -> Status {
    if (model == nullptr) return invalid_argument("model is null");
    if (info == nullptr) return invalid_argument("info is null");
    ENGINE_TRY_STATUS(check_size(info->size, "info"));
    const ModelInfo& m = model->model().info();
    engine_model_info out = {};
    out.architecture = m.architecture.c_str();
    out.name = m.name.c_str();
    out.file_type = m.file_type.c_str();
    out.n_params = m.n_params;
    out.n_vocab = m.n_vocab;
    out.n_ctx = m.n_ctx;
    out.n_ctx_train = m.n_ctx_train;
    out.n_embd = m.n_embd;
    out.n_layer = m.n_layer;
    fill(info, info->size, out);
    return ok;
  });
}

}  // extern "C"
