#include "server/cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <vector>

#include "server/cli/fields.h"
#include "server/cli/progress_bar.h"
#include "server/cli/terminal.h"

namespace engine::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr const char* kBegin = "\x1b[?2026h\x1b[?25l";  // hold the picture back, hide the cursor
constexpr const char* kEnd = "\x1b[?25h\x1b[?2026l";
constexpr const char* kEraseEnd = "\x1b[K";

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Item {
  std::string key;
  std::string message;             // of a spinner
  int percent = -1;                // of a spinner; -1: it has none
  std::optional<ProgressBar> bar;  // else it is a spinner
  bool stopped = false;
  int printed = -1;  // tenths that a plain line told

  std::string text(int frame, int columns) const {
    return bar ? bar->text(columns)
               : spinner_text(message, frame, stopped || percent >= 100, columns);
  }
};

}  // namespace

struct ProgressView::Impl {
  std::FILE* out;
  bool terminal;
  std::mutex mutex;
  std::condition_variable wake;
  std::thread thread;
  bool ending = false;
  std::vector<Item> items;
  // On the screen: the items [first, items drawn); the cursor stands in the last of their lines.
  size_t first = 0, drawn = 0;
  int frame = 0;

  Item* find(const std::string& key) {
    const auto it = std::find_if(items.begin(), items.end(), [&](auto& i) { return i.key == key; });
    return it == items.end() ? nullptr : &*it;
  }

  void stop_spinners() {
    for (Item& item : items) item.stopped = true;
  }

  void plain(const std::string& line) {
    fmt::print(out, "{}\n", line);
    std::fflush(out);
  }

  void set_bar(const std::string& key, const std::string& message, int64_t done, int64_t total) {
    const std::lock_guard lock(mutex);
    Item* item = find(key);
    if (item == nullptr) {
      if (done <= 0 && terminal) return;  // nothing to see yet
      stop_spinners();
      items.push_back({key, "", -1, ProgressBar(message, done, total, seconds_now()), false, -1});
      item = &items.back();
    }
    item->bar->set(done, total, seconds_now());
    if (!terminal && item->bar->percent() / 10 > item->printed && done > 0) {
      item->printed = item->bar->percent() / 10;
      plain(item->bar->plain_text());
    }
    begin_drawing();
  }

  void set_spinner(const std::string& message) {
    const std::lock_guard lock(mutex);
    const Percentage parts = split_percentage(message);
    const auto found = std::find_if(items.begin(), items.end(), [&](const Item& i) {
      return !i.bar && !i.stopped && i.key == parts.text;
    });
    const bool same = found != items.end();
    if (!same) {
      // Files that are on their way at once each have a line that moves.
      for (Item& item : items) item.stopped |= item.percent < 0 || parts.value < 0;
      items.push_back({std::string(parts.text), message, -1, std::nullopt, false, -1});
    }
    Item& item = same ? *found : items.back();
    item.message = message;
    item.percent = parts.value;
    if (!terminal && (!same || parts.value / 10 > item.printed)) {
      item.printed = parts.value / 10;
      plain(message);
    }
    begin_drawing();
  }

  void begin_drawing() {
    if (!terminal || thread.joinable()) return;
    ending = false;
    thread = std::thread([this] {
      std::unique_lock lock(mutex);
      while (!wake.wait_for(lock, kRedraw, [this] { return ending; })) {
        draw();
        ++frame;
      }
    });
  }

  void draw() {
    if (items.empty()) return;
    const TerminalSize size = terminal_size(::fileno(out));
    const size_t rows = static_cast<size_t>(size.rows);
    // Lines above the screen cannot be reached any more; those that leave it now scroll away.
    if (drawn - first > rows) first = drawn - rows;
    std::string text = kBegin;
    if (drawn > first) {
      text += '\r';
      if (drawn - first > 1) text += fmt::format("\x1b[{}A", drawn - first - 1);
    }
    for (size_t i = first; i < items.size(); ++i) {
      if (i > first) text += "\r\n";
      text += items[i].text(frame, size.columns) + kEraseEnd;
    }
    drawn = items.size();
    if (drawn - first > rows) first = drawn - rows;
    text += kEnd;
    std::fwrite(text.data(), 1, text.size(), out);
    std::fflush(out);
  }

  void end(bool leave_lines) {
    if (thread.joinable()) {
      {
        const std::lock_guard lock(mutex);
        ending = true;
        wake.notify_all();
      }
      thread.join();
    }
    const std::lock_guard lock(mutex);
    if (terminal && leave_lines && !items.empty()) {
      for (Item& item : items) {
        item.stopped = true;
        if (item.bar && item.bar->complete()) item.bar->stop();
      }
      draw();
      std::fputs("\r\n", out);
    } else if (terminal && drawn > first) {
      std::string text = "\r";
      if (drawn - first > 1) text += fmt::format("\x1b[{}A", drawn - first - 1);
      text += "\x1b[J";
      std::fputs(text.c_str(), out);
    }
    std::fflush(out);
    items.clear();
    first = drawn = 0;
  }
};

ProgressView::ProgressView(std::FILE* out) : impl_(std::make_unique<Impl>()) {
  impl_->out = out;
  impl_->terminal = takes_escapes(out);
}

ProgressView::~ProgressView() {
  finish();
}

void ProgressView::show(const Json& object) {
  if (!object.is_object()) return;
  const std::string status = printable(text_of(object, "status")),
                    digest = text_of(object, "digest");
  if (digest.empty()) {
    if (!status.empty()) impl_->set_spinner(status);
    return;
  }
  const bool moves = status.starts_with("pulling ") || status.starts_with("pushing ");
  impl_->set_bar(digest + "\n" + status, moves ? status + ":" : status,
                 number_of(object, "completed"), number_of(object, "total"));
}

void ProgressView::bar(const std::string& message, int64_t done, int64_t total) {
  impl_->set_bar(message, printable(message), done, total);
}

void ProgressView::spin(const std::string& message) {
  impl_->set_spinner(printable(message));
}

void ProgressView::finish() {
  impl_->end(true);
}

void ProgressView::clear() {
  impl_->end(false);
}

}  // namespace engine::cli
