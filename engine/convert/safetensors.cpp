#include "engine/convert/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/sorted_json.h"

namespace engine::convert {
namespace {

constexpr uint64_t kMaxHeaderBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxTensorBytes = INT64_MAX;
constexpr size_t kMaxAxes = 8, kMaxNameBytes = 512;

struct TypeLine {
  const char* name;
  int64_t bytes;
};
constexpr TypeLine kTypes[] = {
#define SAFE_TYPE(name, bytes) {#name, bytes},
#include "engine/convert/safetensors_types.inc"
};

// Names and types come from outside: no control characters, no pages of text in a message.
std::string printable(std::string_view s) {
  std::string out(s.substr(0, 128));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

class HeaderReader {
 public:
  HeaderReader(std::string name, std::span<const std::byte> data)
      : name_(std::move(name)), data_(data) {}

  Result<std::vector<SafeTensor>> read(const SortedJson& header) const {
    if (!header.is_object()) return corrupt("the header is no JSON object");
    std::vector<SafeTensor> out;
    for (auto it = header.begin(); it != header.end(); ++it) {
      if (it.key() == "__metadata__") continue;
      ENGINE_TRY(tensor, read_tensor(it.key(), it.value()));
      out.push_back(std::move(tensor));
    }
    ENGINE_TRY_STATUS(check_layout(out));
    return out;
  }

  template <class... A>
  Error corrupt(fmt::format_string<A...> format, A&&... args) const {
    return {Errc::corrupt,
            fmt::format("{}: {}", name_, fmt::format(format, std::forward<A>(args)...))};
  }

 private:
  static std::optional<uint64_t> whole(const SortedJson& v) {
    if (!v.is_number_unsigned()) return std::nullopt;
    return v.get<uint64_t>();
  }

  Result<SafeTensor> read_tensor(const std::string& key, const SortedJson& entry) const {
    const std::string shown = printable(key);
    if (key.empty() || key.size() > kMaxNameBytes)
      return corrupt("tensor name '{}' is empty or longer than {} bytes", shown, kMaxNameBytes);
    if (!entry.is_object()) return corrupt("tensor '{}' is no JSON object", shown);
    const auto dtype = entry.find("dtype"), shape = entry.find("shape"),
               offsets = entry.find("data_offsets");
    if (dtype == entry.end() || !dtype->is_string() || shape == entry.end() || !shape->is_array() ||
        offsets == entry.end() || !offsets->is_array() || offsets->size() != 2)
      return corrupt("tensor '{}' must have a dtype, a shape and two data_offsets", shown);

    SafeTensor t;
    t.name = key;
    const std::string type = dtype->get<std::string>();
    const auto line = std::ranges::find(kTypes, type, &TypeLine::name);
    if (line == std::end(kTypes))
      return Error{Errc::unsupported,
                   fmt::format("{}: tensor '{}' has the type {}, which is not supported; save the "
                               "model as F32, F16 or BF16",
                               name_, shown, printable(type))};
    t.type = static_cast<SafeType>(line - kTypes);

    if (shape->size() > kMaxAxes)
      return corrupt("tensor '{}' has {} axes, at most {} are possible", shown, shape->size(),
                     kMaxAxes);
    uint64_t bytes = static_cast<uint64_t>(line->bytes);
    bool empty = false;
    for (const SortedJson& axis : *shape) {
      const std::optional<uint64_t> n = whole(axis);
      if (!n || *n > kMaxTensorBytes) return corrupt("tensor '{}' has an invalid shape", shown);
      if (*n == 0)
        empty = true;
      else if (bytes > kMaxTensorBytes / *n)
        return corrupt("tensor '{}': the size of its shape overflows", shown);
      else
        bytes *= *n;
      t.shape.push_back(static_cast<int64_t>(*n));
    }
    if (empty) bytes = 0;

    const std::optional<uint64_t> begin = whole((*offsets)[0]), end = whole((*offsets)[1]);
    if (!begin || !end || *begin > *end)
      return corrupt("tensor '{}' has invalid data_offsets", shown);
    if (*end > data_.size())
      return corrupt(
          "tensor '{}' ends at byte {} of the data, but there are only {}: the file is not "
          "complete; download it again",
          shown, *end, data_.size());
    if (*end - *begin != bytes)
      return corrupt("tensor '{}' has {} bytes of data, its shape and type {} need {}", shown,
                     *end - *begin, type, bytes);
    t.data = data_.subspan(*begin, bytes);
    return t;
  }

  // Sorts by place; no two tensors may share bytes, and no byte may belong to none.
  Status check_layout(std::vector<SafeTensor>& tensors) const {
    const auto begin = [&](const SafeTensor& t) { return t.data.data() - data_.data(); };
    std::ranges::sort(tensors, [&](const SafeTensor& a, const SafeTensor& b) {
      return std::pair(begin(a), a.data.size()) < std::pair(begin(b), b.data.size());
    });
    int64_t at = 0;
    for (const SafeTensor& t : tensors) {
      if (begin(t) < at)
        return corrupt("tensor '{}' overlaps the one before it", printable(t.name));
      if (begin(t) > at)
        return corrupt("{} bytes before tensor '{}' belong to no tensor", begin(t) - at,
                       printable(t.name));
      at += std::ssize(t.data);
    }
    if (at != std::ssize(data_))
      return corrupt("{} bytes at the end belong to no tensor", std::ssize(data_) - at);
    return ok;
  }

  std::string name_;
  std::span<const std::byte> data_;
};

}  // namespace

const char* type_name(SafeType type) {
  return kTypes[static_cast<size_t>(type)].name;
}

int64_t type_bytes(SafeType type) {
  return kTypes[static_cast<size_t>(type)].bytes;
}

int64_t SafeTensor::elements() const {
  return std::ssize(data) / type_bytes(type);
}

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                               const std::string& name) {
  const HeaderReader no_data(name, {});
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // What a checkout without the large files has in their place.
  if (text.starts_with("version https://git-lfs"))
    return no_data.corrupt("is only a pointer to the file; fetch it with `git lfs pull`");
  if (bytes.size() < 8) return no_data.corrupt("is shorter than the 8 bytes that every file has");
  uint64_t n = 0;
  for (size_t i = 8; i-- > 0;) n = n << 8 | static_cast<uint64_t>(bytes[i]);
  if (n > bytes.size() - 8)
    return no_data.corrupt(
        "a header of {} bytes is longer than the file: it is not complete or no safetensors file",
        n);
  if (n > kMaxHeaderBytes)
    return no_data.corrupt("a header of {} bytes is larger than the limit of {}", n,
                           kMaxHeaderBytes);
  const std::string_view json = text.substr(8, n);
  if (!json.starts_with('{')) return no_data.corrupt("the header is no JSON object");
  const auto header = parse_sorted_json(json);
  if (!header) return no_data.corrupt("header: {}", header.error().message);
  ENGINE_TRY(tensors, HeaderReader(name, bytes.subspan(8 + n)).read(*header));
  SafetensorsFile out;
  out.tensors_ = std::move(tensors);
  return out;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  ENGINE_TRY(file, MappedFile::open(path));
  ENGINE_TRY(out, parse(file.bytes(), path));
  out.file_ = std::move(file);
  return std::move(out);
}

void SafetensorsFile::drop(std::span<const std::byte> data) const {
  const std::span<const std::byte> all = file_.bytes();
  if (data.data() < all.data() || data.data() + data.size() > all.data() + all.size()) return;
  file_.drop(static_cast<size_t>(data.data() - all.data()), data.size());
}

}  // namespace engine::convert
