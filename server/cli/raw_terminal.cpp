#include "server/cli/raw_terminal.h"

#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "server/cli/keys.h"

namespace engine::cli {
namespace {

termios g_usual;  // read by the handler while g_raw
std::atomic<bool> g_raw = false, g_paste = false, g_resized = false;
constexpr std::string_view kPasteOn = "\x1b[?2004h", kPasteOff = "\x1b[?2004l";
constexpr int kFatal[] = {SIGTERM, SIGHUP, SIGQUIT};

void on_fatal(int number) {
  if (g_raw) ::tcsetattr(STDIN_FILENO, TCSANOW, &g_usual);
  if (g_paste && ::write(STDOUT_FILENO, kPasteOff.data(), kPasteOff.size()) < 0) ::_exit(1);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void on_resize(int) {
  g_resized = true;
}

void catch_signals() {
  static const bool done = [] {
    struct sigaction action = {};
    action.sa_handler = on_fatal;
    for (const int number : kFatal) ::sigaction(number, &action, nullptr);
    action.sa_handler = on_resize;  // no SA_RESTART: the wait for a key returns
    ::sigaction(SIGWINCH, &action, nullptr);
    return true;
  }();
  (void)done;
}

}  // namespace

RawTerminal::RawTerminal() {
  catch_signals();
  if (::tcgetattr(STDIN_FILENO, &g_usual) != 0) return;
  g_raw = true;
  termios raw = g_usual;
  raw.c_iflag &=
      ~static_cast<tcflag_t>(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
  raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
  raw.c_cflag &= ~static_cast<tcflag_t>(CSIZE | PARENB);
  raw.c_cflag |= CS8;
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  good_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (g_raw) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &g_usual);
  g_raw = false;
}

int RawTerminal::waiting() const {
  int n = 0;
  return ::ioctl(STDIN_FILENO, FIONREAD, &n) == 0 ? n : 0;
}

int RawTerminal::next_byte(int timeout) {
  while (true) {
    if (g_resized.exchange(false)) return KeyReader::resized;
    pollfd wait{STDIN_FILENO, POLLIN, 0};
    const int n = ::poll(&wait, 1, timeout);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) return KeyReader::timed_out;
    unsigned char c = 0;
    const ssize_t got = n < 0 ? -1 : ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    return got == 1 ? c : static_cast<int>(KeyReader::closed);
  }
}

void RawTerminal::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // a terminal that is gone shows up when the next key is read
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

BracketedPaste::BracketedPaste() {
  catch_signals();
  g_paste = true;
  RawTerminal::write(kPasteOn);
}

BracketedPaste::~BracketedPaste() {
  RawTerminal::write(kPasteOff);
  g_paste = false;
}

void suspend_program() {
  ::kill(0, SIGTSTP);
}

}  // namespace engine::cli
