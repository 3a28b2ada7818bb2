#include "server/vector_text.h"

#include <bit>
#include <charconv>
#include <cstdint>

#include "engine/core/base64.h"

namespace engine {

void append_number(float number, std::string& out) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number);
  out.append(text, end.ptr);
}

void append_vector(std::span<const float> vector, std::string& out) {
  out += '[';
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    append_number(vector[i], out);
  }
  out += ']';
}

void append_vector_base64(std::span<const float> vector, std::string& out) {
  std::string bytes;
  bytes.reserve(4 * vector.size());
  for (const float x : vector) {
    const auto bits = std::bit_cast<uint32_t>(x);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xff);
  }
  out += '"';
  append_base64(bytes, out);
  out += '"';
}

}  // namespace engine
