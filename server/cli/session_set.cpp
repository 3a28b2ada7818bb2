// /set: parameters by the list of options, modes by name.
#include "server/cli/session_set.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "engine/core/options.h"
#include "server/cli/session_help.h"

namespace engine::cli {
namespace {

// Those that people ask for; `/set parameter` lists them. All of option_list() can be set.
constexpr std::string_view kCommon[] = {
    "seed",        "num_predict",    "top_k",         "top_p",   "min_p", "num_ctx",
    "temperature", "repeat_penalty", "repeat_last_n", "num_gpu", "stop"};

const OptionInfo* find_option(std::string_view name) {
  for (const OptionInfo& o : option_list())
    if (o.name == name) return &o;
  return nullptr;
}

const char* placeholder(std::string_view type) {
  return type == "integer"   ? "<int>"
         : type == "float32" ? "<float>"
         : type == "boolean" ? "<bool>"
                             : "<string>";
}

void parameter_help() {
  std::string text = "Available Parameters:\n";
  for (const std::string_view name : kCommon) {
    const OptionInfo& o = *find_option(name);
    text += fmt::format("  /set parameter {:<16} {:<9} {}\n", name, placeholder(o.type), o.help);
  }
  std::fputs((text + "\n").c_str(), stderr);
}

Result<bool> bool_of(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == no) return false;
  return Error{Errc::invalid_argument, fmt::format("invalid bool value [{}]", text)};
}

template <class T>
Result<T> number_of(std::string_view text, const char* kind) {
  T value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool good = code == std::errc() && end == text.data() + text.size();
  if constexpr (std::is_floating_point_v<T>) good = good && std::isfinite(value);
  if (good) return value;
  return Error{Errc::invalid_argument, fmt::format("invalid {} value [{}]", kind, text)};
}

Result<Json> option_value(const OptionInfo& o, const std::vector<std::string>& values) {
  if (o.type == "array") return Json(values);
  if (o.type == "integer") {
    ENGINE_TRY(n, number_of<int64_t>(values[0], "int"));
    return Json(n);
  }
  if (o.type == "float32") {
    ENGINE_TRY(x, number_of<double>(values[0], "float"));
    return Json(x);
  }
  if (o.type == "boolean") {
    ENGINE_TRY(b, bool_of(values[0]));
    return Json(b);
  }
  return Json(fmt::format("{}", fmt::join(values, " ")));
}

Status set_parameter(const std::string& name, const std::vector<std::string>& values,
                     Json& options) {
  const OptionInfo* option = find_option(name);
  if (option == nullptr)
    return Error{Errc::invalid_argument, fmt::format("unknown parameter '{}'", name)};
  ENGINE_TRY(value, option_value(*option, values));
  // What the server would refuse is refused here, where it was typed.
  Options checked;
  ENGINE_TRY_STATUS(apply_options(Json{{name, value}}, checked));
  ENGINE_TRY_STATUS(check_options(checked));
  options[name] = std::move(value);
  return ok;
}

void parameter_command(const std::vector<std::string>& words, AskSettings& s) {
  if (words.size() < 4) return parameter_help();
  const std::vector<std::string> values(words.begin() + 3, words.end());
  if (const Status status = set_parameter(words[2], values, s.options); !status)
    fmt::print("Couldn't set parameter: \"{}\"\n", status.error().message);
  else
    fmt::print("Set parameter '{}' to '{}'\n", words[2], fmt::join(values, ", "));
}

void think_command(const std::string& what, const std::string& level, const Json& shown,
                   AskSettings& s) {
  if (what == "nothink")
    s.think = false;
  else if (level.empty())
    s.think = true;
  else
    s.think = level;
  if (!can_think(shown))
    fmt::print(stderr, "warning: model \"{}\" does not support thinking output\n", s.model);
  if (what == "think" && !level.empty())
    fmt::print("Set 'think' mode to '{}'.\n", level);
  else
    fmt::print("Set '{}' mode.\n", what);
}

void format_command(const std::string& value, AskSettings& s) {
  if (value != "json") {
    std::puts("Invalid or missing format. For 'json' mode use '/set format json'");
    return;
  }
  s.format = "json";
  std::puts("Set format to 'json' mode.");
}

}  // namespace

bool can_think(const Json& shown) {
  const auto list = shown.find("capabilities");
  if (list == shown.end() || !list->is_array()) return false;
  for (const Json& c : *list)
    if (c == "thinking") return true;
  return false;
}

Json think_default(const Json& shown) {
  return can_think(shown) ? Json(true) : Json();
}

void set_command(const std::vector<std::string>& words, const Json& shown, AskSettings& s) {
  const std::string what = words.size() > 1 ? words[1] : "";
  const std::string value = words.size() > 2 ? words[2] : "";
  if (what.empty() || what == "system") {
    std::fputs(session_help("set"), stderr);
  } else if (what == "parameter") {
    parameter_command(words, s);
  } else if (what == "wordwrap" || what == "nowordwrap") {
    s.wrap = what == "wordwrap";
    fmt::print("Set '{}' mode.\n", what);
  } else if (what == "verbose" || what == "quiet") {
    s.verbose = what == "verbose";
    fmt::print("Set '{}' mode.\n", what);
  } else if (what == "think" || what == "nothink") {
    think_command(what, value, shown, s);
  } else if (what == "format") {
    format_command(value, s);
  } else if (what == "noformat") {
    s.format = nullptr;
    std::puts("Disabled format.");
  } else {
    fmt::print("Unknown command '/set {}'. Type /? for help\n", what);
  }
}

}  // namespace engine::cli
