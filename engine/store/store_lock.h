// A lock between processes of ours over one store: shared while blobs are added, exclusive while
// unused ones are removed. Where the file cannot be made (read-only store) there is nothing to
// protect and the lock is none.
#pragma once

#include <chrono>
#include <string>

namespace engine {

class StoreLock {
 public:
  enum Mode { shared, exclusive };
  // Waits. shared: the folder is made where it is missing, so that there is something to lock.
  StoreLock(const std::string& root, Mode mode);
  // Waits no longer than `patience`, then busy().
  StoreLock(const std::string& root, Mode mode, std::chrono::milliseconds patience);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

  bool busy() const { return busy_; }  // somebody else holds it

 private:
  int fd_ = -1;
  bool busy_ = false;
};

}  // namespace engine
