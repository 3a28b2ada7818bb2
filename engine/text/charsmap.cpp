#include "engine/text/charsmap.h"

#include <fmt/format.h>

namespace engine {
namespace {

// A place in the array is where the children of a node begin: the child by the byte c is the unit
// at place ^ c, if that unit says c. A node where a sequence ends has its value at the place itself.
constexpr uint32_t kBlock = 256;  // the children of a place lie in one block of this size
constexpr size_t kMaxBytes = size_t{16} << 20;  // published maps have a quarter of a megabyte

uint32_t offset_of(uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200) >> 6);
}
bool says(uint32_t unit, uint8_t byte) {
  return (unit & 0x800000ffu) == byte;
}
bool ends_here(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
uint32_t value_of(uint32_t unit) {
  return unit & 0x7fffffffu;
}

uint32_t read_u32(const uint8_t* p) {
  return p[0] | uint32_t{p[1]} << 8 | uint32_t{p[2]} << 16 | uint32_t{p[3]} << 24;
}

Error broken(std::string_view what) {
  return {
      Errc::corrupt,
      fmt::format("the charsmap of the tokenizer is broken: {}; convert the model again", what)};
}

}  // namespace

Result<Charsmap> Charsmap::parse(std::span<const uint8_t> bytes) {
  Charsmap map;
  if (bytes.empty()) return map;
  if (bytes.size() > kMaxBytes)
    return broken(fmt::format("it has {} bytes, more than {}", bytes.size(), kMaxBytes));
  const size_t tree = bytes.size() < 4 ? 0 : read_u32(bytes.data());
  if (bytes.size() < 4 || tree % 4 != 0 || tree + 4 >= bytes.size())
    return broken(fmt::format("a tree of {} bytes in {}", tree, bytes.size()));
  if (bytes.back() != 0) return broken("its last replacement does not end");
  for (size_t at = 4; at < 4 + tree; at += 4) map.units_.push_back(read_u32(bytes.data() + at));
  const std::span<const uint8_t> rest = bytes.subspan(4 + tree);
  map.replacements_.assign(rest.begin(), rest.end());
  ENGINE_TRY_STATUS(map.check());
  return map;
}

// Every node that a text can lead to, depth first: the values lie inside the array, and no way
// leads back to a node above, so that no sequence is longer than the array.
Status Charsmap::check() const {
  if (units_.empty()) return ok;
  const size_t size = units_.size();
  struct Step {
    uint32_t place;
    uint32_t next = 1;  // the byte to try
  };
  enum State : uint8_t { unseen, open, done };
  std::vector<uint8_t> states((size + kBlock - 1) / kBlock * kBlock, unseen);
  std::vector<Step> way;
  const auto enter = [&](uint32_t place) -> Status {
    if (place >= states.size()) return broken("a link leads out of the tree");
    if (states[place] == open) return broken("its tree has a circle");
    if (states[place] == unseen) states[place] = open, way.push_back({place});
    return ok;
  };
  ENGINE_TRY_STATUS(enter(offset_of(units_[0])));
  while (!way.empty()) {
    Step& step = way.back();
    if (step.next == kBlock) {
      states[step.place] = done;
      way.pop_back();
      continue;
    }
    const uint32_t byte = step.next++, at = step.place ^ byte;
    if (at >= size || !says(units_[at], static_cast<uint8_t>(byte))) continue;
    const uint32_t place = at ^ offset_of(units_[at]);
    if (ends_here(units_[at])) {
      if (place >= size) return broken("a value lies outside the tree");
      if (value_of(units_[place]) >= replacements_.size())
        return broken("a replacement lies outside the map");
    }
    ENGINE_TRY_STATUS(enter(place));
  }
  return ok;
}

Charsmap::Match Charsmap::longest(std::string_view text) const {
  Match best;
  if (units_.empty()) return best;
  uint32_t place = offset_of(units_[0]), value = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    const uint32_t at = place ^ byte;
    if (byte == 0 || at >= units_.size() || !says(units_[at], byte)) break;
    place = at ^ offset_of(units_[at]);
    if (ends_here(units_[at])) best.bytes = i + 1, value = value_of(units_[place]);
  }
  if (best.bytes > 0) best.text = replacements_.c_str() + value;  // up to its zero byte
  return best;
}

}  // namespace engine
