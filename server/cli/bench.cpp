// `engine bench`.
#include "engine/tools/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "engine/core/cpu_info.h"
#include "engine/run/cache_type.h"
#include "engine/store/model_store.h"
#include "engine/tools/bench_output.h"
#include "engine/tools/synth.h"
#include "server/cli/load_choice.h"
#include "server/cli/machine.h"

namespace engine::cli {
namespace {

Status read_ints(const Args& args, const char* flag, int lowest, std::vector<int>& out) {
  if (args.all(flag).empty()) return ok;  // "0" is a value here
  out.clear();
  for (const std::string& text : args.all(flag)) ENGINE_TRY_STATUS(parse_bench_ints(text, out));
  for (const int n : out) {
    if (n < lowest)
      return invalid_argument(fmt::format("{} {}: at least {} is needed", flag, n, lowest));
  }
  return ok;
}

std::string known_shapes() {
  return fmt::format("{}", fmt::join(synth_shapes(), ", "));
}

Status read_models(const Args& args, BenchGrid& grid) {
  ENGINE_TRY(store, ModelStore::open_default());
  std::vector<std::string> names = args.list("--model");
  names.insert(names.end(), args.words.begin(), args.words.end());
  for (const std::string& repo : args.list("--hf-repo"))
    names.push_back(repo.starts_with("hf.co/") ? repo : "hf.co/" + repo);
  for (const std::string& name : names) {
    ENGINE_TRY(located, locate_model(store, name));
    ENGINE_TRY(adapters, adapters_for(located, args));
    grid.models.push_back({name, located.path, "", adapters, located.shards});
  }
  for (const std::string& spec : args.list("--synth"))
    grid.models.push_back({"synth:" + spec, "", spec, {}});
  if (grid.models.empty())
    return invalid_argument(
        "no model given: -m MODEL, or --synth SHAPE:TYPE for random weights (shapes: " +
        known_shapes() + ")");
  return ok;
}

Status read_cache_types(const Args& args, BenchGrid& grid) {
  const std::vector<std::string> k = args.list("--cache-type-k"), v = args.list("--cache-type-v");
  if (k.empty() && v.empty()) return ok;
  if (!k.empty() && !v.empty() && k != v)
    return invalid_argument(
        "keys and values of the cache have one type: give the same list to -ctk and -ctv");
  grid.kv_types = k.empty() ? v : k;
  for (const std::string& type : grid.kv_types) {
    if (!cache_type(type))
      return invalid_argument(
          fmt::format("cache type {} is not available (known: {})", type, kCacheTypeNames));
  }
  return ok;
}

// Flags of llama-bench that choose among devices and memories that this engine does not have.
constexpr Flag kIgnored[] = {{"-C,--cpu-mask", "M", nullptr},
                             {"--cpu-strict", "0|1", nullptr},
                             {"--poll", "N", nullptr},
                             {"--ngl,--n-gpu-layers", "N", nullptr},
                             {"--ncmoe,--n-cpu-moe", "N", nullptr},
                             {"--sm,--split-mode", "MODE", nullptr},
                             {"--mg,--main-gpu", "N", nullptr},
                             {"--dev,--device", "LIST", nullptr},
                             {"--ts,--tensor-split", "LIST", nullptr},
                             {"--nkvo,--no-kv-offload", "0|1", nullptr},
                             {"--lm,--load-mode", "MODE", nullptr},
                             {"--lzm,--lazy-mode", "MODE", nullptr},
                             {"--embd,--embeddings", "0|1", nullptr},
                             {"--ot,--override-tensor", "P=B", nullptr},
                             {"--nopo,--no-op-offload", "0|1", nullptr},
                             {"--no-host", "0|1", nullptr},
                             {"--repack", "0|1", nullptr},
                             {"--fitt,--fit-target", "MIB", nullptr},
                             {"--fitc,--fit-ctx", "N", nullptr},
                             {"--prio", "N", nullptr},
                             {"--delay", "S", nullptr},
                             {"--numa", "MODE", nullptr},
                             {"--offline", "", nullptr},
                             {"-v,--verbose", "", nullptr}};

void note_ignored(const Args& args) {
  for (const Flag& flag : kIgnored) {
    const std::string_view names = flag.names;
    const std::string_view key =
        names.substr(names.rfind(',') == names.npos ? 0 : names.rfind(',') + 1);
    if (!args.all(key).empty()) fmt::print(stderr, "note: {} has no effect here\n", key);
  }
}

// -1: auto, which is the same. Lists are one value here: there is one way to compute attention.
Result<int> flash_attention(const Args& args) {
  int out = -1;
  for (const std::string& mode : args.list("--flash-attn")) {
    if (mode == "0" || mode == "off")
      return invalid_argument("attention is always computed in one pass: -fa off is not available");
    if (mode != "1" && mode != "on" && mode != "auto" && mode != "-1")
      return invalid_argument(fmt::format("invalid parameter for argument: -fa {}", mode));
    out = mode == "1" || mode == "on" ? 1 : -1;
  }
  return out;
}

Status bench(const Args& args) {
  if (args.has("--list-devices")) return print_llama_devices();
  note_ignored(args);
  if (args.has("--list-shapes")) {
    for (const std::string& shape : synth_shapes()) fmt::print("{}\n", shape);
    return ok;
  }
  ENGINE_TRY(flash_attn, flash_attention(args));
  BenchGrid grid;
  ENGINE_TRY_STATUS(read_ints(args, "--n-prompt", 0, grid.n_prompt));
  ENGINE_TRY_STATUS(read_ints(args, "--n-gen", 0, grid.n_gen));
  ENGINE_TRY_STATUS(read_ints(args, "--n-depth", 0, grid.n_depth));
  ENGINE_TRY_STATUS(read_ints(args, "--batch-size", 1, grid.n_batch));
  ENGINE_TRY_STATUS(read_ints(args, "--ubatch-size", 1, grid.n_ubatch));
  grid.n_threads = {default_threads()};
  ENGINE_TRY_STATUS(read_ints(args, "--threads", 1, grid.n_threads));
  for (const std::string& pair : args.all("--pg")) {
    std::vector<int> both;
    ENGINE_TRY_STATUS(parse_bench_ints(pair, both));
    if (both.size() != 2)
      return invalid_argument(
          fmt::format("-pg {}: two numbers are needed, prompt,generation", pair));
    grid.prompt_gen.emplace_back(both[0], both[1]);
  }
  ENGINE_TRY_STATUS(read_ints(args, "--npl", 1, grid.n_parallel));
  grid.roofs = !args.has("--no-roofs");
  grid.profile = args.has("--profile");
  grid.map = !args.has("--no-mmap"), grid.repack = !args.has("--no-repack");
  ENGINE_TRY(repetitions, args.number("--repetitions", 5, 1));
  grid.repetitions = repetitions;
  grid.warmup = !args.has("--no-warmup");
  ENGINE_TRY_STATUS(read_cache_types(args, grid));
  ENGINE_TRY_STATUS(read_models(args, grid));

  BenchContext context;
  context.build_commit = build_commit();
  context.build_number = build_number();
  context.flash_attn = flash_attn;
  context.cpu_info = cpu_model_name();
  context.isa = features_in_use();
  context.kv_type_column = grid.kv_types != std::vector<std::string>{"f16"};
  context.batch_column = grid.n_batch != std::vector<int>{2048};
  context.ubatch_column = grid.n_ubatch != std::vector<int>{512};
  context.roof_columns = grid.roofs;
  ENGINE_TRY(printer, make_bench_printer(args.text("--output", "md"), context));
  std::unique_ptr<BenchPrinter> second;
  if (const std::string format = args.text("--output-err", "none"); format != "none") {
    ENGINE_TRY(made, make_bench_printer(format, context));
    second = std::move(made);
  }
  const auto print = [](std::FILE* to, const std::string& text) {
    std::fputs(text.c_str(), to);
    std::fflush(to);
  };
  print(stdout, printer->header());
  if (second) print(stderr, second->header());
  const std::unique_ptr<ThreadPool> pool =
      make_thread_pool(*std::max_element(grid.n_threads.begin(), grid.n_threads.end()));
  BenchProgress progress;
  if (args.has("--progress")) {
    progress = [](int test, int tests, std::string_view what) {
      fmt::print(stderr, "llama-bench: benchmark {}/{}: {}\n", test, tests, what);
    };
  }
  ENGINE_TRY_STATUS(run_bench(
      grid, *pool,
      [&](const BenchRow& row) {
        print(stdout, printer->row(row));
        if (second) print(stderr, second->row(row));
        if (grid.profile) fmt::print(stderr, "\n{}: {}\n", row.test_name(), row.profile);
      },
      progress));
  print(stdout, printer->footer());
  if (second) print(stderr, second->footer());
  return ok;
}

constexpr Flag kOwnFlags[] = {
    {"-m,--model", "MODEL", "model, by name or path; comma lists everywhere"},
    {"--hf,--hf-repo", "USER/REPO", "a model of the hub that was fetched before"},
    {"--list-devices", "", "list the devices"},
    {"--synth", "SHAPE:TYPE", "a model of this shape with random weights, instead of -m"},
    {"--list-shapes", "", "list the shapes of --synth"},
    {"-p,--n-prompt", "N", "prompt tokens (512)"},
    {"-n,--n-gen", "N", "tokens to generate (128)"},
    {"--pg", "PP,TG", "prompt and generation in one test"},
    {"-d,--n-depth", "N", "tokens that are in the cache before (0)"},
    {"--npl", "N", "sequences that generate together, each with its own cache (1)"},
    {"-b,--batch-size", "N", "tokens of one batch (2048)"},
    {"--ub,--ubatch-size", "N", "tokens of one step (512)"},
    {"-t,--threads", "N", "threads"},
    {"--ctk,--cache-type-k", "TYPE", "type of the cache: f16, q8_0"},
    {"--ctv,--cache-type-v", "TYPE", "the same"},
    {"--fa,--flash-attn", "on|auto", "always on"},
    {"-r,--repetitions", "N", "repetitions of each test (5)"},
    {"-o,--output", "FORMAT", "md, csv, json, jsonl, sql"},
    {"--oe,--output-err", "FORMAT", "the same rows on stderr too"},
    {"--progress", "", "report on stderr what runs"},
    kLoraFlag,
    kLoraScaledFlag,
    kNoMmapFlag,
    kNoRepackFlag,
    {"--no-warmup", "", "no warm-up run"},
    {"--no-roofs", "", "the columns of llama-bench and no others; the machine is not measured"},
    {"--profile", "", "on stderr: where the last repetition of each test spends its time"}};
// Both lists behind each other.
consteval auto all_flags() {
  std::array<Flag, std::size(kOwnFlags) + std::size(kIgnored)> out{};
  std::copy(std::begin(kOwnFlags), std::end(kOwnFlags), out.begin());
  std::copy(std::begin(kIgnored), std::end(kIgnored), out.begin() + std::size(kOwnFlags));
  return out;
}
constexpr auto kBenchFlags = all_flags();
}  // namespace

extern const Verb verb_bench;
const Verb verb_bench = {"bench",
                         "",
                         "[MODEL...]",
                         "Measure tokens per second",
                         0,
                         -1,
                         kBenchFlags,
                         kComputeEnvironment,
                         bench,
                         "Method, flags and output of llama-bench. Numbers may be lists and "
                         "ranges: 1,2,8 1-4 128-512+128 1-64*2. Percentages are of the read "
                         "bandwidth and of the peak of the multipliers of this machine, measured "
                         "at the start with the same number of threads."};

}  // namespace engine::cli
