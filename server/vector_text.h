// Vectors as JSON text.
#pragma once

#include <span>
#include <string>

namespace engine {

// Appends a number in the fewest digits that give the same 32 bits. Requires: it is finite.
void append_number(float number, std::string& out);
// Appends [0.1,-2e-05,...]: with numbers as above.
void append_vector(std::span<const float> vector, std::string& out);
// Appends "..." with the numbers as base64 of little-endian 32-bit floats.
void append_vector_base64(std::span<const float> vector, std::string& out);

}  // namespace engine
