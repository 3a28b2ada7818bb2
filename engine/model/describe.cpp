#include "engine/model/describe.h"

#include <fmt/format.h>

#include "gguf/file_type.h"

namespace engine {

std::string file_type_name(uint32_t id) {
  const gguf::FileType* type = gguf::find_file_type(id);
  return type != nullptr ? type->name : "unknown";
}

std::string parameter_size(int64_t n) {
  const double d = static_cast<double>(n);
  if (n >= 1'000'000'000) {
    const std::string s = fmt::format("{:.1f}", d / 1e9);
    return (s.ends_with(".0") ? s.substr(0, s.size() - 2) : s) + "B";
  }
  if (n >= 1'000'000) return fmt::format("{:.2f}M", d / 1e6);
  if (n >= 1'000) return fmt::format("{:.0f}K", d / 1e3);
  return std::to_string(n);
}

std::string file_type_of(const gguf::File& file) {
  const Result<uint32_t> id = file.u32("general.file_type");
  return id ? file_type_name(*id) : "unknown";
}

int64_t parameter_count(const gguf::File& file) {
  int64_t n = 0;
  for (const gguf::TensorInfo& t : file.tensors()) n += t.elements();
  return n;
}

}  // namespace engine
