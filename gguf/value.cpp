#include "gguf/value.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace engine::gguf {
namespace {

constexpr struct {
  const char* name;
  uint8_t size;
} kTypes[kTypeCount] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2}, {"u32", 4},
                        {"i32", 4}, {"f32", 4}, {"bool", 1}, {"str", 0}, {"arr", 0},
                        {"u64", 8}, {"i64", 8}, {"f64", 8}};

// f.operator()<T>() with the C++ type of a numeric type. Requires: t is numeric.
// Booleans are read as bytes.
template <class F>
decltype(auto) with_number(Type t, F&& f) {
  switch (t) {
    case Type::u8:
    case Type::boolean:
      return f.template operator()<uint8_t>();
    case Type::i8:
      return f.template operator()<int8_t>();
    case Type::u16:
      return f.template operator()<uint16_t>();
    case Type::i16:
      return f.template operator()<int16_t>();
    case Type::u32:
      return f.template operator()<uint32_t>();
    case Type::i32:
      return f.template operator()<int32_t>();
    case Type::u64:
      return f.template operator()<uint64_t>();
    case Type::i64:
      return f.template operator()<int64_t>();
    case Type::f32:
      return f.template operator()<float>();
    case Type::f64:
      return f.template operator()<double>();
    case Type::str:
    case Type::arr:
      break;
  }
  ENGINE_CHECK(false, "not a numeric type");
  std::abort();
}

bool is_integer(Type t) {
  return type_size(t) > 0 && t != Type::f32 && t != Type::f64 && t != Type::boolean;
}
bool is_float(Type t) {
  return t == Type::f32 || t == Type::f64;
}

template <class T>
constexpr const char* name_of() {
  if constexpr (std::is_same_v<T, bool>)
    return "bool";
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? "f32" : "f64";
  else if constexpr (std::is_signed_v<T>)
    return sizeof(T) == 1 ? "i8" : sizeof(T) == 2 ? "i16" : sizeof(T) == 4 ? "i32" : "i64";
  else
    return sizeof(T) == 1 ? "u8" : sizeof(T) == 2 ? "u16" : sizeof(T) == 4 ? "u32" : "u64";
}

// v as a To; false when it does not fit. Infinities and NaN convert between float types.
template <class To, class From>
bool convert(From v, To& out) {
  if constexpr (std::is_same_v<To, bool>) {
    out = v != 0;
  } else if constexpr (std::is_integral_v<To>) {
    if constexpr (std::is_floating_point_v<From>)
      return false;
    else if (!std::in_range<To>(v))
      return false;
    else
      out = static_cast<To>(v);
  } else {
    if constexpr (std::is_floating_point_v<From> && sizeof(To) < sizeof(From))
      if (std::isfinite(v) && std::fabs(v) > std::numeric_limits<To>::max()) return false;
    out = static_cast<To>(v);
  }
  return true;
}

template <class T>
bool accepts_scalar(Type t) {
  if constexpr (std::is_same_v<T, bool>)
    return t == Type::boolean;
  else if constexpr (std::is_integral_v<T>)
    return is_integer(t);
  else
    return is_float(t);
}

template <class T>
bool accepts_elements(Type t) {
  if constexpr (std::is_same_v<T, bool>)
    return t == Type::boolean || is_integer(t);
  else if constexpr (std::is_integral_v<T>)
    return is_integer(t);
  else
    return is_float(t) || is_integer(t);
}

}  // namespace

const char* type_name(Type t) {
  return kTypes[static_cast<size_t>(t)].name;
}
size_t type_size(Type t) {
  return kTypes[static_cast<size_t>(t)].size;
}

void StringArray::Iterator::load_next() {
  if (left_ == 0) return;
  uint64_t n = 0;
  const bool whole = at_.read_length(n) && n <= at_.remain();
  ENGINE_CHECK(whole, "string array was not checked");
  current_ = at_.take_string(n);
}

std::vector<std::string_view> StringArray::to_vector() const {
  std::vector<std::string_view> out;
  out.reserve(size());
  for (const std::string_view s : *this) out.push_back(s);
  return out;
}

Value::Value(Cursor at) : encoding_(at.encoding()) {
  uint64_t n = 0;
  uint32_t type = 0, element = 0;
  bool whole = at.read_length(n) && n <= at.remain();
  ENGINE_CHECK(whole, "key was not checked");
  key_ = at.take_string(n);
  whole = at.read(type) && type < kTypeCount;
  ENGINE_CHECK(whole, "value type was not checked");
  type_ = element_ = static_cast<Type>(type);
  if (type_ == Type::arr) {
    whole = at.read(element) && element < kTypeCount && at.read_length(count_);
    element_ = static_cast<Type>(element);
  } else if (type_ == Type::str) {
    whole = at.read_length(n) && n <= at.remain();
  }
  ENGINE_CHECK(whole, "value was not checked");
  data_ = at.here();
  bytes_ = at.remain();
  if (type_ == Type::str) text_bytes_ = at.take_string(n).size();
}

Error Value::wrong_type(std::string_view expected) const {
  std::string have = type_name(type_);
  if (is_array()) have += fmt::format("[{}]", type_name(element_));
  return {Errc::corrupt, fmt::format("key '{}' has wrong type {} but expected type {}",
                                     printable(key_), have, expected)};
}

Error Value::out_of_range(std::string_view what) const {
  return {Errc::corrupt, fmt::format("key '{}': value {} out of range", printable(key_), what)};
}

Number Value::element(size_t i) const {
  ENGINE_CHECK(i < count_, "element of a value out of range");
  const std::byte* p = data_ + i * type_size(element_);
  return with_number(element_, [&]<class T>() -> Number {
    const T v = load<T>(p, encoding_.swapped);
    if (element_ == Type::boolean) return v != 0;
    if constexpr (std::is_floating_point_v<T>)
      return v;
    else if constexpr (std::is_signed_v<T>)
      return static_cast<int64_t>(v);
    else
      return static_cast<uint64_t>(v);
  });
}

template <class T>
Result<std::vector<T>> Value::numbers() const {
  if (!is_array() || !accepts_elements<T>(element_))
    return wrong_type(fmt::format("arr[{}]", name_of<T>()));
  std::vector<T> out(count());
  size_t bad = count();
  with_number(element_, [&]<class From>() {
    for (size_t i = 0; i < out.size(); ++i) {
      T v{};
      if (!convert(load<From>(data_ + i * sizeof(From), encoding_.swapped), v)) {
        bad = i;
        return;
      }
      out[i] = v;
    }
  });
  if (bad < count())
    return out_of_range(
        std::visit([&](auto v) { return fmt::format("{} (element {})", v, bad); }, element(bad)));
  return out;
}

template <class T>
Result<T> Value::get() const {
  if constexpr (std::is_same_v<T, std::string_view>) {
    if (type_ != Type::str) return wrong_type("str");
    return text();
  } else if constexpr (std::is_same_v<T, StringArray>) {
    if (!is_array() || element_ != Type::str) return wrong_type("arr[str]");
    return strings();
  } else if constexpr (std::is_arithmetic_v<T>) {
    if (!accepts_scalar<T>(type_)) return wrong_type(name_of<T>());
    T out{};
    const bool fits = with_number(
        type_, [&]<class From>() { return convert(load<From>(data_, encoding_.swapped), out); });
    if (!fits)
      return out_of_range(std::visit([](auto v) { return fmt::format("{}", v); }, element(0)));
    return out;
  } else {
    return numbers<typename T::value_type>();
  }
}

Result<double> Value::number() const {
  if (!is_integer(type_) && !is_float(type_)) return wrong_type("number");
  return std::visit([](auto v) { return static_cast<double>(v); }, element(0));
}

template Result<uint8_t> Value::get() const;
template Result<int8_t> Value::get() const;
template Result<uint16_t> Value::get() const;
template Result<int16_t> Value::get() const;
template Result<uint32_t> Value::get() const;
template Result<int32_t> Value::get() const;
template Result<uint64_t> Value::get() const;
template Result<int64_t> Value::get() const;
template Result<float> Value::get() const;
template Result<double> Value::get() const;
template Result<bool> Value::get() const;
template Result<std::string_view> Value::get() const;
template Result<StringArray> Value::get() const;
template Result<std::vector<uint32_t>> Value::get() const;
template Result<std::vector<int32_t>> Value::get() const;
template Result<std::vector<uint64_t>> Value::get() const;
template Result<std::vector<int64_t>> Value::get() const;
template Result<std::vector<float>> Value::get() const;
template Result<std::vector<bool>> Value::get() const;

}  // namespace engine::gguf
