// `engine explain`, `gguf-dump`, `devices`, `env`, `health`, `version`, `help`: looks at a plan, a
// file, the machine, the program.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/core/cpu_info.h"
#include "engine/core/json_io.h"
#include "engine/run/model.h"
#include "engine/store/model_store.h"
#include "engine/tools/dump.h"
#include "server/cli/client.h"
#include "server/cli/flags.h"
#include "server/cli/forms.h"
#include "server/cli/load_choice.h"
#include "server/cli/machine.h"
#include "server/cli/man_page.h"
#include "server/duration.h"

namespace engine::cli {
namespace {

Status explain(const Args& args) {
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(located, locate_model(store, args.words[0]));
  ENGINE_TRY(threads, args.number("--threads", default_threads(), 1));
  const std::unique_ptr<ThreadPool> pool = make_thread_pool(threads);
  LoadOptions options;
  options.reference = args.has("--reference");
  options.threads = threads;
  ENGINE_TRY(n_ctx, args.number("--ctx-size", 0, 0));
  options.n_ctx = n_ctx;
  ENGINE_TRY(adapters, adapters_for(located, args));
  options.adapters = adapters;
  options.shards = located.shards;
  ENGINE_TRY(model, Model::load(located.path, options, *pool));
  const std::string plan = model->explain();
  if (!args.has("--json")) {
    fmt::print("{}", plan);
    return ok;
  }
  const ModelInfo& info = model->info();
  Json lines = Json::array();
  for (size_t begin = 0; begin < plan.size();) {
    const size_t end = std::min(plan.find('\n', begin), plan.size());
    lines.push_back(plan.substr(begin, end - begin));
    begin = end + 1;
  }
  fmt::print("{}\n", dump_json({{"architecture", info.architecture},
                                {"parameters", info.n_params},
                                {"weight_bytes", info.weight_bytes},
                                {"cache_bytes", info.cache_bytes},
                                {"scratch_bytes", info.scratch_bytes},
                                {"n_ctx", info.n_ctx},
                                {"plan", lines}},
                               2));
  return ok;
}

Status dump(const Args& args) {
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(located, locate_model(store, args.words[0]));
  ENGINE_TRY(text, dump_model_file(located.files(), args.has("--json")));
  std::fwrite(text.data(), 1, text.size(), stdout);
  return ok;
}

Status devices(const Args& args) {
  const uint64_t have = cpu_features();
  ENGINE_TRY(used, cap_features(have, env(Env::ENGINE_ISA)));
  if (args.has("--json")) {
    fmt::print("{}\n", dump_json(Json::array({{{"backend", "cpu"},
                                               {"name", cpu_model_name()},
                                               {"cores", usable_cores()},
                                               {"features", feature_names(have)},
                                               {"features_in_use", feature_names(used)}}}),
                                 2));
    return ok;
  }
  Table table({"BACKEND", "DEVICE", "CORES", "FEATURES IN USE"});
  table.row({"cpu", cpu_model_name(), fmt::format("{}", usable_cores()), feature_names(used)});
  fmt::print("{}", table.text());
  if (used != have)
    fmt::print("ENGINE_ISA={} leaves out: {}\n", env(Env::ENGINE_ISA), feature_names(have & ~used));
  return ok;
}

// As it may be shown: the output of this command ends up in reports of faults.
std::string shown_value(size_t i) {
  const auto which = static_cast<Env>(i);
  const std::string value = engine::env(which);
  const bool secret = which == Env::ENGINE_API_KEY || which == Env::ENGINE_REGISTRY_PASSWORD ||
                      which == Env::HF_TOKEN;
  return secret && !value.empty() ? "***" : value;
}

Status print_env(const Args& args) {
  if (args.has("--json")) {
    Json out = Json::object();
    for (size_t i = 0; i < env_list().size(); ++i) out[env_list()[i].name] = shown_value(i);
    fmt::print("{}\n", dump_json(out, 2));
    return ok;
  }
  for (size_t i = 0; i < env_list().size(); ++i) {
    const EnvInfo& info = env_list()[i];
    const std::string value = shown_value(i);
    fmt::print("{:<26} {:<20} {}{}\n", info.name, value.empty() ? "-" : value, info.help,
               env_set(static_cast<Env>(i)) ? "  (set)" : "");
  }
  return ok;
}

Status health(const Args& args) {
  const std::string text = args.text("--timeout", "2s");
  const auto limit = parse_duration_or_seconds(text);
  if (!limit || limit->count() <= 0)
    return Error{Errc::invalid_argument,
                 fmt::format("invalid argument \"{}\" for \"--timeout\" flag: a time such as 2s or "
                             "500ms is needed",
                             text)};
  const auto client = connect_client(*limit);
  if (!client) return client.error();
  fmt::print("the server answers\n");
  return ok;
}

Status version(const Args&) {
  fmt::print("{}", version_text());
  return ok;
}

Status help(const Args& args) {
  if (args.has("--man")) {
    const std::string page = man_page();
    std::fwrite(page.data(), 1, page.size(), stdout);
    return ok;
  }
  if (args.words.empty()) {
    fmt::print("{}", help_text());
    return ok;
  }
  const Verb* verb = find_verb(args.words[0]);
  if (!verb)
    return Error{Errc::invalid_argument,
                 fmt::format("unknown command \"{}\" for \"engine\"; `engine help` lists them",
                             args.words[0])};
  fmt::print("{}", help_text(*verb));
  return ok;
}

constexpr Flag kJson[] = {{"--json", "", "print JSON"}};
constexpr Flag kHealthFlags[] = {{"--timeout", "TIME", "how long to wait (default 2s)"}};
constexpr Flag kHelpFlags[] = {{"--man", "", nullptr}};  // for the installation
constexpr Flag kExplainFlags[] = {{"--json", "", "print JSON"},
                                  {"--reference", "", "the plan of the float32 reference"},
                                  kLoraFlag,
                                  kLoraScaledFlag,
                                  {"-c,--ctx-size", "N", "context length"},
                                  {"-t,--threads", "N", "threads"}};
constexpr Env kExplainEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_THREADS, Env::ENGINE_ISA,
                                       Env::ENGINE_KERNELS};
constexpr Env kStore[] = {Env::OLLAMA_MODELS};
constexpr Env kIsa[] = {Env::ENGINE_ISA};
constexpr Env kHost[] = {Env::OLLAMA_HOST};

}  // namespace

extern const Verb verb_explain, verb_gguf_dump, verb_devices, verb_env, verb_health, verb_version,
    verb_help;
const Verb verb_explain = {
    "explain", "", "MODEL",       "Show the compiled plan: steps, kernels, bytes",
    1,         1,  kExplainFlags, kExplainEnvironment,
    explain};
const Verb verb_gguf_dump = {
    "gguf-dump", "", "FILE", "Show metadata and tensors of a GGUF file", 1, 1, kJson, kStore, dump};
const Verb verb_devices = {"devices", "",   "",     "List what this machine computes with", 0, 0,
                           kJson,     kIsa, devices};
const Verb verb_env = {"env", "", "",       "List the environment variables and their values", 0, 0,
                       kJson, {}, print_env};
const Verb verb_health = {"health",     "",    "",    "Exit code 0 if the server answers", 0, 0,
                          kHealthFlags, kHost, health};
const Verb verb_version = {
    "version", "", "",     "Show version, commit, compiler, backends and CPU features", 0, 0,
    {},        {}, version};
const Verb verb_help = {"help", "", "[VERB]", "Help for a verb", 0, 1, kHelpFlags, {}, help};

}  // namespace engine::cli
