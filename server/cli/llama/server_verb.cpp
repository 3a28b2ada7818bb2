// `engine server`: llama-server, a server with one model loaded at the start.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/log.h"
#include "engine/store/blobs.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/settings.h"
#include "server/cli/machine.h"
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

// The files of a folder, without those that belong to others: projectors, further parts of a model.
Result<std::vector<std::string>> model_files(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec)) {
    const std::string name = entry.path().filename().string();
    const bool part =
        name.find("-of-") != std::string::npos && name.find("-00001-of-") == std::string::npos;
    if (entry.path().extension() == ".gguf" && !part && !name.starts_with("mmproj"))
      out.push_back(entry.path().string());
  }
  if (ec) return Error{Errc::not_found, fmt::format("--models-dir {}: {}", folder, ec.message())};
  std::sort(out.begin(), out.end());
  return out;
}

// What requests leave open: the flags, which win over what the model says, and the defaults of
// llama-server.
Status set_defaults(const Args& args, const LlamaSettings& settings, ModelChoice& choice) {
  ENGINE_TRY(given, llama_given_options(args));
  if (const Json& all = settings.ask.options; all.contains("stop")) given["stop"] = all["stop"];
  if (!given.empty()) choice.options = dump_json(given);
  choice.default_options = dump_json(settings.ask.options);
  if (settings.think_given) choice.think = dump_json(settings.ask.think);
  return ok;
}

Result<ServerOptions> server_options(const Args& args) {
  ENGINE_TRY(options, ServerOptions::from_environment());
  ENGINE_TRY(settings, llama_settings(args));
  const LoadChoice& load = settings.load;
  load.apply(options.load);
  options.n_ctx_fixed = options.n_ctx_fixed || load.n_ctx > 0;
  options.draft = load.draft;
  options.choice = load.choice;
  ENGINE_TRY_STATUS(set_defaults(args, settings, options.choice));
  if (const std::string folder = args.text("--models-dir"); !folder.empty()) {
    ENGINE_TRY(files, model_files(folder));
    options.files = std::move(files);
  }
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
  ENGINE_TRY_STATUS(start_llama_log(args));
  ENGINE_TRY(options, server_options(args));
  if (args.has("--log-verbosity") || args.has("--log-verbose") || args.has("--log-disable"))
    options.log_level = llama_log_level(args, 3);
  if (options.files.empty() || args.has("--model") || args.has("--hf-repo")) {
    ENGINE_TRY(model, llama_model(args));
    ENGINE_TRY(located, fetch_llama_model(args, model));
    (void)located;
    options.preload = model;
  }
  options.preload_name = args.text("--alias");
  return serve(options);
}

constexpr auto kServerFlags = llama_flags<'s'>();
constexpr Env kServerEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_MEMORY, Env::ENGINE_ISA,
                                      Env::ENGINE_API_KEY};

}  // namespace

extern const Verb verb_server;
const Verb verb_server = {
    "server",
    "",
    "-m FILE, or --models-dir FOLDER",
    "Serve one model, with the flags of llama-server",
    0,
    0,
    kServerFlags,
    kServerEnvironment,
    run_server,
    "The same server as `engine serve`, on port 8080, with the model loaded at the start.",
    's'};

}  // namespace engine::cli
