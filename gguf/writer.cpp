#include "gguf/writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "gguf/shard.h"

namespace engine::gguf {
namespace {

template <class... A>
Error invalid(fmt::format_string<A...> format, A&&... args) {
  return {Errc::invalid_argument, fmt::format(format, std::forward<A>(args)...)};
}

std::span<const std::byte> as_bytes(std::string_view s) {
  return {reinterpret_cast<const std::byte*>(s.data()), s.size()};
}

// N of a leading "blk.N."; -1 for all other names.
int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  int64_t n = -1;
  const char* end = name.data() + name.size();
  const auto [p, ec] = std::from_chars(name.data() + kPrefix.size(), end, n);
  return ec == std::errc() && p != end && *p == '.' && n >= 0 ? n : -1;
}

// A file that removes itself unless it was renamed into place.
class TempFile {
 public:
  explicit TempFile(const std::string& target) : target_(target), path_(target + ".tmp") {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    made_ = fd_ >= 0;
  }
  ~TempFile() {
    if (fd_ >= 0) close(fd_);
    if (made_) unlink(path_.c_str());
  }
  TempFile(const TempFile&) = delete;

  Error failed(const char* what) const {
    return {Errc::io, fmt::format("cannot {} {}: {}", what, path_, std::strerror(errno))};
  }
  bool opened() const { return fd_ >= 0; }

  Status write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failed("write");
      bytes = bytes.subspan(static_cast<size_t>(n));
      written_ += n;
    }
    start_writeback();
    return ok;
  }

  Status commit() {
    if (fsync(fd_) != 0) return failed("write");
    if (close(std::exchange(fd_, -1)) != 0) return failed("write");
    if (rename(path_.c_str(), target_.c_str()) != 0) return failed("rename");
    made_ = false;
    // The rename itself is on the disk once its folder is.
    const size_t slash = target_.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : target_.substr(0, slash + 1);
    const int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
      fsync(dir);
      close(dir);
    }
    return ok;
  }

 private:
  // The disk begins while more is computed: the sync at the end then waits for the last pieces only.
  void start_writeback() {
#ifdef __linux__
    constexpr off_t kPiece = 8 << 20;
    if (written_ - started_ < kPiece) return;
    (void)sync_file_range(fd_, started_, written_ - started_, SYNC_FILE_RANGE_WRITE);
    started_ = written_;
#endif
  }

  std::string target_, path_;
  int fd_ = -1;
  bool made_ = false;
  off_t written_ = 0, started_ = 0;
};

}  // namespace

void Writer::append_string(std::string& out, std::string_view s) {
  out += encode(static_cast<uint64_t>(s.size()));
  out += s;
}

void Writer::put(std::string_view key, Type type, Type element, uint64_t count,
                 std::string payload) {
  remove(key);
  entries_.push_back({std::string(key), type, element, count, std::move(payload)});
}

void Writer::set(std::string_view key, std::string_view text) {
  std::string payload;
  append_string(payload, text);
  put(key, Type::str, Type::str, 1, std::move(payload));
}

template <class Strings>
void Writer::set_strings(std::string_view key, const Strings& values) {
  std::string payload;
  for (const std::string_view s : values) append_string(payload, s);
  put(key, Type::arr, Type::str, values.size(), std::move(payload));
}

void Writer::set_array(std::string_view key, std::span<const std::string> values) {
  set_strings(key, values);
}
void Writer::set_array(std::string_view key, std::span<const std::string_view> values) {
  set_strings(key, values);
}

void Writer::copy(const Value& value) {
  if (value.type() == Type::str) return set(value.key(), value.text());
  if (value.element_type() == Type::str) return set_strings(value.key(), value.strings());
  // Numbers move byte for byte, whatever the order of the source.
  const size_t size = type_size(value.element_type());
  std::string payload(reinterpret_cast<const char*>(value.data()), value.count() * size);
  if (value.swapped() != (std::endian::native == std::endian::big))
    for (size_t at = 0; at < payload.size(); at += size)
      std::reverse(payload.data() + at, payload.data() + at + size);
  put(value.key(), value.type(), value.element_type(), value.count(), std::move(payload));
}

bool Writer::has(std::string_view key) const {
  return std::ranges::find(entries_, key, &Entry::key) != entries_.end();
}

void Writer::remove(std::string_view key) {
  std::erase_if(entries_, [&](const Entry& e) { return e.key == key; });
}

void Writer::add_tensor(std::string_view name, DType dtype, std::span<const int64_t> ne,
                        std::span<const std::byte> data) {
  add_tensor(name, dtype, ne, [data](const Emit& emit) { return emit(data); });
}

void Writer::add_tensor(std::string_view name, DType dtype, std::span<const int64_t> ne,
                        TensorSource source) {
  tensors_.push_back({std::string(name), dtype, {ne.begin(), ne.end()}, std::move(source)});
}

void Writer::sort_by_layer() {
  std::ranges::stable_sort(tensors_, [](const NewTensor& a, const NewTensor& b) {
    return std::pair(layer_of(a.name), std::string_view(a.name)) <
           std::pair(layer_of(b.name), std::string_view(b.name));
  });
}

Result<uint64_t> Writer::alignment() const {
  const auto it = std::ranges::find(entries_, "general.alignment", &Entry::key);
  if (it == entries_.end()) return uint64_t{kDefaultAlignment};
  if (it->type != Type::u32)
    return invalid("key 'general.alignment' must be of type u32 but is {}", type_name(it->type));
  const uint32_t a =
      load<uint32_t>(as_bytes(it->payload).data(), std::endian::native == std::endian::big);
  if (!std::has_single_bit(a)) return invalid("alignment {} is not a power of 2", a);
  return uint64_t{a};
}

Result<uint64_t> Writer::tensor_bytes(const NewTensor& t) const {
  constexpr uint64_t kMax = (uint64_t{1} << 63) - 1;
  const std::string name = printable(t.name);
  if (traits(t.dtype).gguf_id < 0 || t.dtype == DType::q8_1 || t.dtype == DType::q8_k)
    return invalid("tensor '{}': type {} does not exist in files", name, display_name(t.dtype));
  if (t.ne.empty() || t.ne.size() > 4)
    return invalid("tensor '{}' has {} dimensions, not 1 to 4", name, t.ne.size());
  uint64_t product = 1, elements = 1;
  for (const int64_t ne : t.ne) {
    if (ne < 0) return invalid("tensor '{}' has a negative extent: {}", name, ne);
    const uint64_t factor = std::max<uint64_t>(static_cast<uint64_t>(ne), 1);
    if (product > kMax / factor) return invalid("tensor '{}' shape overflows", name);
    product *= factor;
    elements *= static_cast<uint64_t>(ne);
  }
  const uint64_t block = static_cast<uint64_t>(traits(t.dtype).block_elems);
  const uint64_t block_bytes = static_cast<uint64_t>(traits(t.dtype).block_bytes);
  if (static_cast<uint64_t>(t.ne[0]) % block != 0)
    return invalid(
        "tensor '{}' of type {} has {} elements per row, not a multiple of block size ({})", name,
        display_name(t.dtype), t.ne[0], block);
  if (product / block > kMax / block_bytes) return invalid("tensor '{}' size overflows", name);
  return elements / block * block_bytes;
}

Result<std::string> Writer::metadata(uint64_t alignment) const {
  std::string out = "GGUF";
  out += encode(uint32_t{3});
  out += encode(static_cast<uint64_t>(tensors_.size()));
  out += encode(static_cast<uint64_t>(entries_.size()));
  for (const Entry& e : entries_) {
    if (e.key.empty() || e.key.size() > kMaxKeyBytes || has_control_character(e.key))
      return invalid("key '{}' is empty, too long or contains control characters",
                     printable(e.key));
    append_string(out, e.key);
    out += encode(static_cast<uint32_t>(e.type));
    if (e.type == Type::arr) out += encode(static_cast<uint32_t>(e.element)) + encode(e.count);
    out += e.payload;
  }

  std::vector<std::string_view> names;
  uint64_t offset = 0;
  for (const NewTensor& t : tensors_) {
    if (t.name.empty() || t.name.size() > kMaxNameBytes || has_control_character(t.name))
      return invalid(
          "tensor name '{}' is empty, longer than {} bytes or contains control characters",
          printable(t.name), kMaxNameBytes);
    ENGINE_TRY(bytes, tensor_bytes(t));
    // Trailing ones do not count as dimensions.
    size_t rank = t.ne.size();
    while (rank > 1 && t.ne[rank - 1] == 1) --rank;
    append_string(out, t.name);
    out += encode(static_cast<uint32_t>(rank));
    for (size_t j = 0; j < rank; ++j) out += encode(t.ne[j]);
    out += encode(static_cast<uint32_t>(traits(t.dtype).gguf_id)) + encode(offset);
    const std::optional<uint64_t> padded = checked_pad(bytes, alignment);
    if (!padded || *padded > UINT64_MAX - offset)
      return invalid("tensor '{}' size overflows", printable(t.name));
    offset += *padded;
    names.push_back(t.name);
  }
  std::ranges::sort(names);
  if (const auto it = std::ranges::adjacent_find(names); it != names.end())
    return invalid("duplicate tensor name '{}'", printable(*it));
  if (out.size() > kMaxMetadataBytes)
    return invalid("metadata is larger than {} bytes", kMaxMetadataBytes);
  out.resize(*checked_pad(out.size(), alignment), '\0');
  return out;
}

Status Writer::stream(const Emit& out) const {
  ENGINE_TRY(align, alignment());
  ENGINE_TRY(meta, metadata(align));
  ENGINE_TRY_STATUS(out(as_bytes(meta)));
  for (const NewTensor& t : tensors_) {
    const uint64_t bytes = *tensor_bytes(t);  // checked by metadata()
    uint64_t given = 0;
    ENGINE_TRY_STATUS(t.source([&](std::span<const std::byte> piece) -> Status {
      if (piece.size() > bytes - given)
        return invalid("tensor '{}': more data than its {} bytes", printable(t.name), bytes);
      given += piece.size();
      return out(piece);
    }));
    if (given != bytes)
      return invalid("tensor '{}': {} bytes of data, expected {}", printable(t.name), given, bytes);
    uint64_t padding = *checked_pad(bytes, align) - bytes;
    const std::string zeros(std::min<uint64_t>(padding, 65536), '\0');
    while (padding > 0) {
      const uint64_t n = std::min<uint64_t>(padding, zeros.size());
      ENGINE_TRY_STATUS(out(as_bytes(zeros).first(n)));
      padding -= n;
    }
  }
  return ok;
}

Status Writer::write(const std::string& path) const {
  TempFile file(path);
  if (!file.opened()) return file.failed("create");
  ENGINE_TRY_STATUS(stream([&](std::span<const std::byte> bytes) { return file.write(bytes); }));
  return file.commit();
}

Result<std::vector<std::byte>> Writer::to_bytes() const {
  std::vector<std::byte> out;
  ENGINE_TRY_STATUS(stream([&](std::span<const std::byte> bytes) -> Status {
    out.insert(out.end(), bytes.begin(), bytes.end());
    return ok;
  }));
  return out;
}

Status check_distinct(const std::string& input, const std::string& output) {
  struct stat a, b;
  if (stat(input.c_str(), &a) == 0 && stat(output.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
      a.st_ino == b.st_ino)
    return invalid("input and output files are the same: '{}'", output);
  return ok;
}

}  // namespace engine::gguf
