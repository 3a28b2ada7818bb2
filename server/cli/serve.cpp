// `engine serve`.
#include "server/serve.h"

#include "server/cli/load_choice.h"
#include "server/server.h"

namespace engine::cli {
namespace {

Status run_serve(const Args& args) {
  ENGINE_TRY(options, ServerOptions::from_environment());
  ENGINE_TRY(load, load_choice(args));
  options.draft = load.draft;
  load.apply(options.load);
  return serve(options);
}

constexpr Flag kFlags[] = {
    kDraftFlag,
    kNoMmapFlag,
    kNoRepackFlag,
    kMlockFlag,
};
constexpr Env kEnvironment[] = {Env::OLLAMA_HOST,          Env::OLLAMA_MODELS,
                                Env::OLLAMA_KEEP_ALIVE,    Env::OLLAMA_CONTEXT_LENGTH,
                                Env::OLLAMA_KV_CACHE_TYPE, Env::OLLAMA_ORIGINS,
                                Env::ENGINE_API_KEY,       Env::ENGINE_SSE_PING,
                                Env::OLLAMA_NUM_PARALLEL,  Env::OLLAMA_MAX_LOADED_MODELS,
                                Env::OLLAMA_MAX_QUEUE,     Env::OLLAMA_LOAD_TIMEOUT,
                                Env::OLLAMA_NOPRUNE,       Env::OLLAMA_GO_TEMPLATE,
                                Env::OLLAMA_DEBUG,         Env::ENGINE_SPECULATE,
                                Env::ENGINE_DRAFT_MODEL,   Env::ENGINE_MEMORY,
                                Env::ENGINE_THREADS,       Env::ENGINE_ISA,
                                Env::ENGINE_POOL};

}  // namespace

extern const Verb verb_serve;
const Verb verb_serve = {"serve", "start", "",           "Start the server", 0,
                         0,       kFlags,  kEnvironment, run_serve};

}  // namespace engine::cli
