// Result<T>: a value or an Error; our std::expected for C++20.
// Functions that can fail for a reason outside the code return it;
// reading the wrong side is a bug (ENGINE_CHECK). Nothing in the engine throws.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "engine/core/check.h"

namespace engine {

enum class Errc : uint8_t {
  invalid_argument,
  not_found,
  already_exists,
  unsupported,
  corrupt,
  out_of_memory,
  busy,
  cancelled,
  io,
  device,
  internal,
};

struct Error {
  Errc code;
  std::string message;  // lower-case, names the offending value and what to do, no trailing dot
};

inline Error invalid_argument(std::string message) {
  return {Errc::invalid_argument, std::move(message)};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
  Result(Error e) : v_(std::in_place_index<1>, std::move(e)) {}

  explicit operator bool() const { return v_.index() == 0; }

  T& operator*() {
    ENGINE_CHECK(v_.index() == 0, "no value in this Result");
    return *std::get_if<0>(&v_);
  }
  const T& operator*() const {
    ENGINE_CHECK(v_.index() == 0, "no value in this Result");
    return *std::get_if<0>(&v_);
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }

  Error& error() {
    ENGINE_CHECK(v_.index() == 1, "no error in this Result");
    return *std::get_if<1>(&v_);
  }
  const Error& error() const {
    ENGINE_CHECK(v_.index() == 1, "no error in this Result");
    return *std::get_if<1>(&v_);
  }

 private:
  std::variant<T, Error> v_;
};

using Status = Result<std::monostate>;
inline constexpr std::monostate ok{};  // success of a Status: `return ok;`

}  // namespace engine

// ENGINE_TRY(var, expr): var is a reference to the value of expr,
// or the enclosing function returns the error.
#define ENGINE_TRY(var, expr)                      \
  auto var##_r = (expr);                           \
  if (!var##_r) return std::move(var##_r.error()); \
  auto& var = *var##_r

#define ENGINE_TRY_STATUS(expr)                              \
  do {                                                       \
    if (auto r_ = (expr); !r_) return std::move(r_.error()); \
  } while (0)
