// Reading one GGUF file: header, metadata, tensor infos, in that order, each number checked before
// it is used. The checks and their messages are the table "hostile input" of docs/GGUF.md.
#include "gguf/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <string>
#include <utility>

#include "gguf/byte_order.h"

namespace engine::gguf {
namespace {

constexpr uint64_t kMaxExtent = (uint64_t{1} << 63) - 1;
// Types that were removed from the format: 31-33 and 36-38 held rows interleaved for specific CPUs.
constexpr struct {
  uint32_t id;
  const char* name;
} kRemoved[] = {{4, "Q4_2"},      {5, "Q4_3"},        {31, "Q4_0_4_4"},   {32, "Q4_0_4_8"},
                {33, "Q4_0_8_8"}, {36, "IQ4_NL_4_4"}, {37, "IQ4_NL_4_8"}, {38, "IQ4_NL_8_8"}};

template <class... A>
Error error(Errc code, fmt::format_string<A...> format, A&&... args) {
  return {code, fmt::format(format, std::forward<A>(args)...)};
}
template <class... A>
Error corrupt(fmt::format_string<A...> format, A&&... args) {
  return {Errc::corrupt, fmt::format(format, std::forward<A>(args)...)};
}

// A name that was checked when the file was opened.
std::string_view take_name(Cursor& at) {
  uint64_t n = 0;
  const bool whole = at.read_length(n) && n <= at.remain();
  ENGINE_CHECK(whole, "a name changed after it was checked");
  return at.take_string(n);
}
std::string_view name_at(Cursor at) {
  return take_name(at);
}

// Fields of a tensor info after its name, as stored.
struct RawInfo {
  uint32_t rank = 0, type = 0;
  uint64_t ne[4] = {1, 1, 1, 1};
  uint64_t offset = 0;
};

class Parser {
 public:
  explicit Parser(std::span<const std::byte> bytes) : at_(bytes, {}) { out_.bytes = bytes; }

  Result<Shard> run() {
    ENGINE_TRY_STATUS(header());
    ENGINE_TRY_STATUS(keys());
    ENGINE_TRY_STATUS(alignment());
    ENGINE_TRY_STATUS(tensors());
    return std::move(out_);
  }

 private:
  Status header();
  Status magic();
  Status keys();
  Status one_key(size_t i);
  Status array(std::string_view key);
  Status alignment();
  Status tensors();
  Status one_tensor(size_t i);
  Status tensor_data();
  // Reads the length of a string and checks it against what is left and against `max`.
  Result<uint64_t> string_length(uint64_t max);
  // Errc::corrupt once the metadata passes kMaxMetadataBytes.
  Status within_limit() const;
  uint64_t length_bytes() const { return out_.encoding.v1 ? 4 : 8; }

  Cursor at_;
  Shard out_;
  uint64_t n_keys_ = 0, n_tensors_ = 0;
  uint64_t data_bytes_ = 0;  // padded sizes of the tensors so far: the offset of the next one
};

Status Parser::magic() {
  const std::span<const std::byte> bytes = out_.bytes;
  if (bytes.size() < 4) return error(Errc::io, "failed to read magic");
  const std::string_view magic(reinterpret_cast<const char*>(bytes.data()), 4);
  if (magic == "GGUF" || magic == "FUGG") return ok;
  // ggml, ggmf, ggjt, ggla as little-endian words
  for (const char* old : {"lmgg", "fmgg", "tjgg", "algg"})
    if (magic == old)
      return error(Errc::unsupported, "old ggml format '{}', convert to GGUF",
                   std::string(magic.rbegin(), magic.rend()));
  std::string shown;
  for (const char c : magic) shown += std::isprint(static_cast<unsigned char>(c)) ? c : '?';
  return corrupt("invalid magic characters: '{}', expected 'GGUF'", shown);
}

Status Parser::header() {
  ENGINE_TRY_STATUS(magic());
  const bool swapped_magic = static_cast<char>(out_.bytes[0]) == 'F';
  if (out_.bytes.size() < 8) return corrupt("failed to read version");

  // A big-endian file keeps its magic, and its version then has a zero low half
  // when read as little endian.
  constexpr bool kBigHost = std::endian::native == std::endian::big;
  const uint32_t little = load<uint32_t>(out_.bytes.data() + 4, kBigHost);
  out_.big_endian = swapped_magic || (little != 0 && (little & 0xffff) == 0);
  out_.encoding.swapped = out_.big_endian != kBigHost;
  out_.version = out_.big_endian ? byte_swapped(little) : little;
  if (out_.version == 0) return corrupt("bad GGUF version: 0");
  if (out_.version > 3)
    return error(Errc::unsupported, "file is version {} but only up to 3 is supported",
                 out_.version);
  out_.encoding.v1 = out_.version == 1;

  at_ = Cursor(out_.bytes, out_.encoding, 8);
  if (!at_.read_length(n_tensors_) || !at_.read_length(n_keys_))
    return corrupt("failed to read header");

  // Smallest pair: key length, one byte of key, type, one byte of value. Smallest info: name
  // length, rank, type, offset.
  const uint64_t max_keys = std::min(at_.remain() / (length_bytes() + 6), kMaxKeys);
  if (n_keys_ > max_keys)
    return corrupt("number of key value pairs is {} but the file can hold at most {}", n_keys_,
                   max_keys);
  const uint64_t max_tensors = std::min(at_.remain() / (length_bytes() + 16), kMaxTensors);
  if (n_tensors_ > max_tensors)
    return corrupt("number of tensors is {} but the file can hold at most {}", n_tensors_,
                   max_tensors);
  return ok;
}

Result<uint64_t> Parser::string_length(uint64_t max) {
  uint64_t n = 0;
  if (!at_.read_length(n)) return corrupt("failed to read string length");
  if (n > at_.remain())
    return corrupt("string length {} exceeds remaining file size {} bytes", n, at_.remain());
  if (n > max) return corrupt("string length {} exceeds maximum {}", n, max);
  return n;
}

Status Parser::within_limit() const {
  if (at_.pos() > kMaxMetadataBytes)
    return corrupt("metadata is larger than {} bytes", kMaxMetadataBytes);
  return ok;
}

Status Parser::keys() {
  out_.keys.reserve(n_keys_);
  for (size_t i = 0; i < n_keys_; ++i) {
    ENGINE_TRY_STATUS(within_limit());
    ENGINE_TRY_STATUS(one_key(i));
  }
  out_.keys_by_name.resize(out_.keys.size());
  for (size_t i = 0; i < out_.keys.size(); ++i) out_.keys_by_name[i] = static_cast<uint32_t>(i);
  const auto duplicate =
      sort_by_name(out_.keys_by_name, [&](uint32_t i) { return out_.key_name(i); });
  if (duplicate)
    return corrupt("duplicate key '{}' for KV pair {}", printable(out_.key_name(*duplicate)),
                   *duplicate);
  return ok;
}

Status Parser::one_key(size_t i) {
  out_.keys.push_back(static_cast<uint32_t>(at_.pos()));
  Result<uint64_t> length = string_length(kMaxKeyBytes);
  if (!length) return corrupt("key {}: {}", i, length.error().message);
  const std::string_view key = at_.take_string(*length);
  if (key.empty()) return corrupt("key {} is empty", i);
  if (has_control_character(key)) return corrupt("key {} contains an invalid character", i);

  uint32_t type = 0;
  if (!at_.read(type)) return corrupt("key '{}': failed to read key-value pairs", printable(key));
  // Version 1 ends with arrays; the 64-bit types came with version 2.
  if (type >= (out_.encoding.v1 ? 10u : kTypeCount))
    return corrupt("key '{}' has invalid GGUF type {}", printable(key), static_cast<int32_t>(type));
  switch (static_cast<Type>(type)) {
    case Type::arr:
      return array(key);
    case Type::str: {
      Result<uint64_t> n = string_length(kMaxString);
      if (!n) return corrupt("key '{}': {}", printable(key), n.error().message);
      at_.skip(*n);
      return ok;
    }
    default:
      if (!at_.skip(type_size(static_cast<Type>(type))))
        return corrupt("key '{}': failed to read key-value pairs", printable(key));
      return ok;
  }
}

Status Parser::array(std::string_view key) {
  uint32_t type = 0;
  uint64_t n = 0;
  if (!at_.read(type)) return corrupt("key '{}': failed to read key-value pairs", printable(key));
  if (type >= (out_.encoding.v1 ? 10u : kTypeCount))
    return corrupt("key '{}' has invalid GGUF type {}", printable(key), static_cast<int32_t>(type));
  const Type element = static_cast<Type>(type);
  if (element == Type::arr)
    return error(Errc::unsupported, "key '{}' has nested arrays, which are not supported",
                 printable(key));
  if (!at_.read_length(n))
    return corrupt("key '{}': failed to read key-value pairs", printable(key));
  const uint64_t element_bytes = element == Type::str ? length_bytes() : type_size(element);
  if (n > kMaxArray || n > at_.remain() / element_bytes)
    return corrupt("key '{}': array of {} elements exceeds the file", printable(key), n);
  if (element != Type::str) {
    at_.skip(n * element_bytes);
    return ok;
  }
  for (uint64_t i = 0; i < n; ++i) {
    Result<uint64_t> length = string_length(kMaxString);
    if (!length)
      return corrupt("key '{}': element {}: {}", printable(key), i, length.error().message);
    at_.skip(*length);
  }
  return ok;
}

Status Parser::alignment() {
  const std::optional<Value> value = out_.key("general.alignment");
  if (!value) return ok;
  if (value->type() != Type::u32)
    return corrupt("key 'general.alignment' must be of type u32 but is {}",
                   type_name(value->type()));
  out_.alignment = *value->get<uint32_t>();
  if (!std::has_single_bit(out_.alignment))
    return corrupt("alignment {} is not a power of 2", out_.alignment);
  return ok;
}

Status Parser::tensors() {
  out_.tensors.reserve(n_tensors_);
  for (size_t i = 0; i < n_tensors_; ++i) {
    ENGINE_TRY_STATUS(within_limit());
    ENGINE_TRY_STATUS(one_tensor(i));
  }
  ENGINE_TRY_STATUS(within_limit());
  return tensor_data();
}

Status Parser::one_tensor(size_t i) {
  out_.tensors.push_back(static_cast<uint32_t>(at_.pos()));
  uint64_t length = 0;
  if (!at_.read_length(length)) return corrupt("failed to read tensor info {}", i);
  if (length > at_.remain())
    return corrupt("tensor {}: string length {} exceeds remaining file size {} bytes", i, length,
                   at_.remain());
  // The terminator that some version 1 files count comes on top.
  if (length > kMaxNameBytes + (out_.encoding.v1 ? 1 : 0))
    return corrupt("tensor name {} is too long: {} >= {}", i, length, kMaxNameBytes + 1);
  const std::string_view name = at_.take_string(length);
  if (name.size() > kMaxNameBytes)
    return corrupt("tensor name {} is too long: {} >= {}", i, name.size(), kMaxNameBytes + 1);
  if (name.empty()) return corrupt("tensor name {} is empty", i);
  if (has_control_character(name))
    return corrupt("tensor name {} contains an invalid character", i);
  const std::string shown = printable(name);

  RawInfo raw;
  if (!at_.read(raw.rank)) return corrupt("tensor '{}': failed to read tensor info", shown);
  if (raw.rank > 4)
    return corrupt("tensor '{}' has invalid number of dimensions: {} > 4", shown, raw.rank);
  for (uint32_t j = 0; j < raw.rank; ++j) {
    if (!at_.read_length(raw.ne[j]))
      return corrupt("tensor '{}': failed to read tensor info", shown);
    if (raw.ne[j] > kMaxExtent)
      return corrupt("tensor '{}' dimension {} has invalid number of elements: {}", shown, j,
                     static_cast<int64_t>(raw.ne[j]));
  }
  // A zero extent counts as one here, so that no stride and no row count
  // of an empty tensor overflows either.
  uint64_t product = 1;
  bool fits = true;
  for (const uint64_t ne : raw.ne) {
    const uint64_t factor = std::max<uint64_t>(ne, 1);
    fits = fits && product <= kMaxExtent / factor;
    product = fits ? product * factor : 0;
  }
  if (!fits)
    return corrupt("tensor '{}' shape ({}, {}, {}, {}) overflows", shown, raw.ne[0], raw.ne[1],
                   raw.ne[2], raw.ne[3]);

  if (!at_.read(raw.type)) return corrupt("tensor '{}': failed to read tensor info", shown);
  for (const auto& removed : kRemoved)
    if (raw.type == removed.id)
      return error(Errc::unsupported,
                   "tensor '{}': type {} ({}) was removed from the format; re-quantize the model",
                   shown, removed.id, removed.name);
  const DType dtype = dtype_from_gguf(raw.type);
  // the last two exist at run time only
  if (dtype == DType::count_ || dtype == DType::q8_1 || dtype == DType::q8_k)
    return error(Errc::unsupported, "tensor '{}' has invalid ggml type {}", shown, raw.type);
  if (out_.encoding.swapped && !can_swap(dtype))
    return error(Errc::unsupported, "tensor '{}' of type {} is not supported in a {}-endian file",
                 shown, display_name(dtype), out_.big_endian ? "big" : "little");

  const uint64_t block = static_cast<uint64_t>(traits(dtype).block_elems);
  const uint64_t block_bytes = static_cast<uint64_t>(traits(dtype).block_bytes);
  if (raw.ne[0] % block != 0)
    return corrupt(
        "tensor '{}' of type {} ({}) has {} elements per row, not a multiple of block size ({})",
        shown, raw.type, display_name(dtype), raw.ne[0], block);
  // Sizes stay below 2^63, as the strides of a Tensor must.
  const bool empty = std::ranges::find(raw.ne, uint64_t{0}) != std::end(raw.ne);
  std::optional<uint64_t> padded;
  if (product / block <= kMaxExtent / block_bytes)
    padded = checked_pad(empty ? 0 : product / block * block_bytes, out_.alignment);
  if (!padded) return corrupt("tensor '{}' size overflows", shown);

  if (!at_.read(raw.offset)) return corrupt("tensor '{}': failed to read tensor info", shown);
  if (raw.offset % out_.alignment != 0)
    return corrupt("tensor '{}' offset {} is not a multiple of {}", shown, raw.offset,
                   out_.alignment);
  if (raw.offset != data_bytes_)
    return corrupt("tensor '{}' has offset {}, expected {}", shown, raw.offset, data_bytes_);
  if (*padded > UINT64_MAX - data_bytes_) return corrupt("tensor '{}' size overflows", shown);
  data_bytes_ += *padded;
  return ok;
}

Status Parser::tensor_data() {
  out_.data_start = *checked_pad(at_.pos(), out_.alignment);
  const uint64_t size = out_.bytes.size();
  for (size_t i = 0; i < out_.tensors.size(); ++i) {
    const TensorInfo t = out_.tensor(i);
    // The padding after the last tensor may be missing.
    if (out_.data_start > size || t.offset > size - out_.data_start ||
        t.bytes > size - out_.data_start - t.offset)
      return corrupt(
          "tensor '{}' data is not within the file bounds, model is corrupted or incomplete",
          printable(t.name));
  }
  return ok;
}

}  // namespace

std::optional<uint64_t> checked_pad(uint64_t x, uint64_t a) {
  if (x > UINT64_MAX - (a - 1)) return std::nullopt;
  return (x + a - 1) & ~(a - 1);
}

std::string_view Shard::key_name(size_t i) const {
  return name_at(Cursor(bytes, encoding, keys[i]));
}

std::optional<Value> Shard::key(std::string_view name) const {
  const auto it =
      std::ranges::lower_bound(keys_by_name, name, {}, [&](uint32_t i) { return key_name(i); });
  if (it == keys_by_name.end() || key_name(*it) != name) return std::nullopt;
  return value(*it);
}

std::string_view Shard::tensor_name(size_t i) const {
  return name_at(Cursor(bytes, encoding, tensors[i]));
}

TensorInfo Shard::tensor(size_t i) const {
  TensorInfo out;
  Cursor at(bytes, encoding, tensors[i]);
  out.name = take_name(at);
  uint32_t rank = 0;
  bool whole = at.read(rank) && rank <= 4;
  out.rank = static_cast<uint8_t>(rank);
  for (uint32_t j = 0; whole && j < rank; ++j) {
    uint64_t n = 0;
    whole = at.read_length(n);
    out.ne[j] = static_cast<int64_t>(n);
  }
  whole = whole && at.read(out.type_id) && at.read(out.offset);
  out.dtype = dtype_from_gguf(out.type_id);
  ENGINE_CHECK(whole && out.dtype != DType::count_, "tensor info changed after it was checked");
  out.bytes = static_cast<uint64_t>(row_bytes(out.dtype, out.elements()));
  return out;
}

Result<Shard> parse_shard(std::span<const std::byte> bytes) {
  return Parser(bytes).run();
}

}  // namespace engine::gguf
