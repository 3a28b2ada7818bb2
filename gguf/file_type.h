// The numbers of general.file_type and their names (file_types.inc).
#pragma once

#include <cstdint>
#include <span>

namespace engine::gguf {

struct FileType {
  uint32_t id;
  const char *name, *long_name;  // "Q4_K_M", "Q4_K - Medium"
};

std::span<const FileType> file_types();
const FileType* find_file_type(uint32_t id);  // nullptr: not known

}  // namespace engine::gguf
