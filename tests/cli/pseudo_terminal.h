// A program in a pseudo terminal of its own: what it shows is seen on a VirtualTerminal.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/cli/virtual_terminal.h"

namespace engine {

class PseudoTerminal {
 public:
  struct Options {
    int columns = 80, rows = 24;
    std::map<std::string, std::string> environment = {};  // beside PATH and TERM
    std::string program = {};                             // argv[0]; "": the path
  };
  PseudoTerminal(const std::string& path, const std::vector<std::string>& arguments,
                 const Options& options);
  ~PseudoTerminal();  // kills a program that still runs

  void send(std::string_view bytes);
  // Reads until `seen` is on the screen (or scrolled away) more often than `before` times; false when
  // that does not happen within a minute.
  bool wait_for(const std::string& seen, int before = 0);
  bool wait_until(const std::function<bool()>& done);
  // Reads until nothing comes for 150 ms.
  void settle();
  // Its exit code, 128 + the number of a signal that ended it; -1 when it does not end.
  int wait_for_end();
  int count(const std::string& text) const;  // how often it was shown
  bool echoes() const;                       // the terminal is in its usual mode

  const VirtualTerminal& terminal() const { return terminal_; }
  std::string screen() const { return terminal_.screen(); }
  const std::string& bytes() const { return bytes_; }
  pid_t pid() const { return pid_; }

 private:
  // false: nothing came within so many ms, or the program is gone.
  bool read_some(int timeout);

  VirtualTerminal terminal_;
  std::string bytes_;
  int fd_ = -1;
  pid_t pid_ = -1;
  bool closed_ = false;
};

}  // namespace engine
