// PageMove: what becomes of a page of the cache when a sequence forgets tokens before it.
#pragma once

#include <cstdint>

namespace engine {

// Of the page table `group`: what lies in page `from` belongs into page `to`, for earlier positions.
// from == to: only its keys change.
struct PageMove {
  int32_t group = 0, from = 0, to = 0;
  bool operator==(const PageMove&) const = default;
};

}  // namespace engine
