#include "kernels/cpu/registry.h"

namespace engine::cpu {

#define KERNEL(name) extern const Kernel<Ctx> name;
#include "kernels/cpu/kernels.inc"

namespace {
constexpr const Kernel<Ctx>* kAll[] = {
#define KERNEL(name) &name,
#include "kernels/cpu/kernels.inc"
};
}  // namespace

std::span<const Kernel<Ctx>* const> all_kernels() {
  return kAll;
}

}  // namespace engine::cpu
