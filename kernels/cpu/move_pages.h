// Pages of the cache whose tokens get earlier positions, on the host.
#pragma once

#include <span>

#include "engine/core/thread_pool.h"
#include "kernels/graph.h"
#include "kernels/page_move.h"

namespace engine::cpu {

// Copies pages that move and turns the keys of all slots of their groups back by `back` positions.
// ropes: the rotations of the model; slot_rope: of each slot, its index there; -1: keys stay.
void move_pages(std::span<const CacheSlotView> slots, std::span<const RopeSpec> ropes,
                std::span<const int32_t> slot_rope, std::span<const PageMove> moves, int32_t back,
                ThreadPool& pool, int workers);

}  // namespace engine::cpu
