// `engine perplexity`.
#include <fmt/format.h>

#include <cstdio>

#include "engine/run/model.h"
#include "engine/store/blobs.h"
#include "engine/store/model_store.h"
#include "engine/text/tokenizer.h"
#include "engine/tools/perplexity.h"
#include "server/cli/flags.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/settings.h"
#include "server/cli/machine.h"
#include "server/cli/stdin_text.h"

namespace engine::cli {
namespace {

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
  if (args.has("--version")) return print_llama_version();
  if (args.has("--list-devices")) return print_llama_devices();
  ENGINE_TRY_STATUS(start_llama_log(args));
  ENGINE_TRY(name, llama_model(args));
  ENGINE_TRY(choice, llama_load_choice(args));
  ENGINE_TRY(located, fetch_llama_model(args, name));
  PerplexityOptions options;
  ENGINE_TRY(n_ctx, args.number("--ctx-size", 512, 4));
  ENGINE_TRY(chunks, args.number("--chunks", -1, -1));
  ENGINE_TRY(threads, args.number("--threads", default_threads(), 1));
  options.n_ctx = n_ctx;
  options.chunks = chunks;
  options.save_path = args.text("--save-all-logits");
  const std::string base = args.text("--kl-divergence-base");
  if (!base.empty()) {
    // An existing file is compared with,
    // a missing one is written: the same command line for both runs.
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
  choice.apply(load);
  load.n_ctx = n_ctx;
  load.threads = threads;
  load.reference = args.has("--reference");
  load.max_outputs = 64;
  ENGINE_TRY(adapters, adapters_for(located, args));
  load.adapters = adapters;
  load.overrides = choice.choice.overrides;
  load.shards = located.shards;
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

constexpr auto kPerplexityFlags = llama_flags<'p'>();
}  // namespace

extern const Verb verb_perplexity = {"perplexity",
                                     "",
                                     "MODEL, or -m FILE",
                                     "Perplexity of a text, and divergence from recorded logits",
                                     0,
                                     1,
                                     kPerplexityFlags,
                                     kComputeEnvironment,
                                     perplexity,
                                     "The text is that of -f FILE, else of stdin.",
                                     'p'};

}  // namespace engine::cli
