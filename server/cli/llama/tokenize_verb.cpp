// `engine tokenize`: llama-tokenize; and a plain look at the tokens of a text.
#include <fmt/format.h>

#include <cstdio>

#include "engine/store/blobs.h"
#include "engine/store/model_store.h"
#include "engine/tools/tokenizer_file.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/settings.h"
#include "server/cli/machine.h"
#include "server/cli/stdin_text.h"

namespace engine::cli {
namespace {

constexpr size_t kMostInput = size_t{256} << 20;

// The text, its bytes as they are.
Result<std::string> input_text(const Args& args, bool plain) {
  if (args.has("--stdin")) return read_stdin_text();
  if (args.values.contains("--file")) return read_file(args.text("--file"), kMostInput);
  if (args.values.contains("--prompt")) return args.text("--prompt");
  if (args.words.size() == 2) return args.words[1];
  if (plain) return read_stdin_text();
  return Error{Errc::invalid_argument, "must specify one of: --stdin, --file or --prompt"};
}

// One token a line, with what it stands for.
void print_pieces(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  for (const Token token : tokens)
    fmt::print("{:6} -> '{}'\n", token, tokenizer.piece(token, true));
}

Status run_tokenize(const Args& args) {
  if (args.has("--version")) return print_llama_version();
  ENGINE_TRY_STATUS(start_llama_log(args));
  // `engine tokenize MODEL [TEXT]`: ids come out.
  const bool plain = !args.words.empty();
  if (plain && args.values.contains("--model"))
    return invalid_argument(
        fmt::format("unknown argument '{}': the text is -p TEXT", args.words[0]));
  ENGINE_TRY(name, llama_model(args));
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(model, locate_model(store, name));
  ENGINE_TRY(tokenizer, load_tokenizer(model.files()));
  ENGINE_TRY(text, input_text(args, plain));
  EncodeFlags flags;
  flags.add_special = plain ? args.has("--bos") : !args.has("--no-bos");
  flags.parse_special = !args.has("--no-specials");
  std::vector<Token> tokens;
  ENGINE_TRY_STATUS(tokenizer->encode(text, flags, tokens));
  if (plain)
    fmt::print("[{}]\n", fmt::join(tokens, ","));
  else if (args.has("--ids"))
    fmt::print("[{}]\n", fmt::join(tokens, ", "));
  else
    print_pieces(*tokenizer, tokens);
  if (args.has("--show-count")) fmt::print("Total number of tokens: {}\n", tokens.size());
  return ok;
}

constexpr auto kLlamaTokenizeFlags = llama_flags<'t'>();
constexpr Env kLlamaTokenizeEnvironment[] = {Env::OLLAMA_MODELS};

}  // namespace

extern const Verb verb_tokenize;
const Verb verb_tokenize = {
    "tokenize",
    "",
    "MODEL [TEXT], or -m FILE -p TEXT",
    "The tokens of a text",
    0,
    2,
    kLlamaTokenizeFlags,
    kLlamaTokenizeEnvironment,
    run_tokenize,
    "With MODEL: the text, or stdin, to a JSON list of token ids. With -m: as llama-tokenize.",
    't'};

}  // namespace engine::cli
