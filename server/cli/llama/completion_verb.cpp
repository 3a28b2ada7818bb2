// `engine completion`: llama-completion, and the completion of shells.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "server/cli/interrupt.h"
#include "server/cli/llama/chat.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/perf_text.h"
#include "server/cli/llama/text_completion.h"
#include "server/cli/machine.h"
#include "server/cli/shell_completion.h"
#include "server/cli/terminal.h"

namespace engine::cli {
namespace {

bool has_template(const Json& shown) {
  const auto it = shown.find("template");
  return it != shown.end() && it->is_string() && !it->get<std::string>().empty();
}

Status run_completion(const Args& args) {
  if (args.words.size() == 1) {
    const std::string script = shell_completion(args.words[0]);
    if (script.empty())
      return Error{Errc::invalid_argument, "invalid argument: " + args.words[0] +
                                               " (a shell is bash, zsh or fish; for the completion "
                                               "of a text give -m FILE -p TEXT)"};
    std::fputs(script.c_str(), stdout);
    return ok;
  }
  if (args.has("--version")) return print_llama_version();
  if (args.has("--list-devices")) return print_llama_devices();
  ENGINE_TRY_STATUS(start_llama_log(args));
  ENGINE_TRY(settings, llama_settings(args));
  catch_interrupts();
  ENGINE_TRY(model, open_llama_model(args, settings));
  if (!llama_switch(args, "--conversation", has_template(model.shown)))
    return complete_text(args, model, settings);
  ChatLook look;
  look.banner = stdout_is_terminal();
  look.timings = false;
  look.echo = llama_switch(args, "--display-prompt", true);
  look.single_turn = args.has("--single-turn");
  look.multiline = args.has("--multiline-input");
  look.simple = args.has("--simple-io");
  Json sum = {{"load_duration", model.load_ns}};
  look.statistics = &sum;
  const Status status = run_llama_chat(model, settings, look);
  fmt::print(stderr, "\n{}", llama_perf_text(sum));
  return status;
}

constexpr auto kLlamaCompletionFlags = llama_flags<'m'>();
constexpr Env kLlamaCompletionEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_MEMORY,
                                               Env::ENGINE_ISA, Env::ENGINE_SPECULATE};

}  // namespace

extern const Verb verb_completion;
const Verb verb_completion = {
    "completion",
    "",
    "bash|zsh|fish, or -m FILE -p TEXT",
    "Completion for a shell; or of a text, with the flags of llama-completion",
    0,
    1,
    kLlamaCompletionFlags,
    kLlamaCompletionEnvironment,
    run_completion,
    "`engine completion bash` prints a script for that shell: source <(engine completion bash)\n"
    "With flags it carries on a text; -no-cnv gives the prompt as it is.",
    'm'};

}  // namespace engine::cli
