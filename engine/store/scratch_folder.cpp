// Temporary folders.
#include "engine/store/scratch_folder.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace engine {

namespace fs = std::filesystem;
namespace {

Error no_room(const std::string& folder) {
  return {Errc::io,
          fmt::format("cannot create temporary files in {}: {}", folder, std::strerror(errno))};
}

}  // namespace

Result<ScratchFolder> ScratchFolder::create(const std::string& parent, const std::string& prefix) {
  std::error_code ec;
  fs::create_directories(parent, ec);
  std::string path = parent + "/" + prefix + "XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return no_room(parent);
  return ScratchFolder(std::move(path));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ec;
  if (!path_.empty()) fs::remove_all(path_, ec);
}

Status ScratchFolder::link(const std::string& name, const std::string& target) const {
  ENGINE_CHECK(is_clean_path(name), "names are checked before");
  const fs::path path = fs::path(path_) / name;
  std::error_code ec;
  fs::create_directories(path.parent_path(), ec);
  // absolute: a relative one would be looked up from where the link stands
  fs::create_symlink(fs::absolute(target, ec), path, ec);
  if (ec) return Error{Errc::io, fmt::format("cannot create {}: {}", path.string(), ec.message())};
  return ok;
}

Result<ScratchFile> ScratchFile::create(const std::string& folder, const std::string& prefix) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  std::string path = folder + "/" + prefix + "XXXXXX";
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return no_room(folder);
  ::close(fd);
  ::unlink(path.c_str());
  return ScratchFile(std::move(path));
}

ScratchFile::~ScratchFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

bool is_clean_path(std::string_view name) {
  if (name.empty() || name.size() > 4096 || name.find('\\') != name.npos ||
      name.find('\0') != name.npos)
    return false;
  while (true) {
    const size_t slash = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == name.size()) return true;
    name.remove_prefix(slash + 1);
  }
}

}  // namespace engine
