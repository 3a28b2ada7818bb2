// /set: parameters by a table, modes by name.
#include "server/cli/session_set.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace engine::cli {
namespace {

enum class Kind : uint8_t { integer, real, texts };

struct Parameter {
  const char* name;
  Kind kind;
  const char* help;  // nullptr: not in the list of common ones
};

constexpr Parameter kParameters[] = {
    {"seed", Kind::integer, "Random number seed"},
    {"num_predict", Kind::integer, "Max number of tokens to predict"},
    {"top_k", Kind::integer, "Pick from top k num of tokens"},
    {"top_p", Kind::real, "Pick token based on sum of probabilities"},
    {"min_p", Kind::real, "Pick token based on top token probability * min_p"},
    {"num_ctx", Kind::integer, "Set the context size"},
    {"temperature", Kind::real, "Set creativity level"},
    {"repeat_penalty", Kind::real, "How strongly to penalize repetitions"},
    {"repeat_last_n", Kind::integer, "Set how far back to look for repetitions"},
    {"num_gpu", Kind::integer, "The number of layers to send to the GPU"},
    {"stop", Kind::texts, "Set the stop parameters"},
    {"typical_p", Kind::real, nullptr},
    {"presence_penalty", Kind::real, nullptr},
    {"frequency_penalty", Kind::real, nullptr},
    {"num_keep", Kind::integer, nullptr},
    {"num_batch", Kind::integer, nullptr},
    {"num_thread", Kind::integer, nullptr},
};

constexpr const char* kHelp =
    "Available Commands:\n"
    "  /set parameter ...     Set a parameter\n"
    "  /set system <string>   Set system message\n"
    "  /set history           Enable history\n"
    "  /set nohistory         Disable history\n"
    "  /set wordwrap          Enable wordwrap\n"
    "  /set nowordwrap        Disable wordwrap\n"
    "  /set format json       Enable JSON mode\n"
    "  /set noformat          Disable formatting\n"
    "  /set verbose           Show LLM stats\n"
    "  /set quiet             Disable LLM stats\n"
    "  /set think             Enable thinking\n"
    "  /set nothink           Disable thinking\n\n";

void parameter_help() {
  std::string text = "Available Parameters:\n";
  for (const Parameter& p : kParameters) {
    if (p.help)
      text += fmt::format("  /set parameter {:<16} {:<9} {}\n", p.name,
                          p.kind == Kind::integer ? "<int>"
                          : p.kind == Kind::real  ? "<float>"
                                                  : "<string>",
                          p.help);
  }
  std::fputs((text + "\n").c_str(), stderr);
}

// "" or what is wrong.
std::string set_parameter(const std::vector<std::string>& words, AskSettings& settings) {
  const std::string &name = words[2], &value = words[3];
  for (const Parameter& p : kParameters) {
    if (name != p.name) continue;
    if (p.kind == Kind::texts) {
      settings.options[name] = std::vector<std::string>(words.begin() + 3, words.end());
      return "";
    }
    if (p.kind == Kind::integer) {
      int64_t n = 0;
      const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), n);
      if (code != std::errc() || end != value.data() + value.size())
        return fmt::format("invalid int value [{}]", value);
      settings.options[name] = n;
      return "";
    }
    double x = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), x);
    if (code != std::errc() || end != value.data() + value.size())
      return fmt::format("invalid float value [{}]", value);
    settings.options[name] = x;
    return "";
  }
  return fmt::format("unknown parameter '{}'", name);
}

}  // namespace

const char* set_help() {
  return kHelp;
}

bool can_think(const Json& shown) {
  const auto list = shown.find("capabilities");
  if (list == shown.end() || !list->is_array()) return false;
  for (const Json& c : *list) {
    if (c == "thinking") return true;
  }
  return false;
}

Json think_default(const Json& shown) {
  return can_think(shown) ? Json(true) : Json();
}

void set_command(const std::vector<std::string>& words, const Json& shown, AskSettings& s) {
  const std::string what = words.size() > 1 ? words[1] : "";
  const std::string value = words.size() > 2 ? words[2] : "";
  const auto say = [](const std::string& text) { fmt::print("{}\n", text); };
  if (what.empty() || what == "system") {
    std::fputs(kHelp, stderr);
  } else if (what == "parameter") {
    if (words.size() < 4) return parameter_help();
    if (const std::string wrong = set_parameter(words, s); !wrong.empty())
      return say(fmt::format("Couldn't set parameter: \"{}\"", wrong));
    std::string values;
    for (size_t i = 3; i < words.size(); ++i) values += (values.empty() ? "" : ", ") + words[i];
    say(fmt::format("Set parameter '{}' to '{}'", words[2], values));
  } else if (what == "wordwrap" || what == "nowordwrap") {
    s.wrap = what == "wordwrap";
    say(fmt::format("Set '{}' mode.", what));
  } else if (what == "verbose" || what == "quiet") {
    s.verbose = what == "verbose";
    say(fmt::format("Set '{}' mode.", what));
  } else if (what == "think" || what == "nothink") {
    if (what == "nothink")
      s.think = false;
    else if (value.empty())
      s.think = true;
    else
      s.think = value;
    if (!can_think(shown))
      fmt::print(stderr, "warning: model \"{}\" does not support thinking output\n", s.model);
    say(value.empty() ? fmt::format("Set '{}' mode.", what)
                      : fmt::format("Set 'think' mode to '{}'.", value));
  } else if (what == "format") {
    if (value != "json")
      return say("Invalid or missing format. For 'json' mode use '/set format json'");
    s.format = "json";
    say("Set format to 'json' mode.");
  } else if (what == "noformat") {
    s.format = nullptr;
    say("Disabled format.");
  } else {
    say(fmt::format("Unknown command '/set {}'. Type /? for help", what));
  }
}

}  // namespace engine::cli
