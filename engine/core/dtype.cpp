#include "engine/core/dtype.h"

#include <array>
#include <cctype>
#include <string>

namespace engine {

const char* display_name(DType t) {
  static const auto names = [] {
    std::array<std::string, static_cast<size_t>(DType::count_) + 1> out;
    for (size_t i = 0; i < out.size() - 1; ++i)
      for (const char* p = kDTypeTraits[i].name; *p; ++p)
        out[i] += static_cast<char>(std::toupper(static_cast<unsigned char>(*p)));
    out.back() = "?";
    return out;
  }();
  return names[static_cast<size_t>(t)].c_str();
}

DType dtype_from_gguf(uint32_t id) {
  for (int i = 0; i < static_cast<int>(DType::count_); ++i)
    if (kDTypeTraits[i].gguf_id >= 0 && static_cast<uint32_t>(kDTypeTraits[i].gguf_id) == id)
      return static_cast<DType>(i);
  return DType::count_;
}

DType dtype_from_name(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (int i = 0; i < static_cast<int>(DType::count_); ++i)
    if (lower == kDTypeTraits[i].name) return static_cast<DType>(i);
  return DType::count_;
}

}  // namespace engine
