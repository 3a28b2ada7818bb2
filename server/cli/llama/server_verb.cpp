// `engine server`: llama-server, a server with one model loaded at the start.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/core/log.h"
#include "engine/store/blobs.h"
#include "engine/store/model_store.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/settings.h"
#include "server/cli/machine.h"
#include "server/cli/show_or_pull.h"
#include "server/serve.h"
#include "server/server.h"

namespace engine::cli {
namespace {

constexpr int kPort = 8080;

Result<std::string> api_keys(const Args& args) {
  std::string keys = args.text("--api-key");
  const std::string path = args.text("--api-key-file");
  if (path.empty()) return keys;
  ENGINE_TRY(text, read_file(path, size_t{1} << 20));
  std::replace(text.begin(), text.end(), '\n', ',');
  return keys.empty() ? text : keys + "," + text;
}

// Fetched before the server starts, with its progress in the terminal.
Status fetch(const Args& args, const std::string& name) {
  ENGINE_TRY(store, ModelStore::open_default());
  if (locate_model(store, name)) return ok;
  if (args.has("--offline") || !name.starts_with("hf.co/"))
    return locate_model(store, name).error();
  ENGINE_TRY(client, make_local_client("", nullptr));
  ENGINE_TRY(shown, show_or_pull(*client, name, false));
  (void)shown;
  return ok;
}

Result<ServerOptions> server_options(const Args& args) {
  ENGINE_TRY(options, ServerOptions::from_environment());
  ENGINE_TRY(load, llama_load_choice(args));
  load.apply(options.load);
  options.n_ctx_fixed = options.n_ctx_fixed || load.n_ctx > 0;
  options.draft = load.draft;
  options.adapters = load.adapters;
  options.draft_required = load.draft_required;
  options.host = args.text("--host", "127.0.0.1");
  ENGINE_TRY(port, args.number("--port", kPort, 0));
  if (port > 65535)
    return Error{Errc::invalid_argument, fmt::format("--port {}: at most 65535", port)};
  options.port = static_cast<uint16_t>(port);
  ENGINE_TRY(parallel, args.number("--parallel", -1, -1));
  if (parallel > 0) options.load.n_sequences = parallel;
  ENGINE_TRY(threads, args.number("--threads-http", -1, -1));
  if (threads > 0) options.io_threads = threads;
  ENGINE_TRY(loaded, args.number("--models-max", 4, 0));
  if (loaded > 0) options.pool.max_loaded = loaded;
  ENGINE_TRY(idle, args.number("--sleep-idle-seconds", -1, -1));
  options.pool.keep_alive =
      idle < 0 ? kKeepForever : std::chrono::nanoseconds(std::chrono::seconds(idle));
  if (args.values.contains("--metrics")) options.metrics_compat = args.has("--metrics");
  options.origins = args.text("--cors-origins", options.origins);
  ENGINE_TRY(keys, api_keys(args));
  if (!keys.empty()) options.api_keys = keys;
  return std::move(options);
}

Status run_server(const Args& args) {
  if (args.has("--version")) return print_llama_version();
  if (args.has("--list-devices")) return print_llama_devices();
  ENGINE_TRY(options, server_options(args));
  ENGINE_TRY(model, llama_model(args));
  ENGINE_TRY_STATUS(fetch(args, model));
  options.preload = model;
  options.preload_name = args.text("--alias");
  return serve(options);
}

constexpr auto kFlags = llama_flags<'s'>();
constexpr Env kEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_MEMORY, Env::ENGINE_ISA,
                                Env::ENGINE_API_KEY};

}  // namespace

extern const Verb verb_server;
const Verb verb_server = {
    "server",
    "",
    "-m FILE",
    "Serve one model, with the flags of llama-server",
    0,
    0,
    kFlags,
    kEnvironment,
    run_server,
    "The same server as `engine serve`, on port 8080, with the model loaded at the start.",
    's'};

}  // namespace engine::cli
