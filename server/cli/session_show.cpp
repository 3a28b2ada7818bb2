// /show.
#include <fmt/format.h>

#include <cstdio>
#include <sstream>

#include "server/cli/listing.h"
#include "server/cli/session_commands.h"
#include "server/cli/session_help.h"

namespace engine::cli {
namespace {

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  if (!value.is_array()) return dump_json(value);
  std::string out;
  for (const Json& item : value) out += (out.empty() ? "" : ", ") + value_text(item);
  return out;
}

void show_parameters(const std::string& of_model, const Json& of_user) {
  std::puts("Model defined parameters:");
  std::istringstream lines(of_model);
  bool any = false;
  for (std::string line; std::getline(lines, line); any = true) fmt::print("  {}\n", line);
  if (!any) std::puts("  No additional parameters were specified for this model.");
  std::puts("");
  if (of_user.empty()) return;
  std::puts("User defined parameters:");
  for (const auto& [key, value] : of_user.items())
    fmt::print("  {:<30} {}\n", key, value_text(value));
  std::puts("");
}

}  // namespace

void show_command(const SessionState& s, const std::vector<std::string>& words) {
  const std::string what = words.size() > 1 ? words[1] : "";
  const auto text = [&s](const char* key) {
    const auto it = s.shown.find(key);
    return it != s.shown.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto print = [](const std::string& value, const char* missing) {
    std::puts(value.empty() ? missing : value.c_str());
  };
  if (what == "info") {
    std::fputs(model_info_text(s.shown, false).c_str(), stderr);
  } else if (what == "license") {
    print(text("license"), "No license was specified for this model.");
  } else if (what == "modelfile") {
    std::puts(text("modelfile").c_str());
  } else if (what == "system") {
    print(s.settings.system.empty() ? text("system") : s.settings.system,
          "No system message was specified for this model.");
  } else if (what == "template") {
    print(text("template"), "No prompt template was specified for this model.");
  } else if (what == "parameters") {
    show_parameters(text("parameters"), s.settings.options);
  } else if (what.empty()) {
    std::fputs(session_help("show"), stderr);
  } else {
    fmt::print("Unknown command '/show {}'. Type /? for help\n", what);
  }
}

}  // namespace engine::cli
