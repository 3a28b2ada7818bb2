// Cursor: a bounds-checked walk over the bytes of a GGUF file, in the
// byte order and with the length width of that file. Internal to this
// folder. Nothing here is aligned, so every number is read with memcpy.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace engine::gguf {

// How numbers are encoded in one file.
struct Encoding {
  bool swapped = false;  // the other byte order than this machine's
  bool v1 = false;  // lengths and counts are u32, not u64, and strings may count a trailing NUL
};

template <class T>
T byte_swapped(T v) {
  if constexpr (sizeof(T) == 1) {
    return v;
  } else {
    using U = std::conditional_t<sizeof(T) == 2, uint16_t,
                                 std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>>;
    U u = std::bit_cast<U>(v);
    if constexpr (sizeof(T) == 2) u = __builtin_bswap16(u);
    if constexpr (sizeof(T) == 4) u = __builtin_bswap32(u);
    if constexpr (sizeof(T) == 8) u = __builtin_bswap64(u);
    return std::bit_cast<T>(u);
  }
}

template <class T>
T load(const std::byte* p, bool swapped) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return swapped ? byte_swapped(v) : v;
}

// Every read fails, and moves nothing, when fewer bytes are left than it needs.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, Encoding encoding, size_t pos = 0)
      : bytes_(bytes), encoding_(encoding), pos_(pos) {}

  size_t pos() const { return pos_; }
  size_t remain() const { return bytes_.size() - pos_; }
  const std::byte* here() const { return bytes_.data() + pos_; }
  Encoding encoding() const { return encoding_; }

  bool skip(uint64_t n) {
    if (n > remain()) return false;
    pos_ += static_cast<size_t>(n);
    return true;
  }

  template <class T>
  bool read(T& out) {
    if (sizeof(T) > remain()) return false;
    out = load<T>(here(), encoding_.swapped);
    pos_ += sizeof(T);
    return true;
  }

  // A length, count or extent: u64, or u32 in version 1.
  bool read_length(uint64_t& out) {
    if (!encoding_.v1) return read(out);
    uint32_t narrow = 0;
    if (!read(narrow)) return false;
    out = narrow;
    return true;
  }

  // The n bytes of a string whose length was read. Requires: n <= remain().
  std::string_view take_string(uint64_t n);

 private:
  std::span<const std::byte> bytes_;
  Encoding encoding_;
  size_t pos_;
};

// A string of a file for messages: control bytes, quotes and invalid UTF-8 escaped,
// at most 128 bytes of it.
std::string printable(std::string_view s);

}  // namespace engine::gguf
