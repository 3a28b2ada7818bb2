// What --keepalive says, as a request has it: whole seconds are a number there, all else a text.
#pragma once

#include <charconv>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <system_error>

#include "engine/core/json_io.h"

namespace engine::cli {

// Requires: <nlohmann/json.hpp> is included.
inline Json keep_alive_json(const std::string& text) {
  int64_t seconds = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, seconds);
  return error == std::errc() && at == end ? Json(seconds) : Json(text);
}

}  // namespace engine::cli
