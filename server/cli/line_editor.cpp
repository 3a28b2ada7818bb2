// Line editing by libedit, with our own reading of keys: it tells Ctrl-J from Enter and sees the
// marks around pasted text.
#include "server/cli/line_editor.h"

#include <histedit.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cwchar>
#include <deque>
#include <fstream>

#include "server/cli/interrupt.h"
#include "server/cli/text_width.h"

namespace engine::cli {
namespace {

constexpr size_t kHistoryEntries = 100;
constexpr const char* kPasteBegin = "[200~";
constexpr const char* kPasteEnd = "[201~";

}  // namespace

Rune next_rune(std::string_view text, size_t& at) {
  utf8proc_int32_t code = -1;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  const utf8proc_ssize_t n =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  if (n <= 0) return {text.substr(at++, 1), 1, 0xFFFD};
  const Rune rune{text.substr(at, static_cast<size_t>(n)), utf8proc_charwidth(code),
                  static_cast<char32_t>(code)};
  at += static_cast<size_t>(n);
  return rune;
}

struct LineEditor::Impl {
  EditLine* editor = nullptr;
  History* history = nullptr;
  std::string history_path, prompt;
  std::deque<std::string> entries;
  bool save = true;
  // While a line is read:
  std::deque<unsigned char> unread;
  bool pasting = false, line_goes_on = false, was_interrupted = false;

  static char* show_prompt(EditLine* e) { return self(e)->prompt.data(); }
  static int read_key(EditLine* e, wchar_t* out) { return self(e)->next_key(out); }
  static Impl* self(EditLine* e) {
    void* data = nullptr;
    el_get(e, EL_CLIENTDATA, &data);
    return static_cast<Impl*>(data);
  }

  // The next byte; -1 at the end, on Ctrl-C,
  // or when nothing comes within timeout_ms (-1: for ever).
  int next_byte(int timeout_ms) {
    if (!unread.empty()) {
      const int c = unread.front();
      unread.pop_front();
      return c;
    }
    while (true) {
      if (interrupted()) {
        was_interrupted = true;
        return -1;
      }
      pollfd wait{STDIN_FILENO, POLLIN, 0};
      const int n = ::poll(&wait, 1, timeout_ms);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return -1;
      unsigned char c;
      const ssize_t got = ::read(STDIN_FILENO, &c, 1);
      if (got < 0 && errno == EINTR) continue;
      return got == 1 ? c : -1;
    }
  }

  // After an ESC: true when `mark` follows, which is then consumed; else nothing is.
  bool follows(const char* mark) {
    std::string seen;
    for (const char* p = mark; *p; ++p) {
      const int c = next_byte(20);
      if (c >= 0) seen += static_cast<char>(c);
      if (c != static_cast<unsigned char>(*p)) {
        unread.insert(unread.begin(), seen.begin(), seen.end());
        return false;
      }
    }
    return true;
  }

  int next_key(wchar_t* out) {
    while (true) {
      const int c = next_byte(-1);
      if (c < 0) return was_interrupted ? -1 : 0;
      if (c == 0x1b) {
        if (!pasting && follows(kPasteBegin))
          pasting = true;
        else if (pasting && follows(kPasteEnd))
          pasting = false;
        else
          return *out = L'\x1b', 1;
        continue;
      }
      // libedit's terminal mode swaps the two: Enter arrives as a line feed, Ctrl-J as a return.
      if (c == '\n' || c == '\r') {
        line_goes_on = pasting || c == '\r';
        return *out = L'\n', 1;
      }
      if (c == '\t') {  // there is nothing to complete
        for (int i = 0; i < 7; ++i) unread.push_front(' ');
        return *out = L' ', 1;
      }
      if (c < 0x80) return *out = static_cast<wchar_t>(c), 1;
      std::string bytes(1, static_cast<char>(c));
      for (int more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : c >= 0xC0 ? 1 : 0; more > 0; --more) {
        const int next = next_byte(20);
        if (next < 0) break;
        bytes += static_cast<char>(next);
      }
      size_t at = 0;
      return *out = static_cast<wchar_t>(next_rune(bytes, at).code), 1;
    }
  }
};

LineEditor::LineEditor(const std::string& history_path) : impl_(std::make_unique<Impl>()) {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  Impl& m = *impl_;
  m.editor = el_init("engine", stdin, stdout, stderr);
  m.history = history_init();
  HistEvent event;
  history(m.history, &event, H_SETSIZE, static_cast<int>(kHistoryEntries));
  el_set(m.editor, EL_CLIENTDATA, &m);
  el_set(m.editor, EL_PROMPT, &Impl::show_prompt);
  el_set(m.editor, EL_EDITOR, "emacs");
  el_set(m.editor, EL_SIGNAL, 0);
  el_set(m.editor, EL_HIST, ::history, m.history);
  el_set(m.editor, EL_GETCFN, &Impl::read_key);
  el_set(m.editor, EL_BIND, "^W", "ed-delete-prev-word", nullptr);
  el_set(m.editor, EL_BIND, "\\e[3~", "ed-delete-next-char", nullptr);
  el_set(m.editor, EL_BIND, "\\e[H", "ed-move-to-beg", nullptr);
  el_set(m.editor, EL_BIND, "\\e[F", "ed-move-to-end", nullptr);
  el_set(m.editor, EL_BIND, "^U", "vi-kill-line-prev", nullptr);
  m.history_path = history_path;
  std::ifstream file(history_path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) m.entries.push_back(line);
    if (m.entries.size() > kHistoryEntries) m.entries.pop_front();
  }
  for (const std::string& entry : m.entries) history(m.history, &event, H_ENTER, entry.c_str());
  std::fputs("\x1b[?2004h", stdout);  // the terminal marks pasted text
  std::fflush(stdout);
}

LineEditor::~LineEditor() {
  std::fputs("\x1b[?2004l", stdout);
  std::fflush(stdout);
  history_end(impl_->history);
  el_end(impl_->editor);
}

LineEditor::End LineEditor::read(const std::string& prompt, std::string& line) {
  Impl& m = *impl_;
  m.prompt = prompt;
  m.line_goes_on = m.was_interrupted = false;
  int n = 0;
  const char* text = el_gets(m.editor, &n);
  line.assign(text && n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string());
  if (m.was_interrupted) {
    clear_interrupt();
    el_set(m.editor, EL_UNBUFFERED, 0);  // puts the terminal back after a line that was left
    el_reset(m.editor);
    line.clear();
    m.pasting = false;
    std::fputc('\n', stdout);
    return End::interrupted;
  }
  if (text == nullptr || n <= 0) return End::closed;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return m.line_goes_on ? End::more : End::enter;
}

void LineEditor::remember(const std::string& entry) {
  Impl& m = *impl_;
  if (entry.empty()) return;
  HistEvent event;
  history(m.history, &event, H_ENTER, entry.c_str());
  if (!m.save || m.history_path.empty() || entry.find('\n') != std::string::npos) return;
  m.entries.push_back(entry);
  if (m.entries.size() > kHistoryEntries) m.entries.pop_front();
  const std::string temp = m.history_path + ".tmp";
  {
    const mode_t old = ::umask(0077);
    std::ofstream file(temp, std::ios::trunc);
    ::umask(old);
    for (const std::string& e : m.entries) file << e << '\n';
    if (!file.flush()) return;
  }
  (void)std::rename(temp.c_str(), m.history_path.c_str());
}

void LineEditor::save_history(bool on) {
  impl_->save = on;
}

}  // namespace engine::cli
