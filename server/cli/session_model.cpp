// /load and /save.
#include <fmt/format.h>

#include <cstdio>

#include "engine/store/name.h"
#include "server/cli/printer.h"
#include "server/cli/session_commands.h"
#include "server/cli/session_set.h"

namespace engine::cli {
namespace {

void print_error(const Error& error) {
  if (error.code != Errc::cancelled) fmt::print(stderr, "error: {}\n", error.message);
}

// What the saved model is made from: the model that this one was made from, so that the new one does
// not depend on it.
std::string origin(const SessionState& s) {
  const auto details = s.shown.find("details");
  if (details != s.shown.end() && details->is_object()) {
    const auto parent = details->find("parent_model");
    if (parent != details->end() && parent->is_string() &&
        parse_user_name(parent->get<std::string>()))
      return parent->get<std::string>();
  }
  return s.settings.model;
}

Json stored_messages(const SessionState& s) {
  const auto stored = s.shown.find("messages");
  return stored != s.shown.end() && stored->is_array() ? *stored : Json::array();
}

}  // namespace

void load_command(SessionState& s, const std::vector<std::string>& words) {
  if (words.size() != 2) {
    std::puts("Usage:\n  /load <modelname>");
    return;
  }
  fmt::print("Loading model '{}'\n", words[1]);
  std::fflush(stdout);
  auto shown = s.client.post("/api/show", {{"model", words[1]}});
  if (!shown) {
    if (shown.error().code == Errc::not_found)
      fmt::print("Couldn't find model '{}'\n", words[1]);
    else
      print_error(shown.error());
    return;
  }
  AskSettings next = s.settings;
  next.model = words[1];
  next.verbose = false;
  next.think = think_default(*shown);
  if (const Status status = ask_once(s.client, next, ""); !status)
    return print_error(status.error());
  next.verbose = s.settings.verbose;
  next.system.clear();  // it was one of the messages
  s.settings = std::move(next);
  s.shown = std::move(*shown);
  s.messages = Json::array();
}

void save_command(SessionState& s, const std::vector<std::string>& words) {
  if (words.size() != 2) {
    std::puts("Usage:\n  /save <modelname>");
    return;
  }
  if (!parse_user_name(words[1])) {
    fmt::print("error: The model name '{}' is invalid\n", words[1]);
    return;
  }
  Json request = {{"model", words[1]}, {"from", origin(s)}};
  if (!s.settings.system.empty()) request["system"] = s.settings.system;
  if (!s.settings.options.empty()) request["parameters"] = s.settings.options;
  Json messages = stored_messages(s);
  for (const Json& message : s.messages) messages.push_back(message);
  if (!messages.empty()) request["messages"] = std::move(messages);
  Spinner spinner;
  const Status status = s.client.call("POST", "/api/create", &request, [](const Json&) {});
  spinner.stop();
  if (!status) return print_error(status.error());
  fmt::print("Created new model '{}'\n", words[1]);
}

void system_command(SessionState& s, const std::string& text) {
  const Json message = {{"role", "system"}, {"content", text}};
  s.settings.system = text;
  if (!s.messages.empty() && s.messages.back()["role"] == "system")
    s.messages.back() = message;
  else
    s.messages.push_back(message);
  std::puts("Set system message.");
}

}  // namespace engine::cli
