// flock on <root>/.engine-lock.
#include "engine/store/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "engine/store/files.h"

namespace engine {
namespace {

int open_lock(const std::string& root, StoreLock::Mode mode) {
  if (mode == StoreLock::shared) (void)make_folder(root);  // writing will tell why it cannot
  const std::string path = root + "/.engine-lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  return fd >= 0 ? fd : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

int operation(StoreLock::Mode mode) {
  return mode == StoreLock::shared ? LOCK_SH : LOCK_EX;
}

}  // namespace

StoreLock::StoreLock(const std::string& root, Mode mode) : fd_(open_lock(root, mode)) {
  if (fd_ < 0) return;
  while (::flock(fd_, operation(mode)) != 0 && errno == EINTR) {
  }
}

StoreLock::StoreLock(const std::string& root, Mode mode, std::chrono::milliseconds patience)
    : fd_(open_lock(root, mode)) {
  if (fd_ < 0) return;
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(fd_, operation(mode) | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return;  // a file system without locks
    if (std::chrono::steady_clock::now() >= until) {
      busy_ = true;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

StoreLock::~StoreLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace engine
