// The loop of the session: a message is read, it is a command or a question.
#include "server/cli/session.h"

#include <fmt/format.h>

#include <cstdio>

#include "server/cli/interrupt.h"
#include "server/cli/line_editor.h"
#include "server/cli/prompt_files.h"
#include "server/cli/session_commands.h"

namespace engine::cli {
namespace {

constexpr std::string_view kQuotes = "\"\"\"";
constexpr std::string_view kSetSystem = "/set system \"\"\"";

// Where the text inside of """ begins; npos: the message has none.
size_t quoted_from(const std::string& text) {
  if (text.starts_with(kQuotes)) return kQuotes.size();
  return text.starts_with(kSetSystem) ? kSetSystem.size() : std::string::npos;
}

bool is_complete(const std::string& text) {
  const size_t from = quoted_from(text);
  return from == std::string::npos ||
         (text.size() >= from + kQuotes.size() && text.ends_with(kQuotes));
}

// What is meant: without the quotes around it.
std::string message_of(std::string text) {
  const size_t from = quoted_from(text);
  if (from == std::string::npos) return text;
  if (is_complete(text)) text.erase(text.size() - kQuotes.size());
  return text.erase(from - kQuotes.size(), kQuotes.size());
}

EditPrompts prompts_for(const std::string& text) {
  return {">>> ", "... ", "Send a message (/? for help)",
          is_complete(text) ? "Press Enter to send" : "Use \"\"\" to end the message"};
}

void show_stored_messages(const Json& shown) {
  const auto stored = shown.find("messages");
  if (stored == shown.end() || !stored->is_array()) return;
  for (const Json& m : *stored) {
    if (!m.is_object() || !m.contains("role") || !m.contains("content") ||
        !m["content"].is_string())
      continue;
    if (m["role"] == "user") fmt::print(">>> {}\n", m["content"].get<std::string>());
    if (m["role"] == "assistant") fmt::print("{}\n\n", m["content"].get<std::string>());
  }
}

// A question that failed is not asked again with the next one; one whose answer was stopped stays.
void ask(SessionState& s, const std::string& text) {
  Json message = {{"role", "user"}, {"content", text}};
  if (takes_files(s.shown)) {
    auto taken = take_files(text);
    if (!taken) {
      fmt::print(stderr, "error: {}\n", taken.error().message);
      return;
    }
    message["content"] = taken->text;
    if (!taken->files.empty()) message["images"] = files_field(taken->files);
  }
  s.messages.push_back(std::move(message));
  clear_interrupt();
  auto answer = ask_chat(s.client, s.settings, s.messages);
  clear_interrupt();
  if (answer) {
    s.messages.push_back(std::move(answer->message));
  } else if (answer.error().code != Errc::cancelled) {
    fmt::print(stderr, "error: {}\n", answer.error().message);
    s.messages.erase(s.messages.size() - 1);
  }
}

// "/home/me/cat.png what is this?" is no command, if the model looks at pictures.
bool begins_with_file(const SessionState& s, const std::string& text) {
  if (!takes_files(s.shown)) return false;
  const auto taken = take_files(text);
  return taken && taken->begins_with_file;
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\n") == std::string::npos;
}

}  // namespace

Status run_session(Client& client, AskSettings settings, Json shown) {
  catch_interrupts();
  // The model is loaded before the first prompt appears,
  // so that the first answer does not wait for it.
  AskSettings load = settings;
  load.verbose = false;
  ENGINE_TRY_STATUS(ask_once(client, load, ""));
  show_stored_messages(shown);

  LineEditor editor(history_path(), {.complete = is_complete, .prompts_for = prompts_for});
  SessionState state{client, std::move(settings), std::move(shown), Json::array(),
                     [&editor](bool on) { editor.save_history(on); }};
  while (true) {
    std::string text;
    const LineEditor::End end = editor.read(text);
    if (end == LineEditor::End::closed) return ok;
    if (end == LineEditor::End::interrupted) {
      std::puts("Use Ctrl + d or /bye to exit.");
      continue;
    }
    if (is_blank(text)) continue;
    editor.remember(text);
    text = message_of(std::move(text));
    clear_interrupt();
    if (!text.starts_with('/') || begins_with_file(state, text)) {
      if (!is_blank(text)) ask(state, text);
    } else if (session_command(state, text) == AfterCommand::leave) {
      return ok;
    }
    clear_interrupt();
    std::fflush(stdout);
  }
}

}  // namespace engine::cli
