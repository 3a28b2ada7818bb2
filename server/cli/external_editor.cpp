#include "server/cli/external_editor.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/core/env.h"
#include "engine/core/json_io.h"
#include "engine/store/blobs.h"

namespace engine::cli {
namespace {

constexpr size_t kMostTextBytes = size_t{64} << 20;

std::string editor_command() {
  if (const std::string own = env(Env::OLLAMA_EDITOR); !own.empty()) return own;
  for (const char* name : {"VISUAL", "EDITOR"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != 0) return value;
  }
  return "vi";
}

// The command may have arguments ("code --wait"), so a shell takes it apart; the path does not go
// through the shell.
bool run_editor(const std::string& command, const std::string& path) {
  const std::string script = command + " \"$1\"";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", script.c_str(), "sh", path.c_str(), nullptr);
    ::_exit(127);
  }
  if (child < 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<std::string> edit_externally(const std::string& text) {
  std::error_code ec;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(ec);
  std::string path = (ec ? std::filesystem::path("/tmp") : folder) / "ollama-prompt-XXXXXX.txt";
  const int fd = ::mkstemps(path.data(), 4);  // readable by this user alone
  if (fd < 0)
    return Error{Errc::io, fmt::format("cannot make the file {}: {}", path, std::strerror(errno))};
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  const std::string command = editor_command();
  const bool good = written && run_editor(command, path);
  auto edited = read_file(path, kMostTextBytes);
  ::unlink(path.c_str());
  if (!good)
    return Error{Errc::io,
                 fmt::format("the editor `{}` failed; OLLAMA_EDITOR names another one", command)};
  if (!edited) return edited.error();
  std::string out = repair_utf8(*edited);
  while (out.ends_with('\n') || out.ends_with('\r')) out.pop_back();
  return out;
}

}  // namespace engine::cli
