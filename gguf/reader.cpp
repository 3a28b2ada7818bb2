// File: shards opened and merged, look-up by name, views.
#include "gguf/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "engine/core/mapped_file.h"
#include "gguf/byte_order.h"
#include "gguf/shard.h"

namespace engine::gguf {
namespace {

constexpr uint64_t kMaxShards = 65535;
// Of the data that view() hands out: no scalar of a file is larger.
constexpr size_t kViewAlignment = 8;

Error in_file(const std::string& path, Error e) {
  e.message = fmt::format("{}: {}", path, e.message);
  return e;
}

std::string shard_suffix(size_t i, size_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", i + 1, count);
}

}  // namespace

struct File::Impl {
  struct Ref {  // a tensor: number `i` of its shard
    uint32_t shard, i;
  };

  std::vector<std::string> paths;
  std::vector<MappedFile> maps;  // empty for parse()
  std::vector<Shard> shards;
  std::vector<Ref> tensors;
  std::vector<uint32_t> tensors_by_name;  // indices into tensors

  std::mutex mutex;
  // By tensor index: data that view() could not hand out in place.
  std::map<uint32_t, std::unique_ptr<std::byte[]>> copies;
  // By key: pairs as a file would have them, in the byte order of this machine.
  std::map<std::string, std::vector<std::byte>, std::less<>> overrides;

  std::string_view name(uint32_t index) const {
    return shards[tensors[index].shard].tensor_name(tensors[index].i);
  }

  Status add(const std::string& path, bool map = true) {
    ENGINE_TRY(mapped, MappedFile::open(path, map));
    Result<Shard> shard = parse_shard(mapped.bytes());
    if (!shard) return in_file(path, std::move(shard.error()));
    paths.push_back(path);
    maps.push_back(std::move(mapped));
    shards.push_back(std::move(*shard));
    return ok;
  }

  // What the split keys of a shard say. Absent keys: count 0.
  static Result<uint64_t> split_count(const Shard& shard) {
    const std::optional<Value> value = shard.key("split.count");
    if (!value) return uint64_t{0};
    ENGINE_TRY(count, value->get<uint64_t>());
    if (count > kMaxShards)
      return Error{Errc::corrupt,
                   fmt::format("split count {} exceeds maximum {}", count, kMaxShards)};
    return count;
  }
};

File::File(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
File::File(File&&) noexcept = default;
File& File::operator=(File&&) noexcept = default;
File::~File() = default;

Result<File> File::open(const std::string& path, bool map) {
  auto impl = std::make_unique<Impl>();
  ENGINE_TRY_STATUS(impl->add(path, map));
  Result<uint64_t> count = Impl::split_count(impl->shards[0]);
  if (!count) return in_file(path, std::move(count.error()));
  if (*count > 1) {
    // merge() checks split.no of every shard; here, before any other file is touched, it decides
    // what the user meant.
    const std::optional<Value> no = impl->shards[0].key("split.no");
    const Result<uint64_t> index = no ? no->get<uint64_t>() : Result<uint64_t>(uint64_t{0});
    if (index && *index != 0)
      return Error{
          Errc::corrupt,
          fmt::format(
              "illegal split file idx: {} (file: {}), model must be loaded with the first split",
              *index, path)};
    const std::string suffix = shard_suffix(0, *count);
    const std::string prefix = path.substr(0, path.size() - std::min(path.size(), suffix.size()));
    if (prefix.empty() || prefix.back() == '/' || !path.ends_with(suffix))
      return Error{Errc::corrupt, fmt::format("invalid split file name: {}", path)};
    for (size_t i = 1; i < *count; ++i)
      ENGINE_TRY_STATUS(impl->add(prefix + shard_suffix(i, *count), map));
  }
  return merge(std::move(impl));
}

Result<File> File::open(std::span<const std::string> paths, bool map) {
  if (paths.empty()) return Error{Errc::invalid_argument, "no file given"};
  if (paths.size() == 1) return open(paths[0], map);
  auto impl = std::make_unique<Impl>();
  for (const std::string& path : paths) ENGINE_TRY_STATUS(impl->add(path, map));
  Result<uint64_t> count = Impl::split_count(impl->shards[0]);
  if (!count) return in_file(paths[0], std::move(count.error()));
  if (std::max<uint64_t>(*count, 1) != paths.size())
    return Error{Errc::corrupt,
                 fmt::format("{}: invalid split count, given: {} splits, but expected {}", paths[0],
                             paths.size(), std::max<uint64_t>(*count, 1))};
  return merge(std::move(impl));
}

Result<File> File::parse(std::span<const std::byte> bytes, std::string name) {
  auto impl = std::make_unique<Impl>();
  Result<Shard> shard = parse_shard(bytes);
  if (!shard) return in_file(name, std::move(shard.error()));
  impl->paths.push_back(std::move(name));
  impl->shards.push_back(std::move(*shard));
  return merge(std::move(impl));
}

Result<File> File::merge(std::unique_ptr<Impl> impl) {
  const size_t shards = impl->shards.size();
  uint64_t total = 0;
  for (size_t s = 0; s < shards; ++s) {
    total += impl->shards[s].tensors.size();
    if (shards == 1) break;
    const std::optional<Value> no = impl->shards[s].key("split.no");
    if (!no)
      return Error{Errc::corrupt,
                   fmt::format("missing key split.no in GGUF split {}", impl->paths[s])};
    Result<uint64_t> index = no->get<uint64_t>();
    if (!index) return in_file(impl->paths[s], std::move(index.error()));
    if (*index != s)
      return Error{Errc::corrupt, fmt::format("illegal split file idx: {} (file: {}), expected {}",
                                              *index, impl->paths[s], s)};
  }
  if (total > kMaxTensors)
    return in_file(impl->paths[0],
                   {Errc::corrupt, fmt::format("number of tensors is {} but at most {} are read",
                                               total, kMaxTensors)});

  impl->tensors.reserve(total);
  for (size_t s = 0; s < shards; ++s)
    for (size_t i = 0; i < impl->shards[s].tensors.size(); ++i)
      impl->tensors.push_back({static_cast<uint32_t>(s), static_cast<uint32_t>(i)});
  impl->tensors_by_name.resize(total);
  for (size_t i = 0; i < total; ++i) impl->tensors_by_name[i] = static_cast<uint32_t>(i);
  if (const auto duplicate =
          sort_by_name(impl->tensors_by_name, [&](uint32_t i) { return impl->name(i); })) {
    const std::string name = printable(impl->name(static_cast<uint32_t>(*duplicate)));
    const Impl::Ref at = impl->tensors[*duplicate];
    if (shards == 1)
      return in_file(
          impl->paths[0],
          {Errc::corrupt, fmt::format("duplicate tensor name '{}' for tensor {}", name, at.i)});
    return in_file(impl->paths[at.shard],
                   {Errc::corrupt, fmt::format("invalid model: tensor '{}' is duplicated", name)});
  }

  if (shards > 1) {
    const std::optional<Value> expected = impl->shards[0].key("split.tensors.count");
    if (!expected)
      return in_file(impl->paths[0], {Errc::corrupt, "missing key split.tensors.count"});
    Result<uint64_t> n = expected->get<uint64_t>();
    if (!n) return in_file(impl->paths[0], std::move(n.error()));
    if (*n != total)
      return in_file(impl->paths[0],
                     {Errc::corrupt,
                      fmt::format("corrupted model: {} tensors expected but {} found", *n, total)});
  }
  return File(std::move(impl));
}

Value File::value_at(const File& file, size_t i) {
  return file.impl_->shards[0].value(i);
}
List<Value> File::keys() const {
  return {*this, impl_->shards[0].keys.size(), value_at};
}
std::optional<Value> File::key(std::string_view name) const {
  if (const auto it = impl_->overrides.find(name); it != impl_->overrides.end())
    return Value(Cursor(it->second, Encoding{}));
  return impl_->shards[0].key(name);
}

void File::set(const Override& value) {
  std::vector<std::byte> pair;
  const auto add = [&pair](const auto& v) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&v);
    pair.insert(pair.end(), bytes, bytes + sizeof v);
  };
  const auto add_text = [&](std::string_view text) {
    add(uint64_t{text.size()});
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    pair.insert(pair.end(), bytes, bytes + text.size());
  };
  const auto add_type = [&](Type t) { add(static_cast<uint32_t>(t)); };
  add_text(value.key);
  if (const auto* text = std::get_if<std::string>(&value.value)) {
    add_type(Type::str);
    add_text(*text);
  } else if (const auto* flag = std::get_if<bool>(&value.value)) {
    add_type(Type::boolean);
    add(static_cast<uint8_t>(*flag));
  } else if (const auto* number = std::get_if<double>(&value.value)) {
    add_type(Type::f64);
    add(*number);
  } else {
    add_type(Type::i64);
    add(std::get<int64_t>(value.value));
  }
  impl_->overrides.insert_or_assign(value.key, std::move(pair));
}

Result<double> File::number(std::string_view name) const {
  const std::optional<Value> value = key(name);
  if (!value) return missing(name);
  return named(value->number());
}

Error File::name_file(Error e) const {
  return in_file(path(), std::move(e));
}
Error File::missing(std::string_view name) const {
  return name_file({Errc::not_found, fmt::format("missing key '{}'", printable(name))});
}
Error File::wrong_length(const Value& value, size_t expected) const {
  return name_file(
      {Errc::corrupt, fmt::format("key '{}' has wrong array length; expected {}, got {}",
                                  printable(value.key()), expected, value.count())});
}

TensorInfo File::tensor_at(const File& file, size_t i) {
  const Impl::Ref ref = file.impl_->tensors[i];
  TensorInfo out = file.impl_->shards[ref.shard].tensor(ref.i);
  out.shard = static_cast<uint16_t>(ref.shard);
  out.index = static_cast<uint32_t>(i);
  return out;
}

List<TensorInfo> File::tensors() const {
  return {*this, impl_->tensors.size(), tensor_at};
}

std::optional<TensorInfo> File::find(std::string_view name) const {
  const auto& index = impl_->tensors_by_name;
  const auto it =
      std::ranges::lower_bound(index, name, {}, [&](uint32_t i) { return impl_->name(i); });
  if (it == index.end() || impl_->name(*it) != name) return std::nullopt;
  return tensor_at(*this, *it);
}

Result<Tensor> File::view(const TensorInfo& t) const {
  const Shard& shard = impl_->shards[t.shard];
  const std::byte* data = shard.bytes.data() + shard.data_start + t.offset;
  // An offset past the end is legal for an empty tensor, a pointer is not.
  if (t.bytes == 0) data = shard.bytes.data();
  const bool aligned = reinterpret_cast<uintptr_t>(data) % kViewAlignment == 0;
  if (t.bytes > 0 && (shard.encoding.swapped || !aligned)) {
    const std::lock_guard lock(impl_->mutex);
    auto& copy = impl_->copies[t.index];
    if (!copy) {
      copy.reset(new (std::nothrow) std::byte[t.bytes]);
      if (!copy)
        return name_file({Errc::out_of_memory, fmt::format("tensor '{}': no memory for {} bytes",
                                                           printable(t.name), t.bytes)});
      std::memcpy(copy.get(), data, t.bytes);
      if (shard.encoding.swapped) swap_blocks(t.dtype, copy.get(), t.bytes);
    }
    data = copy.get();
  }
  return make_tensor(const_cast<std::byte*>(data), t.dtype, t.ne[0], t.ne[1], t.ne[2], t.ne[3]);
}

void File::drop(const TensorInfo& t) const {
  const std::lock_guard lock(impl_->mutex);
  impl_->copies.erase(t.index);
  if (!impl_->maps.empty())
    impl_->maps[t.shard].drop(impl_->shards[t.shard].data_start + t.offset, t.bytes);
}

void File::drop(std::span<const std::byte> bytes) const {
  for (const MappedFile& map : impl_->maps) {
    const std::byte* begin = map.bytes().data();
    if (!std::less<>()(bytes.data(), begin) &&
        !std::less<>()(begin + map.bytes().size(), bytes.data() + bytes.size()))
      map.drop(static_cast<size_t>(bytes.data() - begin), bytes.size());
  }
}

uint32_t File::version() const {
  return impl_->shards[0].version;
}
uint32_t File::alignment() const {
  return impl_->shards[0].alignment;
}
bool File::big_endian() const {
  return impl_->shards[0].big_endian;
}
uint64_t File::data_offset(size_t shard) const {
  return impl_->shards[shard].data_start;
}
size_t File::shards() const {
  return impl_->shards.size();
}
const std::string& File::path() const {
  return impl_->paths[0];
}

const std::vector<std::string>& File::paths() const {
  return impl_->paths;
}

uint64_t File::size() const {
  uint64_t total = 0;
  for (const Shard& shard : impl_->shards) total += shard.bytes.size();
  return total;
}

}  // namespace engine::gguf
