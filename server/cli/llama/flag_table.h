// The flags of the llama.cpp command lines as data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "server/cli/flags.h"

namespace engine::cli {

enum class LlamaMark : uint8_t { A, i, x };  // see flags.inc

struct LlamaFlag {
  const char *names, *off, *value;
  std::string_view environment, tools;
  LlamaMark mark;
  std::string_view option, fallback;
  const char* help;

  std::string_view key() const;  // the last of the names
};

inline constexpr LlamaFlag kLlamaFlags[] = {
#define LLAMA_FLAG(names, off, value, environment, tools, mark, option, fallback, help) \
  {names, off, value, environment, tools, LlamaMark::mark, option, fallback, help},
#include "server/cli/llama/flags.inc"
};

template <char tool>
consteval size_t count_llama_flags() {
  size_t n = 0;
  for (const LlamaFlag& f : kLlamaFlags) n += f.tools.find(tool) != std::string_view::npos ? 1 : 0;
  return n;
}

// The flags of one program as its help lists them: those that have an effect.
template <char tool>
consteval auto llama_flags() {
  std::array<Flag, count_llama_flags<tool>()> out{};
  size_t n = 0;
  for (const LlamaFlag& f : kLlamaFlags) {
    if (f.tools.find(tool) == std::string_view::npos) continue;
    out[n++] = {f.names, f.value, f.mark == LlamaMark::A ? f.help : nullptr, f.off};
  }
  return out;
}

// By any of its names; off: whether it was one that switches off. nullptr: this program has none.
const LlamaFlag* find_llama_flag(char tool, std::string_view name, bool& off);

// The flags of one command line, by the rules of those programs: the value is the next word, the
// last one wins, the environment is read first. Notes and warnings go to stderr.
// Errors: "invalid argument: --x", "expected value for argument: --x", and flags that are refused.
Result<Args> parse_llama_flags(const Verb& verb, std::span<const char* const> words);

// on, enabled, true, 1 / off, disabled, false, 0.
Result<bool> llama_bool(std::string_view flag, std::string_view text);

}  // namespace engine::cli
