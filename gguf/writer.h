// Writer: makes GGUF version 3 files, little endian, in the canonical
// layout: tensors back to back, each padded to the alignment, the last
// one too. Keys and tensors keep the order in which they were given.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/result.h"
#include "gguf/reader.h"
#include "gguf/value.h"

namespace engine::gguf {

// Takes the next bytes of a tensor.
using Emit = std::function<Status(std::span<const std::byte>)>;
// Hands all bytes of a tensor to Emit, in order, in pieces of any size.
// Called once, when the file is written.
using TensorSource = std::function<Status(const Emit&)>;

template <class T>
constexpr Type type_of() {
  static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8 && !std::is_same_v<T, char>);
  if constexpr (std::is_same_v<T, bool>)
    return Type::boolean;
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? Type::f32 : Type::f64;
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1   ? Type::i8
           : sizeof(T) == 2 ? Type::i16
           : sizeof(T) == 4 ? Type::i32
                            : Type::i64;
  else
    return sizeof(T) == 1   ? Type::u8
           : sizeof(T) == 2 ? Type::u16
           : sizeof(T) == 4 ? Type::u32
                            : Type::u64;
}

class Writer {
 public:
  // Metadata. The C++ type decides the type in the file: set("llama.block_count", uint32_t{16}). A
  // key that exists already is replaced and moves to the end. The key general.alignment decides the
  // alignment of the file (32 without it).
  template <class T>
  requires std::is_arithmetic_v<T>
  void set(std::string_view key, T v) { put(key, type_of<T>(), type_of<T>(), 1, encode(v)); }
  void set(std::string_view key, std::string_view text);

  template <class T>
  requires std::is_arithmetic_v<T>
  void set_array(std::string_view key, std::span<const T> values) {
    std::string payload;
    payload.reserve(values.size_bytes());
    for (const T v : values) payload += encode(v);
    put(key, Type::arr, type_of<T>(), values.size(), std::move(payload));
  }
  template <class T>
  requires std::is_arithmetic_v<T>
  void set_array(std::string_view key, const std::vector<T>& values) {
    if constexpr (std::is_same_v<T, bool>) {
      std::string payload;
      for (const bool v : values) payload += encode(v);
      put(key, Type::arr, Type::boolean, values.size(), std::move(payload));
    } else {
      set_array(key, std::span<const T>(values));
    }
  }
  void set_array(std::string_view key, std::span<const std::string> values);
  void set_array(std::string_view key, std::span<const std::string_view> values);

  // An entry of another file, type and all.
  void copy(const Value& value);
  bool has(std::string_view key) const;
  void remove(std::string_view key);

  // ne: one to four extents, ne[0] contiguous. `data` must outlive write().
  void add_tensor(std::string_view name, DType dtype, std::span<const int64_t> ne,
                  std::span<const std::byte> data);
  void add_tensor(std::string_view name, DType dtype, std::span<const int64_t> ne,
                  TensorSource source);

  // Tensors by (layer, name): layer N of "blk.N.", everything else before the layers. The order in
  // which a model is read.
  void sort_by_layer();

  // Writes PATH.tmp and renames it to `path` when everything is on the disk;
  // on failure nothing is left behind. Errc::invalid_argument: a key, name,
  // shape, type or alignment that no file may have, a duplicate tensor, or a
  // source that gave too many or too few bytes; io; the errors of a source.
  Status write(const std::string& path) const;
  // The same into memory.
  Result<std::vector<std::byte>> to_bytes() const;

 private:
  struct Entry {
    std::string key;
    Type type, element;
    uint64_t count;
    std::string payload;  // little endian, as in the file
  };
  struct NewTensor {
    std::string name;
    DType dtype;
    std::vector<int64_t> ne;
    TensorSource source;
  };

  template <class T>
  static std::string encode(T v) {
    if constexpr (std::endian::native == std::endian::big) v = byte_swapped(v);
    return std::string(reinterpret_cast<const char*>(&v), sizeof v);
  }
  static void append_string(std::string& out, std::string_view s);
  template <class Strings>
  void set_strings(std::string_view key, const Strings& values);
  void put(std::string_view key, Type type, Type element, uint64_t count, std::string payload);
  Result<uint64_t> alignment() const;
  Result<uint64_t> tensor_bytes(const NewTensor& t) const;
  Result<std::string> metadata(uint64_t alignment) const;
  Status stream(const Emit& out) const;

  std::vector<Entry> entries_;
  std::vector<NewTensor> tensors_;
};

// Errc::invalid_argument when both names lead to the same file. A verb that reads one and writes
// the other asks first.
Status check_distinct(const std::string& input, const std::string& output);

}  // namespace engine::gguf
