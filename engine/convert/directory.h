// Files of a model directory: small ones read whole, with limits.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/core/sorted_json.h"

namespace engine::convert {

bool file_exists(const std::string& path);

// Errc::invalid_argument: more than `limit` bytes.
Result<std::string> read_small_file(const std::string& path, size_t limit = size_t{64} << 20);

// A JSON object. NaN and Infinity, which Python writes into configurations, are read as null.
// Errc::corrupt: no JSON, or no object; the message begins with the path.
Result<SortedJson> read_json_file(const std::string& path, size_t limit = size_t{16} << 20);
// The same; an empty object if there is no such file.
Result<SortedJson> read_json_file_if_any(const std::string& path);

// A member of an object; nullptr: absent, null, or `object` is no object.
const SortedJson* member(const SortedJson& object, std::string_view key);
// A text member; "" if absent or no text.
std::string text_member(const SortedJson& object, std::string_view key);
bool flag_member(const SortedJson& object, std::string_view key, bool fallback);

}  // namespace engine::convert
