// Requests are checked field by field, so that the first wrong one is named.
#include "server/json_fields.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

bool deeper_than(const Json& value, int limit) {
  if (!value.is_structured()) return false;
  if (limit == 0) return true;
  for (const Json& child : value)
    if (deeper_than(child, limit - 1)) return true;
  return false;
}

}  // namespace

Result<Json> parse_body(const HttpRequest& request, const char* missing) {
  if (request.body.find_first_not_of(" \t\r\n") == std::string::npos)
    return Error{Errc::invalid_argument, missing};
  ENGINE_TRY(body, parse_json(request.body));
  if (body.is_null()) return Json::object();
  if (!body.is_object())
    return Error{Errc::invalid_argument,
                 fmt::format("request body: expected object, got {}", body.type_name())};
  if (deeper_than(body, kMaxJsonDepth))
    return Error{Errc::invalid_argument,
                 fmt::format("request body: nested deeper than {} levels", kMaxJsonDepth)};
  return std::move(body);
}

Error JsonFields::type_error(std::string_view key, std::string_view expected) const {
  return {Errc::invalid_argument, fmt::format("field \"{}{}\": expected {}", path_, key, expected)};
}

const Json* JsonFields::get(std::string_view key) const {
  const Json* loose = nullptr;
  for (auto it = object_.begin(); it != object_.end(); ++it) {
    if (it.key() == key) return it->is_null() ? nullptr : &*it;
    if (equal_no_case(it.key(), key)) loose = &*it;
  }
  return loose && !loose->is_null() ? loose : nullptr;
}

Result<std::string> JsonFields::string(std::string_view key) const {
  const Json* value = get(key);
  if (!value) return std::string();
  if (!value->is_string()) return type_error(key, "string");
  return value->get<std::string>();
}

Result<bool> JsonFields::boolean(std::string_view key, bool fallback) const {
  const Json* value = get(key);
  if (!value) return fallback;
  if (!value->is_boolean()) return type_error(key, "boolean");
  return value->get<bool>();
}

Result<int64_t> JsonFields::integer(std::string_view key, int64_t fallback) const {
  const Json* value = get(key);
  if (!value) return fallback;
  if (value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{INT64_MAX})
    return type_error(key, "integer");
  if (value->is_number_integer()) return value->get<int64_t>();
  if (!value->is_number_float()) return type_error(key, "integer");
  const double d = value->get<double>();
  if (d != std::floor(d) || !(std::abs(d) < 9e18)) return type_error(key, "integer");
  return static_cast<int64_t>(d);
}

Result<std::optional<double>> JsonFields::number(std::string_view key) const {
  const Json* value = get(key);
  if (value && !value->is_number()) return type_error(key, "number");
  return value ? std::optional(value->get<double>()) : std::nullopt;
}

Result<const Json*> JsonFields::array(std::string_view key) const {
  const Json* value = get(key);
  if (value && !value->is_array()) return type_error(key, "array");
  return value;
}

Result<const Json*> JsonFields::object(std::string_view key) const {
  const Json* value = get(key);
  if (value && !value->is_object()) return type_error(key, "object");
  return value;
}

}  // namespace engine
