#include "tests/gguf/count_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> requested{0};

void* counted(size_t n) {
  requested += n;
  return std::malloc(n == 0 ? 1 : n);
}

}  // namespace

void* operator new(size_t n) {
  if (void* p = counted(n)) return p;
  std::abort();
}
void* operator new[](size_t n) {
  return operator new(n);
}
void* operator new(size_t n, const std::nothrow_t&) noexcept {
  return counted(n);
}
void* operator new[](size_t n, const std::nothrow_t&) noexcept {
  return counted(n);
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete[](void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, size_t) noexcept {
  std::free(p);
}
void operator delete[](void* p, size_t) noexcept {
  std::free(p);
}

namespace engine::gguf {

size_t requested_bytes() {
  return requested;
}

}  // namespace engine::gguf
