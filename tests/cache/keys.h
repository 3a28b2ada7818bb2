// Rows of a text for the tests of the cache.
#pragma once

#include <numeric>
#include <vector>

#include "engine/cache/prefix_tree.h"

namespace engine {

inline std::vector<RowKey> keys(int n, RowKey first = 1) {
  std::vector<RowKey> k(static_cast<size_t>(n));
  std::iota(k.begin(), k.end(), first);
  return k;
}

}  // namespace engine
