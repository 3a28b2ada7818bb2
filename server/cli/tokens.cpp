// `engine detokenize` and `logits`: raw looks into the stages of a model.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "engine/run/logits.h"
#include "engine/run/model.h"
#include "engine/store/model_store.h"
#include "engine/tools/token_list.h"
#include "engine/tools/tokenizer_file.h"
#include "server/cli/load_choice.h"
#include "server/cli/machine.h"
#include "server/cli/stdin_text.h"

namespace engine::cli {
namespace {

Result<LocatedModel> locate(const std::string& model) {
  ENGINE_TRY(store, ModelStore::open_default());
  return locate_model(store, model);
}

Status detokenize(const Args& args) {
  ENGINE_TRY(model, locate(args.words[0]));
  ENGINE_TRY(tokenizer, load_tokenizer(model.files()));
  ENGINE_TRY(text, read_stdin_text());
  ENGINE_TRY(tokens, parse_tokens(text));
  DecodeFlags flags;
  flags.unparse_special = !args.has("--no-specials");
  const std::string out = tokenizer->detokenize(tokens, flags);
  std::fwrite(out.data(), 1, out.size(), stdout);
  return ok;
}

Status logits(const Args& args) {
  if (!args.has("--tokens"))
    return Error{Errc::invalid_argument,
                 "give the prompt as ids: --tokens 1,2,3 (`engine tokenize` makes them)"};
  if (!args.has("--output"))
    return Error{Errc::invalid_argument, "give the file to write: -o FILE"};
  ENGINE_TRY(tokens, parse_tokens(args.text("--tokens")));
  ENGINE_TRY(chunk, args.number("--chunk", 0, 1));
  ENGINE_TRY(threads, args.number("--threads", default_threads(), 1));
  ENGINE_TRY(located, locate(args.words[0]));
  const std::unique_ptr<ThreadPool> pool = make_thread_pool(threads);
  LoadOptions options;
  options.n_ctx = static_cast<int>(tokens.size());
  options.reference = args.has("--reference");
  options.threads = threads;
  options.max_outputs = chunk > 0 ? std::min(chunk, options.max_rows) : 64;
  ENGINE_TRY(adapters, adapters_for(located, args));
  options.adapters = adapters;
  options.shards = located.shards;
  ENGINE_TRY(model, Model::load(located.path, options, *pool));

  const std::string path = args.text("--output");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "wb"),
                                                             &std::fclose);
  const auto cannot_write = [&path] {
    return Error{Errc::io, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  };
  if (!file) return cannot_write();
  ENGINE_TRY_STATUS(
      compute_logits(*model, tokens, chunk, 0, [&](int, std::span<float> row) -> Status {
        if (std::fwrite(row.data(), sizeof(float), row.size(), file.get()) != row.size())
          return cannot_write();
        return ok;
      }));
  if (std::fflush(file.get()) != 0) return cannot_write();
  fmt::print(stderr, "wrote [{}, {}] float32 to {}\n", tokens.size(), model->info().n_vocab, path);
  return ok;
}

constexpr Flag kDetokenizeFlags[] = {{"--no-specials", "", "leave special tokens out"}};
constexpr Flag kLogitsFlags[] = {
    {"--tokens", "IDS", "the prompt: 1,2,3"},
    {"--chunk", "N", "feed the prompt N tokens at a time"},
    kLoraFlag,
    kLoraScaledFlag,
    {"--reference", "", "weights as float32, no quantized activations"},
    {"-t,--threads", "N", "threads"},
    {"-o,--output", "FILE", "raw little-endian float32 [tokens, vocabulary]"}};
constexpr Env kDetokenizeEnvironment[] = {Env::OLLAMA_MODELS};
constexpr Env kLogitsEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_THREADS, Env::ENGINE_ISA,
                                      Env::ENGINE_KERNELS, Env::ENGINE_VERIFY};

}  // namespace

extern const Verb verb_detokenize, verb_logits;
const Verb verb_detokenize = {"detokenize",
                              "",
                              "MODEL",
                              "A list of token ids on stdin to text",
                              1,
                              1,
                              kDetokenizeFlags,
                              kDetokenizeEnvironment,
                              detokenize};
const Verb verb_logits = {"logits", "", "MODEL",      "Write the logits of a token sequence",
                          1,        1,  kLogitsFlags, kLogitsEnvironment,
                          logits};

}  // namespace engine::cli
