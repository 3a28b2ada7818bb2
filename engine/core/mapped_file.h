// A whole file in memory, read-only: mapped, or read into memory of its own. Move-only owner; spans
// into it are valid while it lives.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "engine/core/result.h"

namespace engine {

class MappedFile {
 public:
  MappedFile() = default;
  MappedFile(MappedFile&& o) noexcept : data_(o.data_), size_(o.size_) {
    o.data_ = nullptr, o.size_ = 0;
  }
  MappedFile& operator=(MappedFile&& o) noexcept;
  ~MappedFile();

  // Errc::not_found, io, or invalid_argument for a folder. An empty file maps to an empty span.
  // map: false reads the file, so that nothing is read later from a slow or changing medium.
  static Result<MappedFile> open(const std::string& path, bool map = true);

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // The pages inside of [offset, offset + n) leave memory, after their content was repacked. Mapped
  // ones are read again when touched; those of a file that was read are zeros from then on.
  void drop(size_t offset, size_t n) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace engine
