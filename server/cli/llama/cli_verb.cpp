// `engine cli`: llama-cli.
#include <fmt/format.h>

#include <cstdio>

#include "server/cli/interrupt.h"
#include "server/cli/llama/chat.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/machine.h"
#include "server/cli/terminal.h"

namespace engine::cli {
namespace {

Status run_cli(const Args& args) {
  if (args.has("--version")) return print_llama_version();
  if (args.has("--list-devices")) return print_llama_devices();
  ENGINE_TRY_STATUS(start_llama_log(args));
  ENGINE_TRY(settings, llama_settings(args));
  catch_interrupts();
  ENGINE_TRY(model, open_llama_model(args, settings));
  ChatLook look;
  look.banner = stdout_is_terminal();
  look.timings = llama_switch(args, "--show-timings", true);
  look.echo = llama_switch(args, "--display-prompt", true);
  look.single_turn = args.has("--single-turn");
  look.multiline = args.has("--multiline-input");
  look.simple = args.has("--simple-io");
  look.transcript = args.text("--output-file");
  return run_llama_chat(model, settings, look);
}

constexpr auto kCliFlags = llama_flags<'c'>();
constexpr Env kCliEnvironment[] = {Env::OLLAMA_MODELS, Env::ENGINE_MEMORY, Env::ENGINE_ISA,
                                   Env::ENGINE_SPECULATE};

}  // namespace

extern const Verb verb_cli;
const Verb verb_cli = {
    "cli",
    "",
    "-m FILE",
    "Chat in this terminal, with the flags of llama-cli",
    0,
    0,
    kCliFlags,
    kCliEnvironment,
    run_cli,
    "Needs no server. Flags of llama-cli that have no effect here are accepted with a note.",
    'c'};

}  // namespace engine::cli
