// Shard: one GGUF file, parsed and checked. Internal to this folder.
//
// Nothing of the file is copied: the index holds one 32-bit position
// per key and per tensor, and the decoders below read what stands
// there. So a file can never make us allocate more than its own size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "gguf/cursor.h"
#include "gguf/reader.h"
#include "gguf/value.h"

namespace engine::gguf {

// Header, keys and tensor infos; positions fit in 32 bits.
inline constexpr uint64_t kMaxMetadataBytes = uint64_t{1} << 31;
inline constexpr uint64_t kMaxTensors = uint64_t{1} << 20;
inline constexpr uint64_t kMaxKeys = uint64_t{1} << 20;
inline constexpr uint64_t kMaxArray = uint64_t{1} << 30;   // elements
inline constexpr uint64_t kMaxString = uint64_t{1} << 30;  // bytes of a value
inline constexpr uint64_t kMaxKeyBytes = 65535;
inline constexpr uint64_t kMaxNameBytes = 63;
inline constexpr uint32_t kDefaultAlignment = 32;

// x rounded up to a multiple of the power of two a; nullopt when that overflows.
std::optional<uint64_t> checked_pad(uint64_t x, uint64_t a);

struct Shard {
  std::span<const std::byte> bytes;
  Encoding encoding;
  uint32_t version = 0;
  bool big_endian = false;
  uint32_t alignment = kDefaultAlignment;
  uint64_t data_start = 0;
  std::vector<uint32_t> keys;          // positions, in file order
  std::vector<uint32_t> keys_by_name;  // indices into keys
  std::vector<uint32_t> tensors;       // positions, in file order

  Value value(size_t i) const { return Value(Cursor(bytes, encoding, keys[i])); }
  std::string_view key_name(size_t i) const;
  std::optional<Value> key(std::string_view name) const;
  TensorInfo tensor(size_t i) const;  // index and shard stay 0
  std::string_view tensor_name(size_t i) const;
};

inline bool has_control_character(std::string_view s) {
  return std::ranges::any_of(s, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

// Messages do not name the file.
Result<Shard> parse_shard(std::span<const std::byte> bytes);

// Sorts `index` by name(i) of its elements; returns the smallest element whose name a smaller one
// also has. Sorting, unlike a hash table, cannot be made slow by chosen names.
template <class Name>
std::optional<size_t> sort_by_name(std::vector<uint32_t>& index, const Name& name) {
  std::ranges::sort(index, [&](uint32_t a, uint32_t b) {
    const int order = name(a).compare(name(b));
    return order != 0 ? order < 0 : a < b;
  });
  std::optional<size_t> duplicate;
  for (size_t i = 1; i < index.size(); ++i)
    if (name(index[i - 1]) == name(index[i]))
      duplicate = std::min<size_t>(duplicate.value_or(index[i]), index[i]);
  return duplicate;
}

}  // namespace engine::gguf
