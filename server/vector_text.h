// Vectors as JSON text.
#pragma once

#include <span>
#include <string>

namespace engine {

// Appends [0.1,-2e-05,...]: every number in the fewest digits that give the same 32 bits.
// Requires: finite numbers.
void append_vector(std::span<const float> vector, std::string& out);
// Appends "..." with the numbers as base64 of little-endian 32-bit floats.
void append_vector_base64(std::span<const float> vector, std::string& out);

}  // namespace engine
