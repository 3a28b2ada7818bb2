// The types that a cache of keys and values can have, by the names users type.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>

#include "engine/core/dtype.h"

namespace engine {

struct CacheType {
  const char* name;
  DType type;
};
constexpr CacheType kCacheTypes[] = {{"f16", DType::f16}, {"q8_0", DType::q8_0}};
constexpr const char* kCacheTypeNames = "f16, q8_0";

// In either case, as Ollama takes it.
constexpr std::optional<DType> cache_type(std::string_view name) {
  constexpr auto kSame = [](char a, char b) {
    return a == b || (a >= 'A' && a <= 'Z' && a + ('a' - 'A') == b);
  };
  for (const CacheType& t : kCacheTypes)
    if (std::ranges::equal(name, std::string_view(t.name), kSame)) return t.type;
  return std::nullopt;
}

}  // namespace engine
