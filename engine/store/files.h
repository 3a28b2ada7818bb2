// Files of the store as the system sees them: whole, synced, or not there at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine {

// Closes itself. fd < 0: none.
struct Descriptor {
  int fd = -1;
  explicit Descriptor(int f) : fd(f) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
};

// "<what> <path>: <errno in words>"; not_found for ENOENT, else io.
Error io_error(std::string_view what, const std::string& path);

Status write_all(int fd, std::span<const std::byte> bytes, const std::string& path);
// Syncs the entries of a folder, so that a rename or a removal survives a power cut. Failure is
// harmless: some file systems refuse it.
void sync_folder(const std::string& folder);
// With all parents, 0755, each entry synced.
Status make_folder(const std::string& folder);
// The files (folders = false) or folders of a folder, sorted; names that begin with '.' are left
// out, what cannot be read is empty. Links count as what they point at.
std::vector<std::string> folder_entries(const std::string& folder, bool folders);

// A temporary file that is removed again unless it was renamed.
class TempFile {
 public:
  // Makes the folder too. The name is the prefix and six random characters.
  static Result<std::unique_ptr<TempFile>> create(const std::string& folder,
                                                  const std::string& prefix);
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  int fd() const { return file_.fd; }
  const std::string& path() const { return path_; }
  // 0644, synced, renamed to target, the folder of the target synced.
  Status finish(const std::string& target);

 private:
  TempFile(int fd, std::string path) : file_(fd), path_(std::move(path)) {}
  Descriptor file_;
  std::string path_;  // "" once it was renamed
};

// Writes a whole file under a temporary name in `temp_folder`, syncs it and renames it to `path`,
// whose folder is made. Where the two are on different file systems, the temporary file lies two
// levels above the target, where nobody takes it for a manifest.
Status write_file_atomically(const std::string& temp_folder, const std::string& path,
                             std::string_view bytes);
Result<std::string> read_file(const std::string& path, size_t max_bytes);

// Errc::io "not enough disk space in <root>: need <a>, have <b>" unless `bytes` more fit.
Status check_space(const std::string& root, int64_t bytes);

}  // namespace engine
