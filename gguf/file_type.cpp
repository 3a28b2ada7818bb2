#include "gguf/file_type.h"

namespace engine::gguf {

std::span<const FileType> file_types() {
  static constexpr FileType kTypes[] = {
#define FILE_TYPE(id, name, long_name) {id, name, long_name},
#include "gguf/file_types.inc"
  };
  return kTypes;
}

const FileType* find_file_type(uint32_t id) {
  for (const FileType& t : file_types())
    if (t.id == id) return &t;
  return nullptr;
}

}  // namespace engine::gguf
