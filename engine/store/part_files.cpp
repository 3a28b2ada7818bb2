// Part files: cutting, reading, writing.
#include "engine/store/part_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"

namespace engine {
namespace {

constexpr size_t kMaxState = 4096;

// -1: not there or no count.
int64_t count_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number_integer() ? it->get<int64_t>() : -1;
}

}  // namespace

std::vector<Part> cut_parts(int64_t total, int64_t least, int64_t most, int wanted) {
  const int64_t size = std::clamp(total / wanted, least, most);
  std::vector<Part> parts;
  for (int64_t offset = 0; offset < total; offset += size)
    parts.push_back({static_cast<int>(parts.size()), offset, std::min(size, total - offset), 0});
  return parts;
}

std::string part_state_text(const Part& part) {
  return fmt::format(R"({{"N":{},"Offset":{},"Size":{},"Completed":{}}})", part.n, part.offset,
                     part.size, part.completed) +
         "\n";
}

PartFiles::PartFiles(const BlobFolder& blobs, const std::string& digest)
    : folder_(blobs.folder()), data_(blobs.path(digest) + "-partial") {
  // Not under the name of a part: whatever begins so is taken for one.
  temp_ = folder_ + "/engine-part-" + digest.substr(7, 16);
}

std::string PartFiles::state_path(int n) const {
  return fmt::format("{}-{}", data_, n);
}

std::vector<int> PartFiles::numbers() const {
  std::vector<int> out;
  const std::string prefix = std::filesystem::path(data_).filename().string() + "-";
  std::error_code ec;
  for (std::filesystem::directory_iterator it(folder_, ec), end; !ec && it != end;
       it.increment(ec)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    int n = -1;
    const char* last = name.data() + name.size();
    const auto [at, error] = std::from_chars(name.data() + prefix.size(), last, n);
    if (error == std::errc() && at == last && n >= 0) out.push_back(n);
  }
  return out;
}

Result<std::vector<Part>> PartFiles::read() const {
  const Error bad{Errc::corrupt, fmt::format("the states of the parts of {} do not fit", data_)};
  std::vector<Part> parts;
  for (const int n : numbers()) {
    const auto text = read_file(state_path(n), kMaxState);
    const auto json = text ? parse_json(*text) : Result<Json>(text.error());
    if (!json || !json->is_object()) return bad;
    Part part{n, count_of(*json, "Offset"), count_of(*json, "Size"), count_of(*json, "Completed")};
    const bool fits = count_of(*json, "N") == n && part.offset >= 0 && part.size > 0 &&
                      part.completed >= 0 && part.completed <= part.size;
    if (!fits) return bad;
    parts.push_back(part);
  }
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.offset < b.offset; });
  int64_t end = 0;
  for (const Part& part : parts) {
    if (part.offset != end || part.size > INT64_MAX - end) return bad;
    end += part.size;
  }
  return parts;
}

Status PartFiles::write(const Part& part, bool sync) const {
  return write_text(part.n, part_state_text(part), sync);
}

Status PartFiles::write_text(int n, const std::string& text, bool sync) const {
  const std::string path = state_path(n), temp = fmt::format("{}-{}", temp_, n);
  const int fd = ::open(temp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  bool fine = fd >= 0;
  fine = fine && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  fine = fine && (!sync || ::fdatasync(fd) == 0);
  int code = errno;
  if (fd >= 0) ::close(fd);
  if (fine && ::rename(temp.c_str(), path.c_str()) != 0) fine = false, code = errno;
  if (fine) return ok;
  ::unlink(temp.c_str());
  return Error{Errc::io, fmt::format("cannot write {}: {}", path, std::strerror(code))};
}

void PartFiles::remove_states() const {
  for (const int n : numbers()) ::unlink(state_path(n).c_str());
}

void PartFiles::remove_all() const {
  ::unlink(data_.c_str());
  remove_states();
}

}  // namespace engine
