// Word wrap, thinking, spinner.
#include "server/cli/printer.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iterator>
#include <mutex>
#include <thread>

#include "server/cli/text_width.h"

namespace engine::cli {
namespace {

constexpr const char* kGrey = "\x1b[90m";
constexpr const char* kPlain = "\x1b[0m";
constexpr const char* kEraseLine = "\x1b[K";
constexpr int kRightMargin = 5;  // a word that reaches into it moves to the next line
constexpr int kLongWord = 10;    // words of the width less this are cut

}  // namespace

void WordWrap::write(std::string_view text, std::string& out) {
  if (!on_) {
    out += text;
    return;
  }
  const auto forget_word = [this] { word_.clear(), word_width_ = 0; };
  for (size_t at = 0; at < text.size();) {
    const Rune rune = next_rune(text, at);
    if (rune.code == '\n') {
      out += '\n';
      column_ = 0;
      forget_word();
      continue;
    }
    if (column_ + 1 > width_ - kRightMargin) {
      if (word_width_ > width_ - kLongWord) {
        out += '\n';
        column_ = 0;
        forget_word();
      } else {
        if (word_width_ > 0) out += "\x1b[" + std::to_string(word_width_) + "D";
        out += kEraseLine;
        out += '\n';
        out += word_;
        column_ = word_width_;
      }
    }
    out += rune.bytes;
    column_ += rune.width;
    if (rune.code == ' ' || rune.code == '\t' || rune.width > 1) {
      forget_word();
    } else {
      word_ += rune.bytes;
      word_width_ += rune.width;
    }
  }
}

AnswerPrinter::AnswerPrinter(bool wrap, bool hide_thinking, ThinkingMarks marks)
    : terminal_(stdout_is_terminal()),
      hide_thinking_(hide_thinking),
      thinking_wrap_(terminal_width(), wrap && terminal_),
      content_wrap_(terminal_width(), wrap && terminal_),
      marks_(marks) {}

void AnswerPrinter::write(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
  printed_ = true;
}

void AnswerPrinter::thinking(std::string_view text) {
  if (text.empty() || hide_thinking_) return;
  std::string out;
  if (!in_thinking_) {
    in_thinking_ = true;
    out = std::string(terminal_ ? kGrey : "") + marks_.open + "\n";
  }
  thinking_wrap_.write(text, out);
  thinking_ended_line_ = text.back() == '\n';
  write(out);
}

void AnswerPrinter::content(std::string_view text) {
  if (text.empty()) return;
  finish();
  std::string out;
  content_wrap_.write(text, out);
  write(out);
}

void AnswerPrinter::finish() {
  if (!in_thinking_) return;
  in_thinking_ = false;
  write(std::string(thinking_ended_line_ ? "" : "\n") + marks_.close + "\n\n" +
        (terminal_ ? kPlain : ""));
}

struct Spinner::Impl {
  std::mutex mutex;
  std::condition_variable stopped;
  bool stop = false;
  std::thread thread;

  void turn() {
    constexpr const char* kFrames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    std::unique_lock lock(mutex);
    for (size_t i = 0;
         !stopped.wait_for(lock, std::chrono::milliseconds(100), [this] { return stop; }); ++i) {
      std::fprintf(stderr, "\r\x1b[?25l%s ", kFrames[i % std::size(kFrames)]);
      std::fflush(stderr);
    }
    std::fprintf(stderr, "\r%s\x1b[?25h", kEraseLine);
    std::fflush(stderr);
  }
};

Spinner::Spinner() {
  if (!stderr_is_terminal()) return;
  impl_ = std::make_unique<Impl>();
  impl_->thread = std::thread([impl = impl_.get()] { impl->turn(); });
}

Spinner::~Spinner() {
  stop();
}

void Spinner::stop() {
  if (!impl_) return;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stop = true;
    impl_->stopped.notify_all();
  }
  impl_->thread.join();
  impl_.reset();
}

}  // namespace engine::cli
