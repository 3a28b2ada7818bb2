// The merge loop of both BPE kinds: neighbours join, the best pair first, until no pair is left. A
// pair's priority is a number of 32 bits, lower first; of equal ones the leftmost. Short lists are
// scanned, long ones go through a heap: O(n log n).
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/core/row_output.h"

namespace engine {

struct Symbol {
  Token id;
  uint32_t begin, bytes;  // in the text
  int32_t prev, next;     // neighbours in the list; -1: none. Only the heap uses them
};

struct PairMerge {
  uint32_t priority;
  Token id;  // of the joined symbol; negative: the pair does not merge
};

class SymbolMerger {
 public:
  // symbols: ascending and adjacent; on return those that are left. pair(a, b) -> PairMerge for a
  // and its right neighbour b.
  template <class Pair>
  void run(std::vector<Symbol>& symbols, const Pair& pair) {
    if (symbols.size() <= kScanLimit) {
      scan(symbols, pair);
    } else {
      merge_by_heap(symbols, pair);
    }
  }

 private:
  static constexpr size_t kScanLimit = 32;

  struct Entry {
    uint64_t key;    // priority << 32 | index of the left symbol
    uint32_t bytes;  // of both symbols: differs once either has grown
    Token id;
    // std heaps keep the largest in front
    bool operator<(const Entry& o) const { return key > o.key; }
  };

  template <class Pair>
  void scan(std::vector<Symbol>& symbols, const Pair& pair) {
    PairMerge merges[kScanLimit];
    size_t n = symbols.size();
    for (size_t i = 0; i + 1 < n; ++i) merges[i] = pair(symbols[i], symbols[i + 1]);
    while (n > 1) {
      size_t best = n;
      for (size_t i = 0; i + 1 < n; ++i)
        if (merges[i].id >= 0 && (best == n || merges[i].priority < merges[best].priority))
          best = i;
      if (best == n) break;
      symbols[best].id = merges[best].id;
      symbols[best].bytes += symbols[best + 1].bytes;
      std::copy(symbols.begin() + static_cast<ptrdiff_t>(best) + 2,
                symbols.begin() + static_cast<ptrdiff_t>(n),
                symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
      std::copy(merges + best + 1, merges + n - 1, merges + best);
      --n;
      if (best > 0) merges[best - 1] = pair(symbols[best - 1], symbols[best]);
      if (best + 1 < n) merges[best] = pair(symbols[best], symbols[best + 1]);
    }
    symbols.resize(n);
  }

  template <class Pair>
  void merge_by_heap(std::vector<Symbol>& symbols, const Pair& pair) {
    const auto n = static_cast<int32_t>(symbols.size());
    heap_.clear();
    const auto push = [&](int32_t left) {
      if (left < 0 || symbols[static_cast<size_t>(left)].next < 0) return false;
      const Symbol& a = symbols[static_cast<size_t>(left)];
      const Symbol& b = symbols[static_cast<size_t>(a.next)];
      const PairMerge m = pair(a, b);
      if (m.id >= 0)
        heap_.push_back(
            {uint64_t{m.priority} << 32 | static_cast<uint32_t>(left), a.bytes + b.bytes, m.id});
      return m.id >= 0;
    };
    for (int32_t i = 0; i < n; ++i) {
      symbols[static_cast<size_t>(i)].prev = i - 1;
      symbols[static_cast<size_t>(i)].next = i + 1 < n ? i + 1 : -1;
    }
    for (int32_t i = 0; i < n; ++i) push(i);
    std::make_heap(heap_.begin(), heap_.end());
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Entry e = heap_.back();
      heap_.pop_back();
      const auto left = static_cast<int32_t>(e.key & 0xffffffffu);
      Symbol& a = symbols[static_cast<size_t>(left)];
      if (a.bytes == 0 || a.next < 0) continue;
      Symbol& b = symbols[static_cast<size_t>(a.next)];
      if (a.bytes + b.bytes != e.bytes) continue;
      a.id = e.id;
      a.bytes += b.bytes;
      b.bytes = 0;
      a.next = b.next;
      if (a.next >= 0) symbols[static_cast<size_t>(a.next)].prev = left;
      if (push(a.prev)) std::push_heap(heap_.begin(), heap_.end());
      if (push(left)) std::push_heap(heap_.begin(), heap_.end());
    }
    std::erase_if(symbols, [](const Symbol& s) { return s.bytes == 0; });
  }

  std::vector<Entry> heap_;
};

}  // namespace engine
