#include "server/cli/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "engine/core/env.h"

namespace engine::cli {
namespace {

constexpr size_t kEntries = 100;

}  // namespace

InputHistory::InputHistory(std::string path) : path_(std::move(path)) {
  if (path_.empty()) return;
  std::ifstream file(path_);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) entries_.push_back(line);
    if (entries_.size() > kEntries) entries_.pop_front();
  }
}

void InputHistory::add(const std::string& entry) {
  if (entry.empty()) return;
  entries_.push_back(entry);
  if (entries_.size() > kEntries) entries_.pop_front();
  if (save_ && !path_.empty() && entry.find('\n') == std::string::npos) write();
}

// Through a second file, so that a crash leaves the old one or the new one.
void InputHistory::write() const {
  std::error_code ec;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ec);
  const std::string temp = path_ + ".tmp";
  const int fd = ::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return;  // a history that cannot be written is no reason to bother anybody
  (void)::fchmod(fd, 0600);
  std::FILE* file = ::fdopen(fd, "w");
  if (file == nullptr) {
    ::close(fd);
    return;
  }
  bool good = true;
  for (const std::string& entry : entries_) {
    if (entry.find('\n') == std::string::npos)
      good = std::fprintf(file, "%s\n", entry.c_str()) >= 0 && good;
  }
  good = std::fclose(file) == 0 && good;
  if (good)
    (void)std::rename(temp.c_str(), path_.c_str());
  else
    (void)::unlink(temp.c_str());
}

bool InputHistory::older(const std::string& current, std::string& shown) {
  if (at_ == 0) return false;
  if (at_ == entries_.size()) unfinished_ = current;
  shown = entries_[--at_];
  return true;
}

bool InputHistory::newer(std::string& shown) {
  if (at_ >= entries_.size()) return false;
  ++at_;
  shown = at_ == entries_.size() ? unfinished_ : entries_[at_];
  return true;
}

std::string history_path() {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == 0 || env_set(Env::OLLAMA_NOHISTORY)) return "";
  return std::string(home) + "/.ollama/history";
}

}  // namespace engine::cli
