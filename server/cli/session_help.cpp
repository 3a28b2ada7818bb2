#include "server/cli/session_help.h"

namespace engine::cli {
namespace {

constexpr const char* kCommandHelp =
    "Available Commands:\n"
    "  /set            Set session variables\n"
    "  /show           Show model information\n"
    "  /list [prefix]  List the models of this machine\n"
    "  /load <model>   Load another model\n"
    "  /save <model>   Save this session as a model\n"
    "  /clear          Clear session context\n"
    "  /bye            Exit\n"
    "  /?, /help       Help for a command\n"
    "  /? shortcuts    Help for keyboard shortcuts\n\n"
    "Use \"\"\" to begin a multi-line message.\n\n";

constexpr const char* kSet =
    "Available Commands:\n"
    "  /set parameter ...     Set a parameter\n"
    "  /set system <string>   Set system message\n"
    "  /set history           Enable history\n"
    "  /set nohistory         Disable history\n"
    "  /set wordwrap          Enable wordwrap\n"
    "  /set nowordwrap        Disable wordwrap\n"
    "  /set format json       Enable JSON mode\n"
    "  /set noformat          Disable formatting\n"
    "  /set verbose           Show the times of each answer\n"
    "  /set quiet             Do not show them\n"
    "  /set think [level]     Enable thinking\n"
    "  /set nothink           Disable thinking\n\n";

constexpr const char* kShow =
    "Available Commands:\n"
    "  /show info         Show details for this model\n"
    "  /show license      Show model license\n"
    "  /show modelfile    Show Modelfile for this model\n"
    "  /show parameters   Show parameters for this model\n"
    "  /show system       Show system message\n"
    "  /show template     Show prompt template\n\n";

constexpr const char* kKeys =
    "Available keyboard shortcuts:\n"
    "  Ctrl + a, Ctrl + e   Move to the beginning or the end of the line\n"
    "  Alt + b, Alt + f     Move back or forward by one word\n"
    "  Up, Down             Go through the lines, then through earlier messages\n"
    "  Ctrl + k, Ctrl + u   Delete to the end or to the beginning of the line\n"
    "  Ctrl + w             Delete the word before the cursor\n"
    "  Ctrl + j             New line in the message\n"
    "  Ctrl + g             Write the message in your editor\n"
    "  Ctrl + l             Clear the screen\n"
    "  Ctrl + z             Suspend; `fg` comes back\n"
    "  Ctrl + c             Stop the answer\n"
    "  Ctrl + d             Exit\n\n";

}  // namespace

const char* session_help(std::string_view topic) {
  if (topic.starts_with('/')) topic.remove_prefix(1);
  if (topic == "set") return kSet;
  if (topic == "show") return kShow;
  return topic == "shortcuts" ? kKeys : kCommandHelp;
}

}  // namespace engine::cli
