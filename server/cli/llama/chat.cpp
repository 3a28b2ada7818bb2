#include "server/cli/llama/chat.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/store/blobs.h"
#include "server/cli/interrupt.h"
#include "server/cli/llama/chat_input.h"
#include "server/cli/llama/perf_text.h"
#include "server/cli/machine.h"
#include "server/cli/text_width.h"
#include "server/version.h"

namespace engine::cli {
namespace {

constexpr size_t kMostFileBytes = size_t{16} << 20;
constexpr size_t kMostFiles = 100;
constexpr size_t kEchoBytes = 500;

std::string text_at(const Json& object, const char* part, const char* key) {
  const auto it = object.find(part);
  if (it == object.end() || !it->is_object()) return "";
  const auto value = it->find(key);
  return value != it->end() && value->is_string() ? value->get<std::string>() : "";
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

class Chat {
 public:
  Chat(LlamaModel& model, const LlamaSettings& settings, const ChatLook& look)
      : model_(model), settings_(settings), look_(look) {
    if (!look.transcript.empty()) transcript_.reset(std::fopen(look.transcript.c_str(), "w"));
    forget();
  }

  Status run() {
    if (!look_.transcript.empty() && !transcript_)
      return Error{Errc::io, "cannot write " + look_.transcript};
    if (look_.banner) banner();
    ChatInput input(look_.multiline, look_.simple);
    std::string message = settings_.prompt;
    if (!message.empty() && look_.echo) echo(message);
    while (true) {
      if (message.empty()) {
        std::fputs("\n", stdout);
        std::fflush(stdout);
        clear_interrupt();
        const LineEditor::End end = input.read(message);
        if (end != LineEditor::End::enter) {
          std::puts("\nExiting...");
          if (end == LineEditor::End::interrupted) return Error{Errc::cancelled, "interrupted"};
          return ok;
        }
      }
      if (message.starts_with('/')) {
        if (!command(message)) break;
      } else if (!trimmed(message).empty()) {
        ENGINE_TRY_STATUS(turn(std::exchange(attached_, "") + message));
        if (look_.single_turn) return ok;
      }
      message.clear();
    }
    std::puts("\nExiting...");
    return ok;
  }

 private:
  struct CloseFile {
    void operator()(std::FILE* f) const { (void)std::fclose(f); }
  };

  void forget() {
    messages_ = Json::array();
    attached_.clear();
    if (!settings_.ask.system.empty())
      messages_.push_back({{"role", "system"}, {"content", settings_.ask.system}});
  }

  void banner() const {
    fmt::print("\nbuild      : {} ({})\nmodel      : {}\nftype      : {}\nmodalities : text\n\n",
               kEngineVersion, build_commit(),
               std::filesystem::path(model_.path).filename().string(),
               text_at(model_.shown, "details", "quantization_level"));
    std::fputs(
        "available commands:\n"
        "  /exit or Ctrl+C     stop or exit\n"
        "  /regen              regenerate the last response\n"
        "  /clear              clear the chat history\n"
        "  /read <file>        add a text file\n"
        "  /glob <pattern>     add text files using a globbing pattern\n\n",
        stdout);
    std::fflush(stdout);
  }

  static void echo(const std::string& message) {
    std::string shown = message.substr(0, kEchoBytes);
    if (message.size() > kEchoBytes) {  // not in the middle of a character
      while (!shown.empty() && (static_cast<unsigned char>(message[shown.size()]) & 0xC0) == 0x80)
        shown.pop_back();
      shown += "...";
    }
    fmt::print("\n> {}\n", shown);
  }

  Status turn(const std::string& text) {
    messages_.push_back({{"role", "user"}, {"content", text}});
    return answer();
  }

  Status answer() {
    std::fputs("\n", stdout);
    clear_interrupt();
    auto answer = ask_chat(*model_.client, settings_.ask, messages_);
    clear_interrupt();
    if (!answer) {
      if (answer.error().code != Errc::cancelled) {
        messages_.erase(messages_.size() - 1);
        if (look_.single_turn) return answer.error();
        fmt::print(stderr, "error: {}\n", answer.error().message);
      } else if (look_.single_turn) {
        return answer.error();
      }
      return ok;
    }
    messages_.push_back(answer->message);
    if (look_.statistics) add_statistics(answer->statistics, *look_.statistics);
    if (look_.timings) fmt::print("{}\n", rates_text(answer->statistics));
    std::fflush(stdout);
    if (transcript_) {
      fmt::print(transcript_.get(), "User:\n{}\n\nAssistant:\n{}\n\n",
                 messages_[messages_.size() - 2]["content"].get<std::string>(),
                 answer->message["content"].get<std::string>());
      std::fflush(transcript_.get());
    }
    return ok;
  }

  // false: leave.
  bool command(const std::string& line) {
    const size_t blank = std::min(line.find(' '), line.size());
    const std::string name = line.substr(0, blank), rest = trimmed(line.substr(blank));
    if (name == "/exit") return false;
    if (name == "/regen") {
      regenerate();
    } else if (name == "/clear") {
      forget();
      std::puts("Chat history cleared.");
    } else if (name == "/read" || name == "/glob") {
      if (rest.empty())
        fmt::print("Usage: {} {}\n", name, name == "/read" ? "<file>" : "<pattern>");
      else if (name == "/read")
        attach(rest);
      else
        attach_all(rest);
    } else if (name == "/image" || name == "/audio" || name == "/video") {
      std::puts("Pictures and sounds are not available: this model reads text.");
    } else {
      fmt::print("Unknown command: {}\n", name);
    }
    return true;
  }

  void regenerate() {
    if (messages_.empty() || messages_.back()["role"] == "system") {
      std::puts("There is no message to answer again.");
      return;
    }
    if (messages_.back()["role"] == "assistant") messages_.erase(messages_.size() - 1);
    (void)answer();  // errors were told
  }

  bool attach(const std::string& path) {
    auto text = read_file(path, kMostFileBytes);
    if (!text) {
      fmt::print("Cannot read '{}': {}\n", path, text.error().message);
      return false;
    }
    attached_ += fmt::format("--- File: {} ---\n{}\n", path, *text);
    fmt::print("Loaded text from '{}'\n", path);
    return true;
  }

  void attach_all(const std::string& pattern) {
    glob_t found = {};
    if (::glob(pattern.c_str(), GLOB_TILDE, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc && i < kMostFiles; ++i) {
        std::error_code ec;
        if (std::filesystem::is_regular_file(found.gl_pathv[i], ec)) attach(found.gl_pathv[i]);
      }
      if (found.gl_pathc > kMostFiles)
        fmt::print("Only the first {} files were read.\n", kMostFiles);
    } else {
      fmt::print("No file matches '{}'\n", pattern);
    }
    ::globfree(&found);
  }

  LlamaModel& model_;
  const LlamaSettings& settings_;
  const ChatLook& look_;
  Json messages_;
  std::string attached_;  // files for the next message
  std::unique_ptr<std::FILE, CloseFile> transcript_;
};

}  // namespace

std::string rates_text(const Json& statistics) {
  const auto rate = [&statistics](const char* count, const char* duration) {
    const auto n = statistics.find(count), ns = statistics.find(duration);
    if (n == statistics.end() || ns == statistics.end() || !n->is_number() || !ns->is_number())
      return 0.0;
    return ns->get<double>() > 0 ? 1e9 * n->get<double>() / ns->get<double>() : 0.0;
  };
  return fmt::format("[ Prompt: {:.1f} t/s | Generation: {:.1f} t/s ]",
                     rate("prompt_eval_count", "prompt_eval_duration"),
                     rate("eval_count", "eval_duration"));
}

Status run_llama_chat(LlamaModel& model, const LlamaSettings& settings, const ChatLook& look) {
  return Chat(model, settings, look).run();
}

}  // namespace engine::cli
