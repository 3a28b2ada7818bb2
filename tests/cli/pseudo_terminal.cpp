#include "tests/cli/pseudo_terminal.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <thread>

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLimit = std::chrono::seconds(60);

}  // namespace

PseudoTerminal::PseudoTerminal(const std::string& path, const std::vector<std::string>& arguments,
                               const Options& options)
    : terminal_(options.columns, options.rows) {
  winsize size = {};
  size.ws_col = static_cast<unsigned short>(options.columns);
  size.ws_row = static_cast<unsigned short>(options.rows);
  std::vector<std::string> words = {options.program.empty() ? path : options.program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = {"TERM=xterm-256color"};
  if (const char* p = std::getenv("PATH")) variables.push_back(std::string("PATH=") + p);
  for (const auto& [name, value] : options.environment) variables.push_back(name + "=" + value);
  const auto pointers = [](std::vector<std::string>& list) {
    std::vector<char*> out;
    for (std::string& s : list) out.push_back(s.data());
    out.push_back(nullptr);
    return out;
  };
  std::vector<char*> argv = pointers(words), envp = pointers(variables);
  pid_ = ::forkpty(&fd_, nullptr, nullptr, &size);
  if (pid_ == 0) {
    ::execve(path.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }
}

PseudoTerminal::~PseudoTerminal() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (fd_ >= 0) ::close(fd_);
}

void PseudoTerminal::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

bool PseudoTerminal::read_some(int timeout) {
  if (closed_) return false;
  pollfd wait{fd_, POLLIN, 0};
  if (::poll(&wait, 1, timeout) <= 0) return false;
  char buffer[4096];
  const ssize_t n = ::read(fd_, buffer, sizeof buffer);
  if (n <= 0) {
    closed_ = true;
    return false;
  }
  bytes_.append(buffer, static_cast<size_t>(n));
  terminal_.feed({buffer, static_cast<size_t>(n)});
  return true;
}

int PseudoTerminal::count(const std::string& text) const {
  const std::string all = terminal_.all();
  int n = 0;
  for (size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++n;
  return n;
}

bool PseudoTerminal::wait_until(const std::function<bool()>& done) {
  const auto until = Clock::now() + kLimit;
  while (!done()) {
    if (Clock::now() > until || (closed_ && !done())) return done();
    read_some(50);
  }
  return true;
}

bool PseudoTerminal::wait_for(const std::string& seen, int before) {
  return wait_until([&] { return count(seen) > before; });
}

void PseudoTerminal::settle() {
  while (read_some(150)) {
  }
}

int PseudoTerminal::wait_for_end() {
  const auto until = Clock::now() + kLimit;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (Clock::now() > until) return -1;
    if (!read_some(50)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  pid_ = -1;
  while (read_some(0)) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool PseudoTerminal::echoes() const {
  termios mode;
  return ::tcgetattr(fd_, &mode) == 0 && (mode.c_lflag & ECHO) != 0;
}

}  // namespace engine
