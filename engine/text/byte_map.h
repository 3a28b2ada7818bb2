// The alphabet of byte-level BPE: one printable character per byte. 0x21-0x7E, 0xA1-0xAC and
// 0xAE-0xFF stand for themselves, the other 68 bytes in increasing order for U+0100 to U+0143.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

struct ByteMap {
  struct Text {
    char bytes[2];
    uint8_t size;
    std::string_view view() const { return {bytes, size}; }
  };
  std::array<Text, 256> text{};          // of each byte, UTF-8
  std::array<int16_t, 0x144> byte_of{};  // by code point; -1: not in the alphabet

  constexpr ByteMap() {
    for (int16_t& b : byte_of) b = -1;
    int next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const bool itself = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
      const int c = itself ? b : next++;
      byte_of[static_cast<size_t>(c)] = static_cast<int16_t>(b);
      Text& t = text[static_cast<size_t>(b)];
      if (c < 0x80) {
        t = {{static_cast<char>(c), 0}, 1};
      } else {
        t = {{static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))}, 2};
      }
    }
  }

  void append(std::string_view bytes, std::string& out) const {
    for (const char c : bytes) out.append(text[static_cast<uint8_t>(c)].view());
  }
};

inline constexpr ByteMap kByteMap;

}  // namespace engine
