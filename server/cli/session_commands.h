// The commands of the session: lines that begin with "/".
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/cli/ask.h"
#include "server/cli/client.h"

namespace engine::cli {

// What a session is made of; the commands change it.
struct SessionState {
  Client& client;
  AskSettings settings;
  Json shown;                              // what /api/show says of the model
  Json messages;                           // of this session, as /api/chat takes them
  std::function<void(bool)> save_history;  // whether further messages go to the history file
};

enum class AfterCommand { go_on, leave };
// line: without its line end. What goes wrong is printed; the session goes on.
AfterCommand session_command(SessionState& session, const std::string& line);

// Single commands, in files of their own. words: the line cut at blanks.
void load_command(SessionState& session, const std::vector<std::string>& words);
void save_command(SessionState& session, const std::vector<std::string>& words);
void show_command(const SessionState& session, const std::vector<std::string>& words);
void system_command(SessionState& session, const std::string& message);

}  // namespace engine::cli
