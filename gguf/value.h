// Value: one metadata entry of a GGUF file, decoded on access from the bytes of the file; it owns
// nothing. Scalars convert leniently (any integer type whose value fits, f32 and f64), everything
// else must have the exact type; an error names the key and both types.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/core/result.h"
#include "gguf/cursor.h"

namespace engine::gguf {

// The numbers are the ids in files.
enum class Type : uint8_t { u8, i8, u16, i16, u32, i32, f32, boolean, str, arr, u64, i64, f64 };
inline constexpr uint32_t kTypeCount = 13;

const char* type_name(Type t);  // "u8", ..., "bool", "str", "arr"
size_t type_size(Type t);       // bytes of a scalar; 0 for str and arr

// The strings of an array, in order. A forward range: strings are stored back to back, so there is
// no random access; to_vector() makes one. Views stay valid as long as the file.
class StringArray {
 public:
  StringArray() = default;
  StringArray(const std::byte* data, size_t bytes, uint64_t count, Encoding encoding)
      : data_(data), bytes_(bytes), count_(count), encoding_(encoding) {}

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::string_view;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::string_view*;
    using reference = std::string_view;

    Iterator(Cursor at, uint64_t left) : at_(at), left_(left) { load_next(); }
    std::string_view operator*() const { return current_; }
    Iterator& operator++() {
      --left_;
      load_next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& o) const { return left_ == o.left_; }

   private:
    void load_next();

    Cursor at_;
    uint64_t left_;
    std::string_view current_;
  };

  size_t size() const { return static_cast<size_t>(count_); }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {Cursor({data_, bytes_}, encoding_), count_}; }
  Iterator end() const { return {Cursor({data_, bytes_}, encoding_), 0}; }
  std::vector<std::string_view> to_vector() const;

 private:
  const std::byte* data_ = nullptr;
  size_t bytes_ = 0;
  uint64_t count_ = 0;
  Encoding encoding_;
};

// A number of any type, as stored.
using Number = std::variant<uint64_t, int64_t, float, double, bool>;

class Value {
 public:
  // Requires: at stands on a key-value pair that the reader has checked.
  explicit Value(Cursor at);

  std::string_view key() const { return key_; }
  Type type() const { return type_; }
  Type element_type() const { return element_; }                // of an array; else type()
  size_t count() const { return static_cast<size_t>(count_); }  // elements of an array; else 1
  bool is_array() const { return type_ == Type::arr; }

  // Scalars: the integers of 8 to 64 bits, float, double, bool, std::string_view.
  // Arrays: StringArray; std::vector of int32_t, uint32_t, int64_t, uint64_t (from any integer type
  // whose values fit), of float (from any numeric type) and of bool (from bool, or an integer type:
  // not zero). Errc::corrupt: another type, or a value that does not fit.
  template <class T>
  Result<T> get() const;

  // A scalar of any numeric type.
  Result<double> number() const;

  // Element i of a numeric array, or the scalar itself for i = 0.
  // Requires: i < count(), the type is numeric or bool.
  Number element(size_t i) const;

  // A string, as get<std::string_view>. Requires: type() is str.
  std::string_view text() const {
    return {reinterpret_cast<const char*>(data_), static_cast<size_t>(text_bytes_)};
  }
  // Requires: an array of strings.
  StringArray strings() const { return {data_, bytes_, count_, encoding_}; }

  // Elements of a numeric array as bytes of the file.
  const std::byte* data() const { return data_; }
  bool swapped() const { return encoding_.swapped; }

 private:
  template <class T>
  Result<std::vector<T>> numbers() const;
  Error wrong_type(std::string_view expected) const;
  Error out_of_range(std::string_view what) const;

  std::string_view key_;
  const std::byte* data_ = nullptr;  // the scalar, the text or the first element
  size_t bytes_ = 0;                 // from data_ to the end of the file
  uint64_t count_ = 1;
  uint64_t text_bytes_ = 0;
  Encoding encoding_;
  Type type_ = Type::u8, element_ = Type::u8;
};

}  // namespace engine::gguf
