#include "server/cli/llama/flag_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace engine::cli {
namespace {

// Flags that may be given several times.
constexpr std::string_view kLists =
    "--reverse-prompt,--logit-bias,--dry-sequence-breaker,--override-kv,--lora,--lora-scaled,"
    "--in-file";

// Words behind the name of a flag.
size_t value_words(const LlamaFlag& flag) {
  const std::string_view value = flag.value;
  return value.empty() ? 0 : 1 + static_cast<size_t>(std::ranges::count(value, ' '));
}

bool is_one_of(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == name) return true;
    list.remove_prefix(std::min(list.size(), comma + 1));
  }
  return false;
}

std::string variable_of(const LlamaFlag& flag) {
  if (flag.environment.starts_with('_')) return "LLAMA_ARG" + std::string(flag.environment);
  return std::string(flag.environment);
}

class TableReader {
 public:
  explicit TableReader(const Verb& verb) : verb_(verb) {}

  Status environment() {
    for (const LlamaFlag& flag : kLlamaFlags) {
      if (flag.tools.find(verb_.llama) == std::string_view::npos || flag.environment.empty())
        continue;
      const char* value = std::getenv(variable_of(flag).c_str());
      if (value == nullptr || *value == 0) continue;
      std::string text = value;
      if (*flag.value == 0) {
        ENGINE_TRY(on, llama_bool(variable_of(flag), text));
        text = on ? "true" : "false";
      }
      ENGINE_TRY_STATUS(take(flag, variable_of(flag), std::move(text)));
    }
    reads_words_ = true;
    return ok;
  }

  Status words(std::span<const char* const> words) {
    for (size_t i = 0; i < words.size(); ++i) {
      const std::string word = words[i];
      if (!word.starts_with('-') || word == "-") {
        args_.words.push_back(word);
        continue;
      }
      std::string name = word;
      if (name.starts_with("--")) std::replace(name.begin(), name.end(), '_', '-');
      if (name == "-h" || name == "--help" || name == "--usage") {
        args_.values["--help"] = {"true"};
        continue;
      }
      bool off = false;
      const LlamaFlag* flag = find_llama_flag(verb_.llama, name, off);
      if (flag == nullptr) return invalid_argument("invalid argument: " + word);
      if (*flag->value == 0) {
        ENGINE_TRY_STATUS(take(*flag, word, off ? "false" : "true"));
        continue;
      }
      std::string value;
      for (size_t n = value_words(*flag); n > 0; --n) {
        if (++i == words.size()) return invalid_argument("expected value for argument: " + word);
        value += (value.empty() ? "" : " ") + std::string(words[i]);
      }
      ENGINE_TRY_STATUS(take(*flag, word, std::move(value)));
    }
    return ok;
  }

  Result<Args> finish() {
    const int n = static_cast<int>(args_.words.size());
    if (!args_.has("--help") && verb_.max_words >= 0 && n > verb_.max_words)
      return invalid_argument("invalid argument: " + args_.words.back());
    return std::move(args_);
  }

 private:
  Status take(const LlamaFlag& flag, const std::string& given, std::string value) {
    if (flag.mark == LlamaMark::x && value != "false")
      return invalid_argument(fmt::format("{}: {}", given, flag.help));
    if (flag.mark == LlamaMark::i) {
      fmt::print(stderr, "note: {} has no effect here\n", given);
      return ok;
    }
    std::vector<std::string>& values = args_.values[std::string(flag.key())];
    if (!values.empty() && !is_one_of(kLists, flag.key())) warn_of_repetition(flag, given);
    if (!reads_words_) of_environment_.push_back(&flag);
    values.push_back(std::move(value));
    return ok;
  }

  void warn_of_repetition(const LlamaFlag& flag, const std::string& given) {
    if (std::erase(of_environment_, &flag) > 0)
      fmt::print(stderr,
                 "warn: {} environment variable is set, but will be overwritten by command line "
                 "argument {}\n",
                 variable_of(flag), given);
    else
      fmt::print(stderr, "warn: {} is given more than once; the last one is used\n", given);
  }

  const Verb& verb_;
  Args args_;
  bool reads_words_ = false;
  std::vector<const LlamaFlag*> of_environment_;  // whose value came from there
};

}  // namespace

std::string_view LlamaFlag::key() const {
  const std::string_view all = names;
  return all.substr(all.rfind(',') + 1);
}

const LlamaFlag* find_llama_flag(char tool, std::string_view name, bool& off) {
  for (const LlamaFlag& flag : kLlamaFlags) {
    if (flag.tools.find(tool) == std::string_view::npos) continue;
    off = is_one_of(flag.off, name);
    if (off || is_one_of(flag.names, name)) return &flag;
  }
  return nullptr;
}

Result<bool> llama_bool(std::string_view flag, std::string_view text) {
  for (const std::string_view yes : {"on", "enabled", "true", "1"})
    if (text == yes) return true;
  for (const std::string_view no : {"off", "disabled", "false", "0"})
    if (text == no) return false;
  return invalid_argument(fmt::format("{} {}: on or off is needed", flag, text));
}

Result<Args> parse_llama_flags(const Verb& verb, std::span<const char* const> words) {
  TableReader reader(verb);
  ENGINE_TRY_STATUS(reader.environment());
  ENGINE_TRY_STATUS(reader.words(words));
  return reader.finish();
}

}  // namespace engine::cli
