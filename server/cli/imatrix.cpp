// `engine imatrix`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/quantize/collect.h"
#include "engine/run/logits.h"
#include "engine/store/blobs.h"
#include "engine/text/tokenizer.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/settings.h"
#include "server/cli/machine.h"

namespace engine::cli {
namespace {

// Where the squares of the activations of a tensor lie: few columns with most of the sum gain most from importance.
void print_statistics(const quant::Importance& m) {
  fmt::print("{:<44} {:>10} {:>12} {:>12} {:>12} {:>10}\n", "tensor", "columns", "mean", "min",
             "max", "top 1 %");
  for (const auto& [name, e] : m.entries) {
    std::vector<float> w = m.weights(name);
    std::ranges::sort(w, std::greater());
    double sum = 0, top = 0;
    const size_t few = std::max<size_t>(1, w.size() / 100);
    for (size_t i = 0; i < w.size(); ++i) {
      sum += static_cast<double>(w[i]);
      if (i < few) top += static_cast<double>(w[i]);
    }
    fmt::print("{:<44} {:>10} {:>12.5g} {:>12.5g} {:>12.5g} {:>8.2f} %\n", name, w.size(),
               sum / static_cast<double>(w.size()), w.back(), w.front(),
               sum > 0 ? 100 * top / sum : 0);
  }
}

Result<quant::ImportanceForm> form_of(const Args& args, const std::string& path) {
  const std::string form = args.text("--output-format", path.ends_with(".dat") ? "dat" : "gguf");
  if (form == "gguf") return quant::ImportanceForm::gguf;
  if (form == "dat") return quant::ImportanceForm::dat;
  return invalid_argument(fmt::format("invalid output format '{}': gguf or dat", form));
}

Result<quant::Importance> collect(const Args& args, const std::string& name,
                                  const std::string& text_path, const quant::Importance& before,
                                  quant::ImportanceForm form, const std::string& out) {
  ENGINE_TRY(choice, llama_load_choice(args));
  ENGINE_TRY(located, fetch_llama_model(args, name));
  ENGINE_TRY(text, read_file(text_path, size_t{1} << 30));
  quant::CollectOptions options;
  ENGINE_TRY(n_ctx, args.number("--ctx-size", 512, 32));
  ENGINE_TRY(chunks, args.number("--chunks", -1, -1));
  ENGINE_TRY(from, args.number("--from-chunk", 0, 0));
  ENGINE_TRY(every, args.number("--output-frequency", 10, 1));
  ENGINE_TRY(threads, args.number("--threads", default_threads(), 1));
  options.n_ctx = n_ctx, options.chunks = chunks, options.from_chunk = from;
  options.output = args.has("--process-output");
  options.perplexity = !args.has("--no-ppl");

  const std::unique_ptr<ThreadPool> pool = make_thread_pool(threads);
  LoadOptions load;
  choice.apply(load);
  load.n_ctx = n_ctx;
  load.threads = threads;
  load.reference = true;
  load.max_outputs = 256;
  ENGINE_TRY(adapters, adapters_for(located, args));
  load.adapters = adapters;
  load.overrides = choice.choice.overrides;
  load.shards = located.shards;
  ENGINE_TRY(model, Model::load(located.path, load, *pool));
  const Tokenizer* tokenizer = model->tokenizer();
  if (tokenizer == nullptr)
    return Error{Errc::unsupported, fmt::format("{} has no tokenizer", located.path)};
  std::vector<Token> tokens;
  ENGINE_TRY_STATUS(tokenizer->encode(text, {true, args.has("--parse-special")}, tokens));
  const Token bos = tokenizer->vocabulary().rules().add_bos ? tokenizer->ids().bos : -1;
  catch_interrupts();
  return quant::collect_importance(
      *model, tokens, bos, text_path, options, [&](const quant::CollectState& s) -> Status {
        if (s.perplexity > 0)
          fmt::print("[{}]{:.4f},", s.chunk, s.perplexity);
        else
          fmt::print(stderr, "\r{} of {} chunks", s.chunk, s.n_chunks);
        std::fflush(stdout);
        // What was computed so far is not lost.
        if (s.chunk % every == 0 && s.chunk < s.n_chunks) {
          quant::Importance so_far = before;
          ENGINE_TRY_STATUS(so_far.merge(s.importance));
          ENGINE_TRY_STATUS(quant::write_importance(so_far, form, out));
        }
        return interrupted() ? Status(Error{Errc::cancelled, "interrupted"}) : Status(ok);
      });
}

Status imatrix(const Args& args) {
  if (args.has("--version")) return print_llama_version();
  if (args.has("--list-devices")) return print_llama_devices();
  ENGINE_TRY_STATUS(start_llama_log(args));
  const std::string text = args.text("--file"), out = args.text("--output", "imatrix.gguf");
  const std::vector<std::string> inputs = args.all("--in-file");
  ENGINE_TRY(form, form_of(args, out));
  quant::Importance sum;
  for (const std::string& path : inputs) {
    ENGINE_TRY(read, quant::read_importance(path));
    ENGINE_TRY_STATUS(sum.merge(read));
  }
  if (args.has("--show-statistics")) {
    if (inputs.empty()) return invalid_argument("no file to show: give it with --in-file");
    print_statistics(sum);
    return ok;
  }
  if (text.empty() && inputs.empty())
    return invalid_argument("no text given: engine imatrix MODEL -f TEXT [-o imatrix.gguf]");
  if (!text.empty()) {
    ENGINE_TRY(name, llama_model(args));
    ENGINE_TRY(collected, collect(args, name, text, sum, form, out));
    ENGINE_TRY_STATUS(sum.merge(collected));
    fmt::print("\n");
  }
  ENGINE_TRY_STATUS(quant::write_importance(sum, form, out));
  fmt::print("{}: {} entries from {} chunks\n", out, sum.entries.size(), sum.chunk_count);
  return ok;
}

constexpr auto kImatrixFlags = llama_flags<'i'>();

}  // namespace

extern const Verb verb_imatrix = {
    "imatrix",
    "",
    "MODEL -f TEXT, or -m FILE -f TEXT",
    "Measure which columns of the weights matter, for quantize --imatrix",
    0,
    1,
    kImatrixFlags,
    kComputeEnvironment,
    imatrix,
    "The text: some hundred kilobytes like what the model will read. Flags that have no effect "
    "here "
    "are accepted with a note.",
    'i'};

}  // namespace engine::cli
