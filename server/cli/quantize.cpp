// `engine quantize`.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "engine/core/clock.h"
#include "engine/store/model_store.h"
#include "server/cli/flags.h"
#include "server/cli/interrupt.h"
#include "server/cli/machine.h"
#include "server/cli/progress.h"
#include "server/cli/quantize_words.h"

namespace engine::cli {
namespace {

constexpr double kMiB = 1024 * 1024;

double mib(uint64_t bytes) {
  return static_cast<double>(bytes) / kMiB;
}

// One line per tensor, in the form that other programs read.
void print_tensor(const quant::QuantizeProgress& p) {
  const quant::TensorChoice& t = p.tensor;
  const std::string what =
      fmt::format("[{:4}/{:4}] {:>36} - [{:5}, {:5}, {:5}, {:5}], type = {:>6}, ", p.index + 1,
                  p.count, t.name, t.ne[0], t.ne[1], t.ne[2], t.ne[3], traits(t.from).name);
  if (t.from == t.to)
    fmt::print("{}size = {:8.3f} MiB\n", what, mib(t.bytes));
  else
    fmt::print("{}converting to {} .. size = {:8.2f} MiB -> {:8.2f} MiB\n", what, traits(t.to).name,
               mib(t.bytes), mib(t.new_bytes));
}

Status quantize(const Args& args) {
  ENGINE_TRY(command, parse_quantize(args));
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(located, locate_model(store, command.input));
  quant::Importance importance;
  if (!command.importance_path.empty()) {
    ENGINE_TRY(read, quant::read_importance(command.importance_path));
    importance = std::move(read);
    filter_importance(importance, command);
    command.options.importance = &importance;
    command.options.importance_file = command.importance_path;
  }
  const std::unique_ptr<ThreadPool> pool = make_thread_pool(command.threads);
  // A person sees a bar, a program the lines.
  const bool bar = !command.options.dry_run && !args.has("--verbose") && ::isatty(STDOUT_FILENO) &&
                   ::isatty(STDERR_FILENO);
  ProgressView view;
  const std::string message = fmt::format("quantizing to {}", command.type_name);
  catch_interrupts();
  const int64_t begin = now_ns();
  const auto result = quant::quantize_file(
      located.files(), command.output, *command.mix, command.options, *pool,
      [&](const quant::QuantizeProgress& p) {
        if (bar)
          view.bar(message, static_cast<int64_t>(p.done), static_cast<int64_t>(p.total));
        else if (p.begins)
          print_tensor(p), std::fflush(stdout);
        return !interrupted();
      });
  view.finish();
  if (!result) return result.error();

  size_t without = 0;
  for (const quant::TensorChoice& t : result->tensors) {
    if (!t.no_importance) continue;
    if (!bar) fmt::print("did not find weights for {}\n", t.name);
    ++without;
  }
  if (bar && without > 0)
    fmt::print("{} tensors have no entry in {}; --verbose names them\n", without,
               command.importance_path);
  const auto bits = [&](uint64_t bytes) {
    return 8 * static_cast<double>(bytes) /
           static_cast<double>(std::max<uint64_t>(1, result->elements));
  };
  fmt::print("model size  = {:8.2f} MiB ({:.2f} BPW)\n", mib(result->bytes), bits(result->bytes));
  fmt::print("quant size  = {:8.2f} MiB ({:.2f} BPW)\n\n", mib(result->new_bytes),
             bits(result->new_bytes));
  fmt::print("quantize time = {:8.2f} ms\n", static_cast<double>(result->quantize_ns) / 1e6);
  fmt::print("   total time = {:8.2f} ms\n", static_cast<double>(now_ns() - begin) / 1e6);
  return ok;
}

constexpr Flag kQuantizeFlags[] = {
    {"--imatrix", "FILE",
     "importance of the columns (`engine imatrix` makes it): better at few bits"},
    {"--allow-requantize", "", "also from a quantized file, at a loss"},
    {"--leave-output-tensor", "", "output.weight stays as it is"},
    {"--pure", "", "one type for all matrices"},
    {"--output-tensor-type", "TYPE", "of the output matrix"},
    {"--token-embedding-type", "TYPE", "of the embeddings"},
    {"--tensor-type", "REGEX=TYPE", "of tensors with such names; may be repeated"},
    {"--tensor-type-file", "FILE", "many of these, with blanks between"},
    {"--include-weights", "PART", "only entries of the imatrix with this in their name"},
    {"--exclude-weights", "PART", "all entries but those"},
    {"--prune-layers", "A,B", "leave these layers out"},
    {"--keep-split", "", "as many output files as the input has; OUT is their prefix"},
    {"--override-kv", "KEY=TYPE:VALUE", "metadata; TYPE: int, float, bool, str"},
    {"--dry-run", "", "sizes only"},
    {"--max-buffer-size", "MIB", "finished rows in memory (32)"},
    {"--verbose", "", "a line per tensor on a terminal too"},
    {"-t,--threads", "N", "threads"}};
constexpr Env kQuantizeEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_THREADS, Env::ENGINE_ISA,
                                        Env::ENGINE_POOL};

}  // namespace

extern const Verb verb_quantize = {
    "quantize",
    "",
    "IN [OUT] TYPE [THREADS]",
    "Write a model with smaller numbers",
    0,
    4,
    kQuantizeFlags,
    kQuantizeEnvironment,
    quantize,
    "Types: F32 F16 BF16 Q8_0 Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S Q4_1 Q4_0 IQ4_NL IQ4_XS "
    "Q3_K_L Q3_K_M\n"
    "Q3_K_S Q2_K Q2_K_S, or COPY. Q4_K_M is a good choice; docs/QUANTIZE.md compares them.\n"};

}  // namespace engine::cli
