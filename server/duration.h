// Durations as clients and the environment write them: "1h30m", "1.5h", "-1",
// 300, and the keep_alive of requests.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/core/result.h"

namespace engine {

// Optional sign, then one or more <decimal><unit> with the units ns us µs ms s m h; "0" alone is
// allowed. Values that do not fit into 64 bits of nanoseconds are errors.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

// keep_alive of a request: a number of seconds or a duration;
// negative: for ever (kKeepForever). nullptr: absent.
Result<std::optional<std::chrono::nanoseconds>> parse_keep_alive(const Json* value);

// A duration or whole seconds, as environment variables hold it; nullopt: neither.
std::optional<std::chrono::nanoseconds> parse_duration_or_seconds(std::string_view text);

}  // namespace engine
