// Commands by a table; the first whose name the line begins with is meant.
#include "server/cli/session_commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <sstream>

#include "server/cli/listing.h"
#include "server/cli/prompt_files.h"
#include "server/cli/session_help.h"
#include "server/cli/session_set.h"

namespace engine::cli {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& line) {
  Words words;
  std::istringstream stream(line);
  for (std::string w; stream >> w;) words.push_back(w);
  return words;
}

void clear(SessionState& s, const std::string&, const Words&) {
  s.messages = Json::array();
  if (!s.settings.system.empty())
    s.messages.push_back({{"role", "system"}, {"content", s.settings.system}});
  std::puts("Cleared session context");
}

void list_models(SessionState& s, const std::string&, const Words& words) {
  if (const Status status = print_models(s.client, words.size() > 1 ? words[1] : ""); !status)
    fmt::print(stderr, "error: {}\n", status.error().message);
}

void set(SessionState& s, const std::string& line, const Words& words) {
  const std::string what = words.size() > 1 ? words[1] : "";
  if (what == "system" && words.size() > 2)
    system_command(s, line.substr(line.find("system") + 7));
  else if (what == "history" || what == "nohistory")
    s.save_history(what == "history");
  else
    set_command(words, s.shown, s.settings);
}

void show_help(SessionState& s, const std::string&, const Words& words) {
  const std::string topic = words.size() > 1 ? words[1] : "";
  std::fputs(session_help(topic), stderr);
  if (topic.empty() && takes_files(s.shown))
    std::fputs(
        "Name a .jpg, .png, .webp or .wav file by its path (/, ./) to show it to the model.\n\n",
        stderr);
}

struct Command {
  const char* name;
  void (*run)(SessionState&, const std::string& line, const Words& words);
};
constexpr Command kCommands[] = {
    {"/clear", clear},
    {"/list", list_models},
    {"/load", [](SessionState& s, const std::string&, const Words& w) { load_command(s, w); }},
    {"/save", [](SessionState& s, const std::string&, const Words& w) { save_command(s, w); }},
    {"/set", set},
    {"/show", [](SessionState& s, const std::string&, const Words& w) { show_command(s, w); }},
    {"/?", show_help},
    {"/help", show_help},
};

}  // namespace

AfterCommand session_command(SessionState& session, const std::string& line) {
  const Words words = words_of(line);
  if (line.starts_with("/bye") || line.starts_with("/exit")) return AfterCommand::leave;
  for (const Command& c : kCommands) {
    if (!line.starts_with(c.name)) continue;
    c.run(session, line, words);
    return AfterCommand::go_on;
  }
  fmt::print("Unknown command '{}'. Type /? for help\n", words[0]);
  return AfterCommand::go_on;
}

}  // namespace engine::cli
