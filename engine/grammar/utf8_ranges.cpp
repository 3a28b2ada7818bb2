// A range is cut where the length of the encoding changes, then where the bytes behind the first
// difference do not span all of 80..BF.
#include "engine/grammar/utf8_ranges.h"

#include <algorithm>

namespace engine::grammar {
namespace {

// Requires: both ends have encodings of the same length.
void cut(uint32_t lo, uint32_t hi, std::vector<ByteSequence>& out) {
  std::string first, last;
  append_utf8(lo, first), append_utf8(hi, last);
  for (size_t tail = 1; tail < first.size(); ++tail) {
    const uint32_t mask = (1u << (6 * tail)) - 1;
    if ((lo & ~mask) == (hi & ~mask)) break;
    if ((lo & mask) != 0) return cut(lo, lo | mask, out), cut((lo | mask) + 1, hi, out);
    if ((hi & mask) != mask) return cut(lo, (hi & ~mask) - 1, out), cut(hi & ~mask, hi, out);
  }
  ByteSequence sequence;
  for (size_t i = 0; i < first.size(); ++i)
    sequence.push_back({static_cast<uint8_t>(first[i]), static_cast<uint8_t>(last[i])});
  out.push_back(std::move(sequence));
}

}  // namespace

std::vector<ByteSequence> utf8_sequences(const std::vector<CodeRange>& ranges) {
  constexpr CodeRange kLengths[] = {
      {0, 0x7f}, {0x80, 0x7ff}, {0x800, 0xd7ff}, {0xe000, 0xffff}, {0x10000, kLastCodePoint}};
  std::vector<ByteSequence> out;
  for (const CodeRange& r : ranges)
    for (const CodeRange& length : kLengths) {
      const uint32_t lo = std::max(r.lo, length.lo), hi = std::min(r.hi, length.hi);
      if (lo <= hi) cut(lo, hi, out);
    }
  return out;
}

}  // namespace engine::grammar
