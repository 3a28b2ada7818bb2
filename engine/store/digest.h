// What bytes hash to, while somebody watches how far it has got.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/store/blobs.h"

namespace engine {

// Told how many bytes of a source have been read so far; an error ends the reading.
using Watch = std::function<Status(int64_t)>;
ByteSource watched(ByteSource source, Watch watch);

// "sha256:<64 hex>" of all that is to come.
Result<std::string> digest_of(const ByteSource& source);

// `digest mismatch, expected "<a>", got "<b>"`
Error digest_mismatch(std::string_view expected, std::string_view got);

}  // namespace engine
