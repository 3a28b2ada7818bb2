#include "engine/model/arch.h"

namespace engine {

#define ARCH(name) extern const Arch arch_##name;
#include "engine/model/archs.inc"

std::span<const Arch> archs() {
  static const Arch all[] = {
#define ARCH(name) arch_##name,
#include "engine/model/archs.inc"
  };
  return all;
}

const Arch* find_arch(std::string_view name) {
  for (const Arch& a : archs())
    if (name == a.name) return &a;
  return nullptr;
}

}  // namespace engine
