// The state of one part while it is being fetched: its file rewritten in place, which is so cheap
// (one small write) that every piece that arrives is recorded.
#pragma once

#include <memory>

#include "engine/core/result.h"
#include "engine/store/files.h"
#include "engine/store/part_files.h"

namespace engine {

// One thread. What is recorded survives the death of the process at once; a power cut since the
// last sync() may leave a state that promises more bytes than are on disk.
class PartJournal {
 public:
  // Writes the state anew, through a temporary name; the old file stays whole until then.
  static Result<std::unique_ptr<PartJournal>> open(const PartFiles& files, const Part& part);

  // Requires: the part that was opened, with more bytes or as many.
  Status record(const Part& part) const;
  Status sync() const;

 private:
  PartJournal(int fd, std::string path) : file_(fd), path_(std::move(path)) {}
  const Descriptor file_;
  const std::string path_;
};

}  // namespace engine
