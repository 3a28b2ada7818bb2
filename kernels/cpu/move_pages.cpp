#include "kernels/cpu/move_pages.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/attention/turn_keys.h"

namespace engine::cpu {
namespace {

// Of the difference of positions alone: what is stored has its magnitude already.
std::vector<float> angles(const RopeSpec& rope, int32_t back) {
  std::vector<float> out;
  for (double f : rope.freq) out.push_back(static_cast<float>(std::cos(-back * f)));
  for (double f : rope.freq) out.push_back(static_cast<float>(std::sin(-back * f)));
  return out;
}

void copy_page(const CacheSlotView& s, int32_t from, int32_t to) {
  const auto at = [&s](int32_t page) { return s.base + static_cast<size_t>(page) * s.page_bytes; };
  std::memcpy(at(to), at(from), s.v_offset + cache_plane_bytes(s.dtype, s.n_head_kv, s.dv));
}

}  // namespace

void move_pages(std::span<const CacheSlotView> slots, std::span<const RopeSpec> ropes,
                std::span<const int32_t> slot_rope, std::span<const PageMove> moves, int32_t back,
                ThreadPool& pool, int workers) {
  std::vector<std::vector<float>> turns;
  for (const RopeSpec& rope : ropes) turns.push_back(angles(rope, back));
  size_t most = 0;
  for (const CacheSlotView& s : slots) most = std::max(most, turn_scratch_floats(s));
  std::vector<float> scratch(most * static_cast<size_t>(workers));

  fork_join(pool, workers, [&](const Team& team) {
    for (size_t i = static_cast<size_t>(team.worker); i < moves.size() * slots.size();
         i += static_cast<size_t>(team.workers)) {
      const PageMove& move = moves[i / slots.size()];
      const CacheSlotView& slot = slots[i % slots.size()];
      if (slot.group != move.group) continue;
      if (move.from != move.to) copy_page(slot, move.from, move.to);
      const int32_t r = slot_rope[i % slots.size()];
      if (r < 0) continue;
      const RopeSpec& rope = ropes[static_cast<size_t>(r)];
      drive_turn_keys(slot, move.to, {rope.style, rope.n_rot, turns[static_cast<size_t>(r)].data()},
                      scratch.data() + most * static_cast<size_t>(team.worker));
    }
  });
}

}  // namespace engine::cpu
