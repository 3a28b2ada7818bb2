// Base64 in the standard alphabet: reading and writing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

// The text may end at its padding or without it. nullopt: no base64.
std::optional<std::vector<uint8_t>> decode_base64(std::string_view text);

// Appends the bytes, with padding.
void append_base64(std::string_view bytes, std::string& out);

}  // namespace engine
