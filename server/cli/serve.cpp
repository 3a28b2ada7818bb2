// `engine serve`.
#include "server/serve.h"

#include "engine/core/log.h"
#include "engine/store/model_store.h"
#include "engine/store/writable.h"
#include "server/cli/load_choice.h"
#include "server/server.h"

namespace engine::cli {
namespace {

// A store that cannot be written is still served from, as long as there is a model in it.
Status check_store() {
  const Error none{Errc::io, "no writable model store: set OLLAMA_MODELS or mount a volume"};
  const Result<ModelStore> store = ModelStore::open_default();
  if (!store) return none;
  const Status writable = make_writable_store(store->root());
  if (writable) return ok;
  log_warn("the model store cannot be written: {}", writable.error().message);
  if (store->list().empty()) return none;
  return ok;
}

Status run_serve(const Args& args) {
  ENGINE_TRY(options, ServerOptions::from_environment());
  ENGINE_TRY(load, load_choice(args));
  options.draft = load.draft;
  load.apply(options.load);
  ENGINE_TRY_STATUS(check_store());
  return serve(options);
}

constexpr Flag kServeFlags[] = {
    kDraftFlag,
    kNoMmapFlag,
    kNoRepackFlag,
    kMlockFlag,
};
constexpr Env kServeEnvironment[] = {Env::OLLAMA_HOST,          Env::OLLAMA_MODELS,
                                     Env::OLLAMA_KEEP_ALIVE,    Env::OLLAMA_CONTEXT_LENGTH,
                                     Env::OLLAMA_KV_CACHE_TYPE, Env::OLLAMA_ORIGINS,
                                     Env::ENGINE_API_KEY,       Env::ENGINE_SSE_PING,
                                     Env::OLLAMA_NUM_PARALLEL,  Env::OLLAMA_MAX_LOADED_MODELS,
                                     Env::OLLAMA_MAX_QUEUE,     Env::OLLAMA_LOAD_TIMEOUT,
                                     Env::OLLAMA_NOPRUNE,       Env::OLLAMA_GO_TEMPLATE,
                                     Env::OLLAMA_DEBUG,         Env::ENGINE_SPECULATE,
                                     Env::ENGINE_DRAFT_MODEL,   Env::ENGINE_MEMORY,
                                     Env::ENGINE_THREADS,       Env::ENGINE_ISA,
                                     Env::ENGINE_POOL,          Env::ENGINE_SHUTDOWN_GRACE};

}  // namespace

extern const Verb verb_serve;
const Verb verb_serve = {"serve",     "start",           "",       "Start the server", 0, 0,
                         kServeFlags, kServeEnvironment, run_serve};

}  // namespace engine::cli
