// The border of the C API: errors become a status and a line of text, no exception gets out, and
// structs of other versions of the header are read and filled.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/core/result.h"
#include "include/engine.h"

namespace engine::capi {

// Keeps the message for engine_last_error() of this thread.
engine_status report(engine_status status, std::string_view message) noexcept;
engine_status report(const Error& error) noexcept;

// The body of a function of the API: a callable that returns engine_status or Status.
template <class F>
engine_status guarded(F&& body) noexcept {
  try {
    auto result = body();
    if constexpr (std::is_same_v<decltype(result), engine_status>) {
      return result;
    } else {
      return result ? ENGINE_OK : report(result.error());
    }
  } catch (const std::bad_alloc&) {
    return report(ENGINE_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return report(ENGINE_INTERNAL, e.what());
  } catch (...) {
    return report(ENGINE_INTERNAL, "an unknown exception");
  }
}

inline constexpr size_t kMostStruct = 4096;  // a larger `size` was never set

inline Status check_size(size_t size, const char* what) {
  if (size >= sizeof(size_t) && size <= kMostStruct) return ok;
  return invalid_argument(std::string(what) + ".size is not the size of the struct");
}

// Fills a struct of the caller, which may be shorter or longer than ours. Requires: check_size.
template <class T>
void fill(T* out, size_t size, T value) {
  value.size = size;
  std::memset(static_cast<void*>(out), 0, size);
  std::memcpy(static_cast<void*>(out), &value, std::min(size, sizeof(T)));
}

// What the caller set, over the defaults in `out`. Members that we do not know must be 0.
template <class T>
Status read(const T* given, T& out) {
  if (given == nullptr) return ok;
  const size_t size = given->size;
  ENGINE_TRY_STATUS(check_size(size, "options"));
  const auto* bytes = reinterpret_cast<const std::byte*>(given);
  for (size_t i = sizeof(T); i < size; ++i)
    if (bytes[i] != std::byte{0})
      return invalid_argument(
          "options use a member that this version of the library does not have");
  std::memcpy(static_cast<void*>(&out), given, std::min(size, sizeof(T)));
  return ok;
}

// Copies to a buffer of the caller by the convention of the header. extra: elements that follow the
// data in the buffer (the final NUL of a text).
template <class T>
engine_status copy_out(const T* data, size_t n, size_t extra, T* buffer, size_t capacity,
                       size_t* needed) noexcept {
  if (needed != nullptr) *needed = n;
  if (buffer == nullptr) return ENGINE_OK;
  if (capacity < n + extra)
    return report(ENGINE_BUFFER_TOO_SMALL, "the buffer is too small for the result");
  std::copy_n(data, n, buffer);
  std::fill_n(buffer + n, extra, T{});
  return ENGINE_OK;
}

}  // namespace engine::capi
