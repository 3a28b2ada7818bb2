// Ranges of characters as sequences of byte ranges.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/grammar/grammar.h"

namespace engine::grammar {

struct ByteRange {
  uint8_t lo, hi;
};
using ByteSequence = std::vector<ByteRange>;  // 1 to 4 ranges: every combination is a character

// Surrogates are no characters and are left out.
std::vector<ByteSequence> utf8_sequences(const std::vector<CodeRange>& ranges);

}  // namespace engine::grammar
