// `engine bench` and `engine perplexity`.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "engine/core/cpu_info.h"
#include "engine/run/model.h"
#include "engine/store/blobs.h"
#include "engine/store/model_store.h"
#include "engine/text/tokenizer.h"
#include "engine/tools/bench.h"
#include "engine/tools/bench_output.h"
#include "engine/tools/perplexity.h"
#include "engine/tools/synth.h"
#include "server/cli/flags.h"
#include "server/cli/machine.h"
#include "server/cli/stdin_text.h"

namespace engine::cli {
namespace {

Error wrong(std::string text) {
  return {Errc::invalid_argument, std::move(text)};
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  size_t begin = 0;
  for (size_t end; (end = text.find(at, begin)) != std::string::npos; begin = end + 1)
    out.push_back(text.substr(begin, end - begin));
  out.push_back(text.substr(begin));
  return out;
}

// All values of a flag that takes comma lists and may be repeated.
std::vector<std::string> list_of(const Args& args, const char* flag) {
  std::vector<std::string> out;
  for (const std::string& text : args.all(flag)) {
    for (std::string& part : split(text, ',')) out.push_back(std::move(part));
  }
  return out;
}

Status read_ints(const Args& args, const char* flag, int lowest, std::vector<int>& out) {
  if (!args.has(flag)) return ok;
  out.clear();
  for (const std::string& text : args.all(flag)) ENGINE_TRY_STATUS(parse_bench_ints(text, out));
  for (const int n : out) {
    if (n < lowest) return wrong(fmt::format("{} {}: at least {} is needed", flag, n, lowest));
  }
  return ok;
}

std::string known_shapes() {
  return fmt::format("{}", fmt::join(synth_shapes(), ", "));
}

Status read_models(const Args& args, BenchGrid& grid) {
  ENGINE_TRY(store, ModelStore::open_default());
  std::vector<std::string> names = list_of(args, "--model");
  names.insert(names.end(), args.words.begin(), args.words.end());
  for (const std::string& name : names) {
    ENGINE_TRY(located, locate_model(store, name));
    grid.models.push_back({name, located.path, ""});
  }
  for (const std::string& spec : list_of(args, "--synth"))
    grid.models.push_back({"synth:" + spec, "", spec});
  if (grid.models.empty())
    return wrong("no model given: -m MODEL, or --synth SHAPE:TYPE for random weights (shapes: " +
                 known_shapes() + ")");
  return ok;
}

Status read_cache_types(const Args& args, BenchGrid& grid) {
  const std::vector<std::string> k = list_of(args, "--cache-type-k"),
                                 v = list_of(args, "--cache-type-v");
  if (k.empty() && v.empty()) return ok;
  if (!k.empty() && !v.empty() && k != v)
    return wrong("keys and values of the cache have one type: give the same list to -ctk and -ctv");
  grid.kv_types = k.empty() ? v : k;
  for (const std::string& type : grid.kv_types) {
    if (type != "f16" && type != "q8_0")
      return wrong(fmt::format("cache type {} is not available (known: f16, q8_0)", type));
  }
  return ok;
}

Status bench(const Args& args) {
  if (args.has("--list-shapes")) {
    for (const std::string& shape : synth_shapes()) fmt::print("{}\n", shape);
    return ok;
  }
  for (const std::string& mode : list_of(args, "--flash-attn")) {
    if (mode == "0" || mode == "off")
      return wrong("attention is always computed in one pass: -fa off is not available");
  }
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
      return wrong(fmt::format("-pg {}: two numbers are needed, prompt,generation", pair));
    grid.prompt_gen.emplace_back(both[0], both[1]);
  }
  ENGINE_TRY(repetitions, args.number("--repetitions", 5, 1));
  grid.repetitions = repetitions;
  grid.warmup = !args.has("--no-warmup");
  ENGINE_TRY_STATUS(read_cache_types(args, grid));
  ENGINE_TRY_STATUS(read_models(args, grid));

  BenchContext context;
  context.build_commit = build_commit();
  context.cpu_info = cpu_model_name();
  context.isa = features_in_use();
  context.kv_type_column = grid.kv_types != std::vector<std::string>{"f16"};
  context.batch_column = grid.n_batch != std::vector<int>{2048};
  context.ubatch_column = grid.n_ubatch != std::vector<int>{512};
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
      },
      progress));
  print(stdout, printer->footer());
  if (second) print(stderr, second->footer());
  return ok;
}

void print_comparison(const PerplexityResult& r) {
  const auto line = [](const char* name, double value, double error) {
    fmt::print("{:<30}: {:10.6f} ± {:10.6f}\n", name, value, error);
  };
  fmt::print("\n====== Perplexity statistics ======\n");
  line("Mean PPL(Q)", r.perplexity.value, r.perplexity.error);
  line("Mean PPL(base)", r.base_perplexity.value, r.base_perplexity.error);
  line("Mean ln(PPL(Q)/PPL(base))", r.log_ratio.value, r.log_ratio.error);
  fmt::print("\n====== KL divergence statistics ======\n");
  line("Mean    KLD", r.kld.value, r.kld.error);
  constexpr std::pair<const char*, double> kLevels[] = {
      {"Maximum", 1.0},  {"99.9%  ", 0.999}, {"99.0%  ", 0.99}, {"95.0%  ", 0.95},
      {"90.0%  ", 0.9},  {"Median ", 0.5},   {"10.0%  ", 0.1},  {" 5.0%  ", 0.05},
      {" 1.0%  ", 0.01}, {" 0.1%  ", 0.001}, {"Minimum", 0.0}};
  for (const auto& [name, q] : kLevels)
    fmt::print("{:<30}: {:10.6f}\n", fmt::format("{} KLD", name), percentile(r.kld_sorted, q));
  fmt::print("\n====== Token probability statistics ======\n");
  fmt::print("{:<30}: {:6.3f} ± {:.3f} %\n", "Mean    Δp", 100 * r.dp.value, 100 * r.dp.error);
  for (const auto& [name, q] : kLevels)
    fmt::print("{:<30}: {:6.3f} %\n", fmt::format("{} Δp", name), 100 * percentile(r.dp_sorted, q));
  fmt::print("{:<30}: {:6.3f} ± {:.3f} %\n", "RMS Δp", 100 * r.dp_rms.value, 100 * r.dp_rms.error);
  fmt::print("{:<30}: {:6.3f} ± {:.3f} %\n", "Same top p", 100 * r.same_top.value,
             100 * r.same_top.error);
}

Status perplexity(const Args& args) {
  ENGINE_TRY(store, ModelStore::open_default());
  const std::string name = args.words.empty() ? args.text("--model") : args.words[0];
  if (name.empty()) return wrong("no model given: engine perplexity MODEL -f FILE");
  ENGINE_TRY(located, locate_model(store, name));
  PerplexityOptions options;
  ENGINE_TRY(n_ctx, args.number("--ctx-size", 512, 4));
  ENGINE_TRY(chunks, args.number("--chunks", -1, -1));
  ENGINE_TRY(threads, args.number("--threads", default_threads(), 1));
  options.n_ctx = n_ctx;
  options.chunks = chunks;
  options.save_path = args.text("--save-all-logits");
  const std::string base = args.text("--kl-divergence-base");
  if (!base.empty()) {
    // An existing file is compared with, a missing one is written: the same command line for both
    // runs.
    const auto exists = source_of_file(base);
    (exists ? options.base_path : options.save_path) = base;
  }
  std::string text;
  if (options.base_path.empty()) {
    if (const std::string path = args.text("--file"); !path.empty()) {
      ENGINE_TRY(read, read_file(path, size_t{1} << 30));
      text = std::move(read);
    } else {
      ENGINE_TRY(read, read_stdin_text());
      text = std::move(read);
    }
  }
  const std::unique_ptr<ThreadPool> pool = make_thread_pool(threads);
  LoadOptions load;
  load.n_ctx = n_ctx;
  load.threads = threads;
  load.reference = args.has("--reference");
  load.max_outputs = 64;
  ENGINE_TRY(model, Model::load(located.path, load, *pool));
  const Tokenizer* tokenizer = model->tokenizer();
  if (tokenizer == nullptr)
    return Error{Errc::unsupported, fmt::format("{} has no tokenizer", located.path)};
  std::vector<Token> tokens;
  ENGINE_TRY_STATUS(tokenizer->encode(text, {true, false}, tokens));
  const Token bos = tokenizer->vocabulary().rules().add_bos ? tokenizer->ids().bos : -1;

  const bool comparing = !options.base_path.empty();
  if (comparing)
    fmt::print(
        "chunk             PPL               ln(PPL(Q)/PPL(base))          KL Divergence           "
        "   Δp RMS            Same top p\n");
  ENGINE_TRY(result,
             measure_perplexity(
                 *model, tokens, bos, options, [&](const PerplexityResult& r, int chunk, int) {
                   if (comparing) {
                     fmt::print(
                         "{:4}   {:10.4f} ± {:10.4f}   {:10.5f} ± {:10.5f}   {:10.5f} ± {:10.5f}   "
                         "{:6.3f} ± {:6.3f} %   {:6.3f} ± {:6.3f} %\n",
                         chunk, r.perplexity.value, r.perplexity.error, r.log_ratio.value,
                         r.log_ratio.error, r.kld.value, r.kld.error, 100 * r.dp_rms.value,
                         100 * r.dp_rms.error, 100 * r.same_top.value, 100 * r.same_top.error);
                   } else {
                     fmt::print("[{}]{:.4f},", chunk, r.perplexity.value);
                   }
                   std::fflush(stdout);
                 }));
  if (comparing)
    print_comparison(result);
  else
    fmt::print("\nFinal estimate: PPL = {:.4f} +/- {:.5f}\n", result.perplexity.value,
               result.perplexity.error);
  if (!options.save_path.empty()) fmt::print(stderr, "logits written to {}\n", options.save_path);
  return ok;
}

constexpr Flag kBenchFlags[] = {
    {"-m,--model", "MODEL", "model, by name or path; comma lists everywhere"},
    {"--synth", "SHAPE:TYPE", "a model of this shape with random weights, instead of -m"},
    {"--list-shapes", "", "list the shapes of --synth"},
    {"-p,--n-prompt", "N", "prompt tokens (512)"},
    {"-n,--n-gen", "N", "tokens to generate (128)"},
    {"--pg", "PP,TG", "prompt and generation in one test"},
    {"-d,--n-depth", "N", "tokens that are in the cache before (0)"},
    {"-b,--batch-size", "N", "tokens of one batch (2048)"},
    {"--ub,--ubatch-size", "N", "tokens of one step (512)"},
    {"-t,--threads", "N", "threads"},
    {"--ctk,--cache-type-k", "TYPE", "type of the cache: f16, q8_0"},
    {"--ctv,--cache-type-v", "TYPE", "the same"},
    {"--fa,--flash-attn", "on|auto", "always on"},
    {"--ngl,--n-gpu-layers", "N", nullptr},
    {"-r,--repetitions", "N", "repetitions of each test (5)"},
    {"-o,--output", "FORMAT", "md, csv, json, jsonl, sql"},
    {"--oe,--output-err", "FORMAT", "the same rows on stderr too"},
    {"--progress", "", "report on stderr what runs"},
    {"--no-warmup", "", "no warm-up run"}};
constexpr Flag kPerplexityFlags[] = {
    {"-m,--model", "MODEL", nullptr},
    {"-f,--file", "FILE", "the text (else stdin)"},
    {"-c,--ctx-size", "N", "tokens of one chunk (512)"},
    {"--chunks", "N", "at most so many chunks"},
    {"--kl-divergence-base", "FILE",
     "compare with the logits in FILE; write them if there is none"},
    {"--save-logits,--save-all-logits", "FILE", "write the logits"},
    {"--reference", "", "weights as float32, no quantized activations"},
    {"--kl-divergence", "", nullptr},
    {"-t,--threads", "N", "threads"}};
constexpr Env kCompute[] = {Env::OLLAMA_MODELS, Env::ENGINE_THREADS, Env::ENGINE_ISA,
                            Env::ENGINE_KERNELS, Env::ENGINE_POOL};

}  // namespace

extern const Verb verb_bench, verb_perplexity;
const Verb verb_bench = {"bench",
                         "",
                         "[MODEL...]",
                         "Measure tokens per second",
                         0,
                         -1,
                         kBenchFlags,
                         kCompute,
                         bench,
                         "Method, flags and output of llama-bench. Numbers may be lists and "
                         "ranges: 1,2,8 1-4 128-512+128 1-64*2."};
const Verb verb_perplexity = {"perplexity",
                              "",
                              "MODEL",
                              "Perplexity of a text, and divergence from recorded logits",
                              0,
                              1,
                              kPerplexityFlags,
                              kCompute,
                              perplexity};

}  // namespace engine::cli
