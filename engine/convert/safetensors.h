// A safetensors file, mapped into memory and checked once, completely:
//
//   0         u64 little endian: n, the bytes of the header
//   8         header: JSON {"NAME": {"dtype": "F16", "shape": [out, in], "data_offsets": [a, b]}, ...,
//             "__metadata__": {...}}, padded with spaces
//   8 + n     data; tensors lie one behind the other without gaps and fill the file
//
// The last axis of a shape is the contiguous one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/mapped_file.h"
#include "engine/core/result.h"

namespace engine::convert {

enum class SafeType : uint8_t {
#define SAFE_TYPE(name, bytes) name,
#include "engine/convert/safetensors_types.inc"
};
const char* type_name(SafeType type);  // "BF16"
int64_t type_bytes(SafeType type);

struct SafeTensor {
  std::string name;
  SafeType type;
  std::vector<int64_t> shape;       // none: a single number
  std::span<const std::byte> data;  // inside of the file

  int64_t elements() const;
};

// Move-only; thread-safe once opened. Tensors point into the mapping and are valid while it lives.
class SafetensorsFile {
 public:
  // Errc: not_found, io; corrupt (a broken promise of the format); unsupported (an element type).
  static Result<SafetensorsFile> open(const std::string& path);
  // Bytes that outlive the file. `name` is for messages.
  static Result<SafetensorsFile> parse(std::span<const std::byte> bytes, const std::string& name);

  const std::vector<SafeTensor>& tensors() const { return tensors_; }  // in the order of their data
  // The pages of `data`, a part of the file, may leave memory.
  void drop(std::span<const std::byte> data) const;

 private:
  MappedFile file_;
  std::vector<SafeTensor> tensors_;
};

}  // namespace engine::convert
