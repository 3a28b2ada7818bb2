// The `engine` program: finds the verb (by the first word, or the name it is called by), parses its flags, runs it,
// and turns an error into one line and an exit code.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <span>
#include <string_view>
#include <vector>

#include "server/cli/flags.h"
#include "server/cli/machine.h"
#include "server/error_map.h"

namespace engine::cli {
namespace {

int fail(const Error& error) {
  std::fflush(stdout);
  if (error.code != Errc::cancelled) fmt::print(stderr, "Error: {}\n", error.message);
  return exit_code(error.code);
}

int unknown_verb(std::string_view word) {
  if (word.starts_with("-")) {
    return fail({Errc::invalid_argument,
                 word.starts_with("--")
                     ? fmt::format("unknown flag: {}", word)
                     : fmt::format("unknown shorthand flag: '{}' in {}", word.substr(1, 1), word)});
  }
  std::string text = fmt::format("unknown command \"{}\" for \"engine\"", word);
  if (const Verb* close = closest_verb(word))
    text += fmt::format("\n\nDid you mean this?\n\t{}\n", close->name);
  return fail({Errc::invalid_argument, text});
}

// The verb that a call by this path stands for; nullptr: none.
const char* verb_of_program(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
#define LLAMA_NAME(program, verb) \
  if (name == program) return verb;
#include "server/cli/llama/names.inc"
  return nullptr;
}

int run_program(std::span<const char* const> words) {
  if (words.empty() || std::string_view(words[0]) == "-h" ||
      std::string_view(words[0]) == "--help") {
    fmt::print("{}", help_text());
    return 0;
  }
  std::string_view name = words[0];
  if (name == "-v" || name == "--version") name = "version";
  const Verb* verb = find_verb(name);
  if (verb == nullptr) return unknown_verb(name);
  const auto args = parse_flags(*verb, words.subspan(1));
  if (!args) return fail(args.error());
  if (args->has("--help")) {
    fmt::print("{}", help_text(*verb));
    return 0;
  }
  if (std::string_view(verb->name) != "serve") quiet_log();
  if (const Status status = verb->run(*args); !status) return fail(status.error());
  return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace engine::cli

int main(int argc, char** argv) {
  try {
    std::vector<const char*> words(argv + (argc > 0 ? 1 : 0), argv + argc);
    if (const char* verb = argc > 0 ? engine::cli::verb_of_program(argv[0]) : nullptr)
      words.insert(words.begin(), verb);
    return engine::cli::run_program(words);
  } catch (const std::bad_alloc&) {
    std::fputs("Error: out of memory\n", stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "Error: %s\n", e.what());
  }
  return 1;
}
