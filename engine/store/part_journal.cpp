// The text has the same length whatever the count is, blanks before its newline: neither a crash
// nor another program that reads at the wrong moment finds the end of an older, longer state.
#include "engine/store/part_journal.h"

#include <fcntl.h>
#include <unistd.h>

namespace engine {
namespace {

std::string padded(const Part& part) {
  Part longest = part;
  longest.completed = part.size;
  std::string text = part_state_text(part);
  text.insert(text.size() - 1, part_state_text(longest).size() - text.size(), ' ');
  return text;
}

}  // namespace

Result<std::unique_ptr<PartJournal>> PartJournal::open(const PartFiles& files, const Part& part) {
  ENGINE_TRY_STATUS(files.write_text(part.n, padded(part), false));
  std::string path = files.state_path(part.n);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return io_error("cannot write", path);
  return std::unique_ptr<PartJournal>(new PartJournal(fd, std::move(path)));
}

Status PartJournal::record(const Part& part) const {
  const std::string text = padded(part);
  const ssize_t n = ::pwrite(file_.fd, text.data(), text.size(), 0);
  if (n != static_cast<ssize_t>(text.size())) return io_error("cannot write", path_);
  return ok;
}

Status PartJournal::sync() const {
  if (::fdatasync(file_.fd) != 0) return io_error("cannot write", path_);
  return ok;
}

}  // namespace engine
