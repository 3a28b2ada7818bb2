// The precompiled charsmap of SentencePiece: which sequences of bytes are replaced by which before
// a text is cut (NFKC, spaces of all kinds, ...). Immutable; thread-safe.
//
// The bytes: u32 size of the tree in bytes; the tree, a double array of little-endian u32 units;
// the replacements, each ended by a zero byte.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine {

class Charsmap {
 public:
  struct Match {
    size_t bytes = 0;  // 0: nothing is replaced here
    std::string_view text;
  };

  Charsmap() = default;  // replaces nothing

  // Copies the bytes; none at all make a map that replaces nothing. Errc::corrupt: sizes that do
  // not fit, a tree with links that lead out of it or around in it.
  static Result<Charsmap> parse(std::span<const uint8_t> bytes);

  // The replacement of the longest sequence that begins `text`; valid while the map lives.
  Match longest(std::string_view text) const;

 private:
  Status check() const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace engine
