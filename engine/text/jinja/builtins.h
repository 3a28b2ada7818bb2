// Lookup of everything built in. Unknown names give null.
#pragma once

#include <string_view>

#include "engine/text/jinja/value.h"

namespace engine::jinja {

Native find_global(std::string_view name);
Native find_filter(std::string_view name);
Native find_test(std::string_view name);
Native find_method(Kind self, std::string_view name);  // of strings, lists, dicts and loops

template <size_t N>
struct NativeTable {
  std::pair<std::string_view, Native> rows[N];
  Native find(std::string_view name) const {
    for (const auto& [key, native] : rows)
      if (key == name) return native;
    return nullptr;
  }
};
template <size_t N>
NativeTable(const std::pair<std::string_view, Native> (&)[N]) -> NativeTable<N>;

}  // namespace engine::jinja
