// Flags by CLI11: our data in, its exceptions turned into our messages.
#include "server/cli/flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "engine/core/edit_distance.h"
#include "server/cli/llama/flag_table.h"
#include "server/version.h"

namespace engine::cli {

#define VERB(name) extern const Verb verb_##name;
#include "server/cli/verbs.inc"

namespace {

constexpr Flag kHelp{"-h,--help", "", nullptr};

const Verb* const kVerbs[] = {
#define VERB(name) &verb_##name,
#include "server/cli/verbs.inc"
};

std::string key_of(const Flag& flag) {
  return flag_names(flag).back();
}
bool is_switch(const Flag& flag) {
  return *flag.value == 0;
}

bool is_false(std::string_view s) {
  return s == "false" || s == "0" || s == "f" || s == "F" || s == "False" || s == "FALSE";
}

Error unknown_flag(const std::string& word) {
  if (word.starts_with("--"))
    return invalid_argument("unknown flag: " + word.substr(0, word.find('=')));
  return invalid_argument(
      fmt::format("unknown shorthand flag: '{}' in {}", word.size() > 1 ? word[1] : '-', word));
}

// llama-bench and its relatives spell long flags with one dash (-pg, -ngl); the parsing library
// knows only one-letter short flags.
std::vector<std::string> with_two_dashes(const Verb& verb, std::span<const char* const> words) {
  std::vector<std::string> out;
  bool flags_end = false;
  for (const char* word : words) {
    std::string text = word;
    flags_end = flags_end || text == "--";
    if (!flags_end && text.size() > 2 && text[0] == '-' && text[1] != '-') {
      for (const Flag& flag : verb.flags) {
        for (const std::string& name : flag_names(flag)) {
          if (name == "-" + text) text = name;
        }
      }
    }
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace

std::vector<std::string> flag_names(const Flag& flag) {
  std::vector<std::string> out;
  std::string_view rest = flag.names;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    out.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(rest.size(), comma + 1));
  }
  return out;
}

bool Args::has(std::string_view flag) const {
  const auto it = values.find(flag);
  return it != values.end() && !it->second.empty() && !is_false(it->second.back());
}

std::string Args::text(std::string_view flag, std::string fallback) const {
  const auto it = values.find(flag);
  return it == values.end() || it->second.empty() ? fallback : it->second.back();
}

std::vector<std::string> Args::all(std::string_view flag) const {
  const auto it = values.find(flag);
  return it == values.end() ? std::vector<std::string>() : it->second;
}

std::vector<std::string> Args::list(std::string_view flag) const {
  std::vector<std::string> out;
  for (const std::string& text : all(flag)) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      out.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return out;
}

Result<int> Args::number(std::string_view flag, int fallback, int lowest) const {
  const std::string s = text(flag);
  if (s.empty()) return fallback;
  int value = 0;
  const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (code != std::errc() || end != s.data() + s.size() || value < lowest) {
    return invalid_argument(fmt::format(
        "invalid argument \"{}\" for \"{}\" flag: a whole number of at least {} is needed", s, flag,
        lowest));
  }
  return value;
}

std::span<const Verb* const> verbs() {
  return kVerbs;
}

const Verb* find_verb(std::string_view name) {
  for (const Verb* verb : kVerbs) {
    if (name == verb->name || (*verb->alias && name == verb->alias)) return verb;
  }
  return nullptr;
}

const Verb* closest_verb(std::string_view name) {
  const Verb* best = nullptr;
  size_t distance = 3;
  for (const Verb* verb : kVerbs) {
    const size_t d = edit_distance(name, verb->name);
    if (d < distance) best = verb, distance = d;
  }
  return best;
}

Result<Args> parse_flags(const Verb& verb, std::span<const char* const> words) {
  if (verb.llama != 0) return parse_llama_flags(verb, words);
  CLI::App app;
  app.set_help_flag();
  std::vector<std::string> positional;
  app.add_option("words", positional);
  std::vector<Flag> flags(verb.flags.begin(), verb.flags.end());
  flags.push_back(kHelp);
  std::vector<std::vector<std::string>> found(flags.size());
  std::vector<CLI::Option*> options;
  for (size_t i = 0; i < flags.size(); ++i) {
    const bool optional = flags[i].value[0] == '[';
    CLI::Option* option = is_switch(flags[i]) || optional
                              ? app.add_flag(flags[i].names, found[i])
                              : app.add_option(flags[i].names, found[i]);
    if (!is_switch(flags[i]) && !optional) option->allow_extra_args(false);
    option->take_all();
    options.push_back(option);
  }
  std::vector<std::string> reversed = with_two_dashes(verb, words);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> left = app.remaining();
    return left.empty() ? invalid_argument("unknown flag") : unknown_flag(left.front());
  } catch (const CLI::ArgumentMismatch&) {
    return invalid_argument(
        fmt::format("flag needs an argument: {}", words.empty() ? "" : words.back()));
  } catch (const CLI::Error& e) {
    return invalid_argument(e.what());
  }
  Args args;
  args.words = std::move(positional);
  for (size_t i = 0; i < flags.size(); ++i) {
    if (options[i]->count() > 0) args.values[key_of(flags[i])] = found[i];
  }
  if (args.has("--help")) return args;
  const int n = static_cast<int>(args.words.size());
  if (verb.min_words == verb.max_words && n != verb.min_words)
    return invalid_argument(fmt::format("accepts {} arg(s), received {}", verb.min_words, n));
  if (n < verb.min_words)
    return invalid_argument(
        fmt::format("requires at least {} arg(s), only received {}", verb.min_words, n));
  if (verb.max_words >= 0 && n > verb.max_words)
    return invalid_argument(
        fmt::format("accepts at most {} arg(s), received {}", verb.max_words, n));
  return args;
}

std::string help_text(const Verb& verb) {
  std::string out =
      fmt::format("{}\n\nUsage:\n  engine {}{}{}{}\n", verb.summary, verb.name,
                  *verb.arguments ? " " : "", verb.arguments, verb.flags.empty() ? "" : " [flags]");
  if (*verb.alias) out += fmt::format("\nAliases:\n  {}, {}\n", verb.name, verb.alias);
  if (*verb.details) out += fmt::format("\n{}\n", verb.details);
  out += "\nFlags:\n";
  for (const Flag& flag : verb.flags) {
    if (flag.help == nullptr) continue;
    std::string names;
    for (const std::string& name : flag_names(flag)) names += (names.empty() ? "" : ", ") + name;
    if (!is_switch(flag))
      names += flag.value[0] == '[' ? fmt::format("[={}", flag.value + 1)
                                    : fmt::format(" {}", flag.value);
    if (*flag.off) names += fmt::format(" (off: {})", flag.off);
    out += fmt::format("  {:<32} {}\n", names, flag.help);
  }
  out += fmt::format("  {:<32} {}\n", "-h, --help", "show this help");
  if (!verb.environment.empty()) {
    out += "\nEnvironment:\n";
    for (const Env e : verb.environment) {
      const EnvInfo& info = env_list()[static_cast<size_t>(e)];
      out += fmt::format("  {:<26} {}{}\n", info.name, info.help,
                         *info.fallback ? fmt::format(" (default {})", info.fallback) : "");
    }
  }
  return out;
}

std::string help_text() {
  std::string out = fmt::format(
      "engine {}: runs large language models on this machine\n\nUsage:\n  engine VERB [arguments] "
      "[flags]\n\nVerbs:\n",
      kEngineVersion);
  for (const Verb* verb : kVerbs) out += fmt::format("  {:<12} {}\n", verb->name, verb->summary);
  return out +
         "\nMODEL is a name that `engine list` shows, or the path of a GGUF file.\n`engine help "
         "VERB` says more about a verb.\n";
}

}  // namespace engine::cli
