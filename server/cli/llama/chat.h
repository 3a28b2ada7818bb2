// The chat of llama-cli: prompt "> ", its commands, timings.
#pragma once

#include <string>

#include "server/cli/llama/settings.h"

namespace engine::cli {

struct ChatLook {
  bool banner = true, timings = true, echo = true;  // echo: of the first prompt
  bool single_turn = false, multiline = false, simple = false;
  std::string transcript;      // path of the file; "": none
  Json* statistics = nullptr;  // those of all answers are added (perf_text.h)
};

// Ends with /exit, the end of the input, or Ctrl-C at the prompt (Errc::cancelled).
Status run_llama_chat(LlamaModel& model, const LlamaSettings& settings, const ChatLook& look);

// "[ Prompt: 123.4 t/s | Generation: 45.6 t/s ]", out of the final object of an answer.
std::string rates_text(const Json& statistics);

}  // namespace engine::cli
