// The pages of one cache group: which are free, and how many hold each of the others
// (sequences and the prefix tree).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace engine {

class PagePool {
 public:
  explicit PagePool(int32_t pages);
  int32_t take();  // held once; -1: none free
  void hold(int32_t page);
  void release(int32_t page);  // free when nobody holds it. -1 is ignored
  int32_t free_pages() const { return static_cast<int32_t>(free_.size()); }
  int32_t holders(int32_t page) const { return holders_[static_cast<size_t>(page)]; }

 private:
  std::vector<int32_t> holders_, free_;
};

}  // namespace engine
