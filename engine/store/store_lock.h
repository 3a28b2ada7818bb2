// A lock between processes of ours over one store: shared while blobs are added, exclusive while
// unused ones are removed. Where the file cannot be made (read-only store) there is nothing to
// protect and the lock is none.
#pragma once

#include <string>

namespace engine {

class StoreLock {
 public:
  enum Mode { shared, exclusive };
  StoreLock(const std::string& root, Mode mode);  // waits
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace engine
