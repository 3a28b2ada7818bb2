// Lookup of everything built in. Unknown names give null.
#pragma once

#include <string_view>

#include "engine/text/jinja/value.h"

namespace engine::jinja {

// Of an argument that may be left out.
inline int64_t int_or(const Value& v, int64_t fallback) {
  return v.whole() ? v.as_int() : fallback;
}

Native find_global(std::string_view name);
Native find_filter(std::string_view name);
Native find_test(std::string_view name);
Native find_method(Kind self, std::string_view name);  // of strings, lists, dicts and loops

using NativeRow = std::pair<std::string_view, Native>;

template <size_t N>
Native find_in(const NativeRow (&rows)[N], std::string_view name) {
  for (const NativeRow& row : rows)
    if (row.first == name) return row.second;
  return nullptr;
}

}  // namespace engine::jinja
