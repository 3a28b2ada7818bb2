#include "engine/quantize/split.h"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>

#include "engine/core/memory.h"

namespace engine::quant {
namespace {

constexpr int64_t kMostParts = 65535;  // split.count has 16 bits

uint64_t padded(uint64_t bytes) {
  return (bytes + 31) / 32 * 32;
}

Status check_absent(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0)
    return Error{
        Errc::already_exists,
        fmt::format("output file {} already exists; remove it or choose another name", path)};
  return ok;
}

// Hands on the bytes of a tensor as they are, and counts them.
class CopySource {
 public:
  CopySource(const gguf::File& file, const OnBytes& progress) : file_(file), progress_(progress) {
    for (const gguf::TensorInfo& t : file.tensors()) total_ += t.bytes;
  }

  void add(gguf::Writer& writer, const gguf::TensorInfo& t) {
    writer.add_tensor(t.name, t.dtype, t.ne, [this, t](const gguf::Emit& emit) -> Status {
      ENGINE_TRY(tensor, file_.view(t));
      const std::span<const std::byte> all(tensor.data, tensor.bytes());
      constexpr size_t kPiece = size_t{8} << 20;
      for (size_t at = 0; at < all.size(); at += kPiece) {
        const size_t n = std::min(kPiece, all.size() - at);
        ENGINE_TRY_STATUS(emit(all.subspan(at, n)));
        done_ += n;
        if (progress_ && !progress_(done_, total_)) return Error{Errc::cancelled, "interrupted"};
      }
      file_.drop(t);
      return ok;
    });
  }
  uint64_t total() const { return total_; }

 private:
  const gguf::File& file_;
  const OnBytes& progress_;
  uint64_t done_ = 0, total_ = 0;
};

// Tensors of each part, in the order of the file.
std::vector<std::vector<gguf::TensorInfo>> parts_of(const gguf::File& file, const SplitOptions& o) {
  std::vector<std::vector<gguf::TensorInfo>> parts(1);
  if (o.no_tensor_first) parts.emplace_back();
  uint64_t bytes = 0;
  int64_t i = 0;
  for (const gguf::TensorInfo& t : file.tensors()) {
    const bool full =
        o.max_bytes > 0 ? bytes + padded(t.bytes) > o.max_bytes : i > 0 && i % o.max_tensors == 0;
    // A tensor larger than the limit has a part of its own.
    if (full && !parts.back().empty()) parts.emplace_back(), bytes = 0;
    parts.back().push_back(t);
    bytes += padded(t.bytes);
    ++i;
  }
  return parts;
}

}  // namespace

std::string split_path(const std::string& prefix, int part, int parts) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, part + 1, parts);
}

void set_split_keys(gguf::Writer& writer, int part, int parts, size_t n_tensors) {
  writer.set("split.no", static_cast<uint16_t>(part));
  writer.set("split.count", static_cast<uint16_t>(parts));
  writer.set("split.tensors.count", static_cast<int32_t>(n_tensors));
}

Status check_space(const std::string& output, uint64_t bytes) {
  const size_t slash = output.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : output.substr(0, slash + 1);
  struct statvfs disk = {};
  if (::statvfs(folder.c_str(), &disk) != 0)
    return Error{Errc::not_found, fmt::format("the folder {} does not exist", folder)};
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (free >= bytes) return ok;
  return Error{Errc::io, fmt::format("not enough space for {}: it needs {}, {} has {} left", output,
                                     memory_text(bytes), folder, memory_text(free))};
}

Status write_all(const std::vector<gguf::Writer>& writers, const std::vector<std::string>& files) {
  for (size_t i = 0; i < writers.size(); ++i) {
    const Status written = writers[i].write(files[i]);
    if (written) continue;
    for (size_t j = 0; j < i; ++j) ::unlink(files[j].c_str());
    return written;
  }
  return ok;
}

Result<std::vector<SplitPart>> split_file(const std::string& input, const std::string& prefix,
                                          const SplitOptions& options, const OnBytes& progress) {
  ENGINE_TRY(file, gguf::File::open(input));
  if (file.tensors().size() == 0)
    return Error{Errc::invalid_argument, fmt::format("{} has no tensors to split", input)};
  const auto parts = parts_of(file, options);
  if (static_cast<int64_t>(parts.size()) > kMostParts)
    return Error{
        Errc::invalid_argument,
        fmt::format("{} parts are more than {}: choose larger ones", parts.size(), kMostParts)};
  const int n = static_cast<int>(parts.size());
  CopySource source(file, progress);
  std::vector<gguf::Writer> writers(parts.size());
  std::vector<SplitPart> out;
  std::vector<std::string> files;
  for (int i = 0; i < n; ++i) {
    gguf::Writer& writer = writers[static_cast<size_t>(i)];
    if (i == 0) {
      for (const gguf::Value& key : file.keys())
        if (!key.key().starts_with("split.")) writer.copy(key);
    } else if (file.alignment() != 32) {
      writer.set("general.alignment", file.alignment());
    }
    set_split_keys(writer, i, n, file.tensors().size());
    SplitPart part{split_path(prefix, i, n), 0, 0};
    for (const gguf::TensorInfo& t : parts[static_cast<size_t>(i)]) {
      source.add(writer, t);
      ++part.n_tensors;
      part.bytes += t.bytes;
    }
    if (!options.dry_run) ENGINE_TRY_STATUS(check_absent(part.path));
    files.push_back(part.path);
    out.push_back(std::move(part));
  }
  if (options.dry_run) return out;
  ENGINE_TRY_STATUS(check_space(prefix, source.total()));
  ENGINE_TRY_STATUS(write_all(writers, files));
  return out;
}

Result<Merged> merge_files(const std::string& input, const std::string& output, bool dry_run,
                           const OnBytes& progress) {
  ENGINE_TRY(file, gguf::File::open(input));
  if (!file.has("split.count"))
    return Error{Errc::invalid_argument,
                 fmt::format("{} is no part of a split file: name the first part", input)};
  CopySource source(file, progress);
  gguf::Writer writer;
  for (const gguf::Value& key : file.keys())
    if (key.key() != "split.count") writer.copy(key);
  writer.set("split.count", uint16_t{0});
  Merged merged{file.paths(), file.tensors().size(), source.total()};
  for (const gguf::TensorInfo& t : file.tensors()) source.add(writer, t);
  if (dry_run) return merged;
  ENGINE_TRY_STATUS(check_absent(output));
  ENGINE_TRY_STATUS(check_space(output, source.total()));
  ENGINE_TRY_STATUS(writer.write(output));
  return merged;
}

}  // namespace engine::quant
