// flock on <root>/.engine-lock.
#include "engine/store/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace engine {

StoreLock::StoreLock(const std::string& root, Mode mode)
    : fd_(::open((root + "/.engine-lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
  if (fd_ < 0) return;
  while (::flock(fd_, mode == shared ? LOCK_SH : LOCK_EX) != 0 && errno == EINTR) {
  }
}

StoreLock::~StoreLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace engine
