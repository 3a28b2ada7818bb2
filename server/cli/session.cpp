// The loop of the session, and its commands by a table.
#include "server/cli/session.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "engine/core/env.h"
#include "server/cli/interrupt.h"
#include "server/cli/line_editor.h"
#include "server/cli/listing.h"
#include "server/cli/session_set.h"

namespace engine::cli {
namespace {

std::string history_file() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || env_set(Env::OLLAMA_NOHISTORY)) return "";
  std::error_code ec;
  std::filesystem::create_directories(std::string(home) + "/.ollama", ec);
  return std::string(home) + "/.ollama/history";
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string w; stream >> w;) words.push_back(w);
  return words;
}

constexpr const char* kHelp =
    "Available Commands:\n"
    "  /set            Set session variables\n"
    "  /show           Show model information\n"
    "  /list [prefix]  List the models of this machine\n"
    "  /load <model>   Load another model\n"
    "  /clear          Clear session context\n"
    "  /bye            Exit\n"
    "  /?, /help       Help for a command\n"
    "  /? shortcuts    Help for keyboard shortcuts\n\n"
    "Use \"\"\" to begin a multi-line message.\n\n";

constexpr const char* kHelpShow =
    "Available Commands:\n"
    "  /show info         Show details for this model\n"
    "  /show license      Show model license\n"
    "  /show modelfile    Show Modelfile for this model\n"
    "  /show parameters   Show parameters for this model\n"
    "  /show system       Show system message\n"
    "  /show template     Show prompt template\n\n";

constexpr const char* kHelpKeys =
    "Available keyboard shortcuts:\n"
    "  Ctrl + a, Ctrl + e   Move to the beginning or the end of the line\n"
    "  Alt + b, Alt + f     Move back or forward by one word\n"
    "  Ctrl + k, Ctrl + u   Delete to the end or to the beginning of the line\n"
    "  Ctrl + w             Delete the word before the cursor\n"
    "  Ctrl + j             New line in the message\n"
    "  Ctrl + l             Clear the screen\n"
    "  Ctrl + c             Stop the answer\n"
    "  Ctrl + d             Exit\n\n";

class Session {
 public:
  Session(Client& client, AskSettings settings, Json shown)
      : client_(client),
        settings_(std::move(settings)),
        shown_(std::move(shown)),
        editor_(history_file()) {}

  Status run();

 private:
  // false: leave.
  bool command(const std::string& line);
  void show(const std::vector<std::string>& words);
  void load(const std::vector<std::string>& words);
  void ask(const std::string& text);
  void set_system(const std::string& text);
  LineEditor::End read_message(std::string& text);

  Client& client_;
  AskSettings settings_;
  Json shown_, messages_ = Json::array();
  LineEditor editor_;
};

// A whole message: one line, lines that go on, or everything between two """.
LineEditor::End Session::read_message(std::string& text) {
  constexpr std::string_view kQuotes = "\"\"\"";
  text.clear();
  bool quoted = false;
  for (bool first = true;; first = false) {
    std::string line;
    const LineEditor::End end = editor_.read(first ? ">>> " : "... ", line);
    if (end == LineEditor::End::interrupted || end == LineEditor::End::closed) return end;
    bool complete = end == LineEditor::End::enter && !quoted;
    if (first) {
      // `/set system """...` opens a block too.
      const bool set_system = line.starts_with("/set system \"\"\"");
      const size_t open = set_system                  ? line.find(kQuotes)
                          : line.starts_with(kQuotes) ? 0
                                                      : std::string::npos;
      if (open != std::string::npos) {
        line.erase(open, kQuotes.size());
        quoted = true;
        complete = false;
      }
    }
    if (quoted && line.ends_with(kQuotes)) {
      line.erase(line.size() - kQuotes.size());
      quoted = false;
      complete = end == LineEditor::End::enter;
    }
    text += line;
    if (complete) return LineEditor::End::enter;
    text += '\n';
  }
}

Status Session::run() {
  // The model is loaded before the first prompt appears,
  // so that the first answer does not wait for it.
  {
    AskSettings load = settings_;
    load.verbose = false;
    ENGINE_TRY_STATUS(ask_once(client_, load, ""));
  }
  if (const auto preset = shown_.find("messages"); preset != shown_.end() && preset->is_array()) {
    for (const Json& m : *preset) {
      if (!m.is_object() || !m.contains("role") || !m.contains("content") ||
          !m["content"].is_string())
        continue;
      if (m["role"] == "user") fmt::print(">>> {}\n", m["content"].get<std::string>());
      if (m["role"] == "assistant") fmt::print("{}\n\n", m["content"].get<std::string>());
    }
  }
  while (true) {
    std::string text;
    switch (read_message(text)) {
      case LineEditor::End::closed:
        std::puts("");
        return ok;
      case LineEditor::End::interrupted:
        std::puts("Use Ctrl + d or /bye to exit.");
        continue;
      default:
        break;
    }
    if (text.find_first_not_of(" \t\n") == std::string::npos) continue;
    editor_.remember(text);
    if (text[0] == '/') {
      if (!command(text)) return ok;
    } else {
      ask(text);
    }
  }
}

void Session::ask(const std::string& text) {
  messages_.push_back({{"role", "user"}, {"content", text}});
  Json answer;
  clear_interrupt();
  const Status status = ask_chat(client_, settings_, messages_, answer);
  clear_interrupt();
  if (status) {
    messages_.push_back(std::move(answer));
  } else if (status.error().code != Errc::cancelled) {
    fmt::print(stderr, "error: {}\n", status.error().message);
    // a question that failed is not asked again with the next one
    messages_.erase(messages_.size() - 1);
  }
}

void Session::set_system(const std::string& text) {
  const Json message = {{"role", "system"}, {"content", text}};
  settings_.system = text;
  if (!messages_.empty() && messages_.back()["role"] == "system") {
    messages_.back() = message;
  } else {
    messages_.push_back(message);
  }
  std::puts("Set system message.");
}

bool Session::command(const std::string& line) {
  const std::vector<std::string> words = words_of(line);
  const std::string& name = words[0];
  if (name.starts_with("/bye") || name.starts_with("/exit")) return false;
  if (name.starts_with("/clear")) {
    messages_ = Json::array();
    if (!settings_.system.empty())
      messages_.push_back({{"role", "system"}, {"content", settings_.system}});
    std::puts("Cleared session context");
  } else if (name.starts_with("/list")) {
    if (const Status status = print_models(client_, words.size() > 1 ? words[1] : ""); !status)
      fmt::print(stderr, "error: {}\n", status.error().message);
  } else if (name.starts_with("/load")) {
    load(words);
  } else if (name.starts_with("/set")) {
    if (words.size() > 2 && words[1] == "system") {
      set_system(line.substr(line.find("system") + 7));
    } else if (words.size() > 1 && (words[1] == "history" || words[1] == "nohistory")) {
      editor_.save_history(words[1] == "history");
    } else {
      set_command(words, shown_, settings_);
    }
  } else if (name.starts_with("/show")) {
    show(words);
  } else if (name.starts_with("/?") || name.starts_with("/help")) {
    const std::string topic = words.size() > 1 ? words[1] : "";
    std::fputs(topic == "set" || topic == "/set"     ? set_help()
               : topic == "show" || topic == "/show" ? kHelpShow
               : topic == "shortcuts"                ? kHelpKeys
                                                     : kHelp,
               stderr);
  } else {
    fmt::print("Unknown command '{}'. Type /? for help\n", name);
  }
  std::fflush(stdout);
  return true;
}

void Session::load(const std::vector<std::string>& words) {
  if (words.size() != 2) {
    std::puts("Usage:\n  /load <modelname>");
    return;
  }
  fmt::print("Loading model '{}'\n", words[1]);
  auto shown = client_.post("/api/show", {{"model", words[1]}});
  if (!shown) {
    if (shown.error().code == Errc::not_found)
      fmt::print("Couldn't find model '{}'\n", words[1]);
    else
      fmt::print(stderr, "error: {}\n", shown.error().message);
    return;
  }
  AskSettings next = settings_;
  next.model = words[1];
  next.verbose = false;
  next.think = think_default(*shown);
  if (const Status status = ask_once(client_, next, ""); !status) {
    fmt::print(stderr, "error: {}\n", status.error().message);
    return;
  }
  next.verbose = settings_.verbose;
  settings_ = std::move(next);
  shown_ = std::move(*shown);
  messages_ = Json::array();
}

void Session::show(const std::vector<std::string>& words) {
  const std::string what = words.size() > 1 ? words[1] : "";
  const auto text = [this](const char* key) {
    const auto it = shown_.find(key);
    return it != shown_.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto print = [&](const char* key, const char* missing) {
    const std::string value = text(key);
    std::puts(value.empty() ? missing : value.c_str());
  };
  if (what == "info") {
    std::fputs(model_info_text(shown_, false).c_str(), stderr);
  } else if (what == "license") {
    print("license", "No license was specified for this model.");
  } else if (what == "modelfile") {
    print("modelfile", "");
  } else if (what == "system") {
    if (settings_.system.empty())
      print("system", "No system message was specified for this model.");
    else
      std::puts(settings_.system.c_str());
  } else if (what == "template") {
    print("template", "No prompt template was specified for this model.");
  } else if (what == "parameters") {
    std::puts("Model defined parameters:");
    std::istringstream lines(text("parameters"));
    bool any = false;
    for (std::string line; std::getline(lines, line); any = true) fmt::print("  {}\n", line);
    if (!any) std::puts("  No additional parameters were specified for this model.");
    if (!settings_.options.empty()) std::puts("\nUser defined parameters:");
    for (const auto& [key, value] : settings_.options.items())
      fmt::print("  {:<30} {}\n", key, dump_json(value));
    std::puts("");
  } else {
    std::fputs(kHelpShow, stderr);
    if (!what.empty()) fmt::print("Unknown command '/show {}'. Type /? for help\n", what);
  }
}

}  // namespace

Status run_session(Client& client, AskSettings settings, Json shown) {
  catch_interrupts();
  return Session(client, std::move(settings), std::move(shown)).run();
}

}  // namespace engine::cli
