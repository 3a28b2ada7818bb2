#include "engine/store/writable.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace engine {

Status make_writable_store(const std::string& root) {
  std::error_code ec;
  std::filesystem::create_directories(root, ec);
  if (ec) return Error{Errc::io, fmt::format("{}: {}", root, ec.message())};
  for (const char* folder : {"", "/manifests", "/blobs"}) {
    const std::string path = root + folder;
    if (access(path.c_str(), W_OK | X_OK) == 0) continue;
    if (errno == ENOENT) continue;  // made when it is needed, since the root can be written
    return Error{Errc::io, fmt::format("{}: {}", path, std::strerror(errno))};
  }
  return ok;
}

}  // namespace engine
