// Verbs and their flags as data, and the command line parsed by them. The only file that knows the
// parsing library is flags.cpp.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/env.h"
#include "engine/core/result.h"

namespace engine::cli {

struct Flag {
  const char* names;  // "-m,--model"; the last name is the key of Args
  // "N", "FILE": what the flag takes; "" for a switch; "[V]": a value only by `--name=V`
  const char* value;
  const char* help;      // nullptr: accepted but not listed
  const char* off = "";  // names that switch it off
};

std::vector<std::string> flag_names(const Flag& flag);

// What was typed. Requires: flag names are those of the verb (else a bug of ours).
class Args {
 public:
  std::vector<std::string> words;         // everything that is no flag
  bool has(std::string_view flag) const;  // a switch that is on, or any value
  std::string text(std::string_view flag, std::string fallback = "") const;  // the last one wins
  std::vector<std::string> all(std::string_view flag) const;
  // The same of a flag that takes lists: the parts between the commas.
  std::vector<std::string> list(std::string_view flag) const;
  Result<int> number(std::string_view flag, int fallback, int lowest = 0) const;

  std::map<std::string, std::vector<std::string>, std::less<>> values;
};

struct Verb {
  const char* name;
  const char* alias;         // "" for none
  const char* arguments;     // "MODEL [PROMPT...]", for the help
  const char* summary;       // one line
  int min_words, max_words;  // -1: any number
  std::span<const Flag> flags;
  std::span<const Env> environment;  // variables the help of the verb ends with
  // prints to stdout; what it returns becomes `Error: ...` and the exit code
  Status (*run)(const Args& args);
  const char* details = "";  // more lines for the help
  // The letter of llama/flags.inc where the arguments follow the rules of llama.cpp's programs; else 0.
  char llama = 0;
};

std::span<const Verb* const> verbs();
const Verb* find_verb(std::string_view name);  // by name or alias
// The verb that is meant, for "Did you mean this?"; nullptr when nothing is close.
const Verb* closest_verb(std::string_view name);

// words: what follows the verb. Errc::invalid_argument: "unknown flag: --x", "flag needs an
// argument: --x", "accepts 1 arg(s), ...". The switches -h and --help are understood by every verb.
Result<Args> parse_flags(const Verb& verb, std::span<const char* const> words);

std::string help_text(const Verb& verb);
std::string help_text();  // of the program

}  // namespace engine::cli
