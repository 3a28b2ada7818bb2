#include "server/vector_text.h"

#include <charconv>

namespace engine {

void append_vector(std::span<const float> vector, std::string& out) {
  out += '[';
  for (size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out += ',';
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, vector[i]);
    out.append(text, end.ptr);
  }
  out += ']';
}

}  // namespace engine
