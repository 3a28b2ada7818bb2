// How much of a tag may have begun at the end of a text that is still arriving.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace engine {

// Bytes at the end of text that are a beginning of tag, not all of it.
inline size_t overlap(std::string_view text, std::string_view tag) {
  for (size_t n = std::min(text.size(), tag.size() - 1); n > 0; --n)
    if (text.ends_with(tag.substr(0, n))) return n;
  return 0;
}

}  // namespace engine
