// The `engine` program: finds the verb, parses its flags, runs it,
// and turns an error into one line and an exit code.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "server/cli/client.h"
#include "server/cli/flags.h"
#include "server/cli/machine.h"
#include "server/error_map.h"
#include "server/version.h"

namespace engine::cli {
namespace {

// llama: as the programs of llama.cpp word it.
int fail(const Error& error, bool llama = false) {
  std::fflush(stdout);
  if (error.code != Errc::cancelled)
    fmt::print(stderr, "{}: {}\n", llama ? "error" : "Error", error.message);
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

// `engine -v`: the version, and whether a server of the same one runs.
int print_version() {
  fmt::print("{}", short_version_text());
  const auto client = connect_client();
  if (!client) {
    fmt::print(stderr, "Warning: could not connect to a running engine server\n");
    return 0;
  }
  const auto answer = (*client)->get("/api/version");
  const auto version = answer ? answer->find("version") : Json::const_iterator();
  if (answer && version != answer->end() && *version != kCompatVersion)
    fmt::print(stderr, "Warning: the server is version {}, this client {}\n", version->dump(),
               kCompatVersion);
  return 0;
}

// The verb that the program is when it is called by another name; "": it is itself.
std::string_view verb_of_program(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
#define LLAMA_NAME(program, verb) \
  if (name == program) return verb;
#include "server/cli/llama/names.inc"
  return "";
}

int run_verb(const Verb& verb, std::span<const char* const> words) {
  const bool llama = verb.llama != 0 || std::string_view(verb.name) == "bench";
  const auto args = parse_flags(verb, words);
  if (!args) return fail(args.error(), llama);
  if (args->has("--help")) {
    fmt::print("{}", help_text(verb));
    return 0;
  }
  if (std::string_view(verb.name) != "serve") quiet_log();
  if (const Status status = verb.run(*args); !status) return fail(status.error(), llama);
  return std::fflush(stdout) == 0 ? 0 : 1;
}

int run_program(std::string_view program, std::span<const char* const> words) {
  if (const std::string_view name = verb_of_program(program); !name.empty()) {
    const Verb* verb = find_verb(name);
    if (verb == nullptr) return unknown_verb(name);
    if (words.size() == 1 && std::string_view(words[0]) == "--version")
      return print_llama_version() ? 0 : 1;
    std::vector<const char*> all(words.begin(), words.end());
    // the columns that scripts know
    if (name == "bench") all.insert(all.begin(), "--no-roofs");
    return run_verb(*verb, all);
  }
  // Flags of the program itself; they matter to a menu that this program does not have.
  while (!words.empty() && (std::string_view(words[0]) == "--verbose" ||
                            std::string_view(words[0]) == "--nowordwrap"))
    words = words.subspan(1);
  const std::string_view name = words.empty() ? "--help" : words[0];
  if (name == "-h" || name == "--help") {
    fmt::print("{}", help_text());
    return 0;
  }
  if (name == "-v" || name == "--version") return print_version();
  const Verb* verb = find_verb(name);
  return verb ? run_verb(*verb, words.subspan(1)) : unknown_verb(name);
}

}  // namespace
}  // namespace engine::cli

int main(int argc, char** argv) {
  try {
    const std::span<const char* const> words(argv, static_cast<size_t>(argc));
    if (words.empty()) return 1;
    return engine::cli::run_program(words[0], words.subspan(1));
  } catch (const std::bad_alloc&) {
    std::fputs("Error: out of memory\n", stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "Error: %s\n", e.what());
  }
  return 1;
}
