#include "engine/cache/page_pool.h"

#include "engine/core/check.h"

namespace engine {

PagePool::PagePool(int32_t pages) : holders_(static_cast<size_t>(pages), 0) {
  // low pages first: memory is touched from the front
  for (int32_t p = pages; p-- > 0;) free_.push_back(p);
}

int32_t PagePool::take() {
  if (free_.empty()) return -1;
  const int32_t page = free_.back();
  free_.pop_back();
  holders_[static_cast<size_t>(page)] = 1;
  return page;
}

void PagePool::hold(int32_t page) {
  ENGINE_CHECK(holders_[static_cast<size_t>(page)] > 0, "holding a free page");
  ++holders_[static_cast<size_t>(page)];
}

void PagePool::release(int32_t page) {
  if (page < 0) return;
  ENGINE_CHECK(holders_[static_cast<size_t>(page)] > 0, "releasing a free page");
  if (--holders_[static_cast<size_t>(page)] == 0) free_.push_back(page);
}

}  // namespace engine
