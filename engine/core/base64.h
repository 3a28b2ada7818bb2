// Reads base64 text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace engine {

// Standard alphabet; the text may end at its padding or without it. nullopt: no base64.
std::optional<std::vector<uint8_t>> decode_base64(std::string_view text);

}  // namespace engine
