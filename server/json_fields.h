// Typed access to the keys of a JSON request.
// Keys match exactly, else without regard to case; null counts as absent.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "server/http/http.h"

namespace engine {

// Deeper nesting is refused: later stages walk JSON recursively.
inline constexpr int kMaxJsonDepth = 200;

// The object in the body; {} for null.
// Errors: `missing` for an empty body, syntax, nesting, not an object.
Result<Json> parse_body(const HttpRequest& request, const char* missing = "missing request body");

// A view: object outlives it. path: prefix for messages, "options." or "".
class JsonFields {
 public:
  explicit JsonFields(const Json& object, std::string path = {})
      : object_(object), path_(std::move(path)) {}

  const Json* get(std::string_view key) const;             // nullptr: absent or null
  Result<std::string> string(std::string_view key) const;  // "" when absent
  Result<bool> boolean(std::string_view key, bool fallback) const;
  Result<int64_t> integer(std::string_view key, int64_t fallback) const;  // refuses fractions
  Result<std::optional<double>> number(std::string_view key) const;       // nullopt when absent
  Result<const Json*> array(std::string_view key) const;                  // nullptr when absent
  Result<const Json*> object(std::string_view key) const;

 private:
  Error type_error(std::string_view key, std::string_view expected) const;

  const Json& object_;
  std::string path_;
};

}  // namespace engine
