// The annotated example of docs/GGUF.md: 352 bytes that another writer made.
#pragma once

#include <string>
#include <string_view>

namespace engine::gguf {

inline std::string from_hex(std::string_view hex) {
  std::string out, digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  for (size_t i = 0; i < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return out;
}

inline constexpr std::string_view kMinimalKeys =
    "47475546 03000000 0200000000000000 0300000000000000"
    "1400000000000000 67656e6572616c2e617263686974656374757265 08000000 0500000000000000 6c6c616d61"
    "1100000000000000 6c6c616d612e626c6f636b5f636f756e74 04000000 01000000"
    "0300000000000000 742e73 09000000 08000000 0200000000000000 0100000000000000 61 "
    "0200000000000000 6263";
inline constexpr std::string_view kMinimalInfoA =
    "0800000000000000 612e776569676874 02000000 0300000000000000 0200000000000000 00000000 "
    "0000000000000000";
inline constexpr std::string_view kMinimalInfoB =
    "0800000000000000 622e776569676874 02000000 2000000000000000 0100000000000000 08000000 "
    "2000000000000000";
inline constexpr std::string_view kMinimalDataA =
    "00000000 0000803f 00000040 00004040 00008040 0000a040 0000000000000000";

inline std::string minimal_file() {
  std::string out = from_hex(kMinimalKeys) + from_hex(kMinimalInfoA) + from_hex(kMinimalInfoB);
  out.resize(0x100, '\0');
  return out + from_hex(kMinimalDataA) + std::string(64, '\0');
}

}  // namespace engine::gguf
