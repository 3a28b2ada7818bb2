// Dates in replies, as RFC 3339.
#pragma once

#include <cstdint>
#include <string>

namespace engine {

std::string utc_now();                                         // "2026-01-01T00:00:00.000000001Z"
std::string local_time(int64_t seconds, int64_t nanoseconds);  // since 1970, with the local offset

}  // namespace engine
