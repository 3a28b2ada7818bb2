// File: a GGUF model file, mapped into memory and checked once, completely; after that everything
// is decoded on access from the mapping. Versions 1 to 3, both byte orders, split files.
// docs/GGUF.md describes the format and its limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/result.h"
#include "engine/core/tensor.h"
#include "gguf/override.h"
#include "gguf/value.h"

namespace engine::gguf {

struct TensorInfo {
  std::string_view name;  // valid while the File lives
  DType dtype = DType::f32;
  uint8_t rank = 0;              // extents in the file, 0 to 4
  uint16_t shard = 0;            // of a split file
  uint32_t type_id = 0;          // as in the file
  uint32_t index = 0;            // position in File::tensors()
  int64_t ne[4] = {1, 1, 1, 1};  // ne[0] contiguous
  uint64_t offset = 0;           // from the data section of its shard
  uint64_t bytes = 0;

  int64_t elements() const { return ne[0] * ne[1] * ne[2] * ne[3]; }
};

class File;

// The tensors or the metadata of a file, in file order; elements are made on access.
template <class T>
class List {
 public:
  using At = T (*)(const File&, size_t);
  List(const File& file, size_t size, At at) : file_(&file), size_(size), at_(at) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = const T*;
    using reference = T;

    Iterator(const List* list, size_t i) : list_(*list), i_(i) {}
    T operator*() const { return list_[i_]; }
    Iterator& operator++() { return ++i_, *this; }
    void operator++(int) { ++i_; }
    bool operator==(const Iterator& o) const { return i_ == o.i_; }

   private:
    List list_;
    size_t i_;
  };

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T operator[](size_t i) const { return at_(*file_, i); }  // Requires: i < size().
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size_}; }

 private:
  const File* file_;
  size_t size_;
  At at_;
};

// Move-only. Thread-safe once opened.
// Everything it hands out points into the mapping and is valid while it lives.
class File {
 public:
  // Maps and checks the file. Of a split file the name must be that of the first shard
  // (PREFIX-00001-of-NNNNN.gguf); the others are found beside it. Errc: not_found, io; corrupt (any
  // broken promise of the format); unsupported (a version, type or byte order).
  // map: false reads the file instead (MappedFile).
  static Result<File> open(const std::string& path, bool map = true);
  // The same, with the shards named one by one in their order (blobs named by content). One path
  // alone is as above.
  static Result<File> open(std::span<const std::string> paths, bool map = true);
  // A file in memory; `bytes` outlives the File. Shards are not followed. `name` is for messages.
  static Result<File> parse(std::span<const std::byte> bytes, std::string name = "gguf");

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  ~File();

  // Metadata, of the first shard.
  List<Value> keys() const;
  std::optional<Value> key(std::string_view name) const;
  bool has(std::string_view name) const { return key(name).has_value(); }
  // key() and what is built on it answer with this value from now on; keys() shows the file as it is.
  // To be done before anybody else reads the file.
  void set(const Override& value);

  // The value of a key converted to T (see Value::get).
  // Errc::not_found without the key, corrupt for a wrong type.
  template <class T>
  Result<T> get(std::string_view name) const {
    const std::optional<Value> value = key(name);
    if (!value) return missing(name);
    return named(value->get<T>());
  }
  // The same, `fallback` without the key; a wrong type stays an error.
  template <class T>
  Result<T> get(std::string_view name, T fallback) const {
    return has(name) ? get<T>(name) : Result<T>(std::move(fallback));
  }

  Result<uint32_t> u32(std::string_view name) const { return get<uint32_t>(name); }
  Result<uint32_t> u32(std::string_view name, uint32_t fallback) const {
    return get<uint32_t>(name, fallback);
  }
  Result<int32_t> i32(std::string_view name) const { return get<int32_t>(name); }
  Result<int32_t> i32(std::string_view name, int32_t fallback) const {
    return get<int32_t>(name, fallback);
  }
  Result<uint64_t> u64(std::string_view name) const { return get<uint64_t>(name); }
  Result<uint64_t> u64(std::string_view name, uint64_t fallback) const {
    return get<uint64_t>(name, fallback);
  }
  Result<float> f32(std::string_view name) const { return get<float>(name); }
  Result<float> f32(std::string_view name, float fallback) const {
    return get<float>(name, fallback);
  }
  Result<bool> boolean(std::string_view name) const { return get<bool>(name); }
  Result<bool> boolean(std::string_view name, bool fallback) const {
    return get<bool>(name, fallback);
  }
  Result<std::string_view> str(std::string_view name) const { return get<std::string_view>(name); }
  Result<std::string_view> str(std::string_view name, std::string_view fallback) const {
    return get<std::string_view>(name, fallback);
  }
  // Any numeric type.
  Result<double> number(std::string_view name) const;

  Result<StringArray> strs(std::string_view name) const { return get<StringArray>(name); }
  Result<std::vector<uint32_t>> u32s(std::string_view name) const {
    return get<std::vector<uint32_t>>(name);
  }
  Result<std::vector<int32_t>> i32s(std::string_view name) const {
    return get<std::vector<int32_t>>(name);
  }
  Result<std::vector<float>> f32s(std::string_view name) const {
    return get<std::vector<float>>(name);
  }
  Result<std::vector<bool>> bools(std::string_view name) const {
    return get<std::vector<bool>>(name);
  }

  // "Scalar or per-layer array" keys: a scalar is repeated n times, an array must have n elements.
  // T: uint32_t, int32_t, float, bool.
  template <class T>
  Result<std::vector<T>> per_layer(std::string_view name, size_t n) const {
    const std::optional<Value> value = key(name);
    if (!value) return missing(name);
    if (!value->is_array()) {
      ENGINE_TRY(scalar, get<T>(name));
      return std::vector<T>(n, scalar);
    }
    if (value->count() != n) return wrong_length(*value, n);
    return named(value->get<std::vector<T>>());
  }

  // Tensors of all shards, in file order.
  List<TensorInfo> tensors() const;
  std::optional<TensorInfo> find(std::string_view name) const;
  // The data of a tensor: inside the mapping (read-only memory: do not write), or, when the file
  // has the other byte order or the data is not 8-byte aligned, an own copy that is made once and
  // kept. Errc::out_of_memory for such a copy.
  Result<Tensor> view(const TensorInfo& tensor) const;
  // The pages of the tensor may leave memory, and a copy made by view() is freed: after its content
  // was repacked. Requires: no Tensor of it is in use any more.
  void drop(const TensorInfo& tensor) const;
  // The same for part of what view() gave. Thread-safe; nothing for bytes that are not of the file.
  void drop(std::span<const std::byte> bytes) const;

  // Of the first shard.
  uint32_t version() const;
  uint32_t alignment() const;
  bool big_endian() const;
  uint64_t data_offset(size_t shard = 0) const;  // of the data section, in its shard

  size_t shards() const;
  uint64_t size() const;            // bytes of all shards
  const std::string& path() const;  // of the first shard, or the name given to parse()
  const std::vector<std::string>& paths() const;  // of all shards

 private:
  struct Impl;
  explicit File(std::unique_ptr<Impl> impl);
  static Result<File> merge(std::unique_ptr<Impl> impl);
  static Value value_at(const File& file, size_t i);
  static TensorInfo tensor_at(const File& file, size_t i);

  Error missing(std::string_view name) const;
  Error wrong_length(const Value& value, size_t expected) const;
  Error name_file(Error e) const;
  template <class T>
  Result<T> named(Result<T> r) const {
    if (!r) return name_file(std::move(r.error()));
    return r;
  }

  std::unique_ptr<Impl> impl_;
};

}  // namespace engine::gguf
