#include "engine/grammar/schema_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine::grammar {
namespace {

constexpr size_t kMaxAlternatives = 64;

Json list_of(const Json& one_or_more) {
  return one_or_more.is_array() ? one_or_more : Json::array({one_or_more});
}

Json common_types(const Json& a, const Json& b) {
  Json out = Json::array();
  const Json all = list_of(b);
  const auto has = [&](const char* t) { return std::find(all.begin(), all.end(), t) != all.end(); };
  for (const Json& t : list_of(a)) {
    if (std::find(all.begin(), all.end(), t) != all.end() || (t == "integer" && has("number")))
      out.push_back(t);
    else if (t == "number" && has("integer"))
      out.push_back("integer");
  }
  return out;
}

Json both(const Json& a, const Json& b) {
  if (a == b || b == Json(true)) return a;
  if (a == Json(true)) return b;
  return Json{{"allOf", Json::array({a, b})}};
}

// Merges keyword `key`, which both have, into out; false: nothing can match both.
Result<bool> merge_keyword(const std::string& key, const Json& b, Json& out) {
  Json& a = out[key];
  if (a == b) return true;
  if (key == "type") {
    a = common_types(a, b);
    return !a.empty();
  }
  if (key == "enum" && a.is_array() && b.is_array()) {
    Json values = Json::array();
    for (const Json& v : a)
      if (std::find(b.begin(), b.end(), v) != b.end()) values.push_back(v);
    a = std::move(values);
    return !a.empty();
  }
  if (key == "required" && a.is_array() && b.is_array()) {
    for (const Json& name : b)
      if (std::find(a.begin(), a.end(), name) == a.end()) a.push_back(name);
    return true;
  }
  if (key == "properties" && a.is_object() && b.is_object()) {
    for (const auto& [name, schema] : b.items()) {
      if (a.contains(name))
        a[name] = both(a[name], schema);
      else
        a[name] = schema;
    }
    return true;
  }
  if (key == "items" || key == "additionalProperties") {
    a = a == Json(false) || b == Json(false) ? Json(false) : both(a, b);
    return true;
  }
  if (a.is_number() && b.is_number()) {
    const bool lower = key.starts_with("min") || key == "exclusiveMinimum";
    if (lower == (b.get<double>() > a.get<double>())) a = b;
    return true;
  }
  if (key == "anyOf" && a.is_array() && b.is_array()) {
    if (a.size() * b.size() > kMaxAlternatives)
      return Error{Errc::unsupported, "too many combinations of \"anyOf\""};
    Json pairs = Json::array();
    for (const Json& x : a)
      for (const Json& y : b) pairs.push_back(both(x, y));
    a = std::move(pairs);
    return true;
  }
  return Error{Errc::unsupported,
               fmt::format("two different values of \"{}\" cannot be combined", key)};
}

// const and oneOf in terms of enum and anyOf: one way to say it.
Result<Json> plain(const Json& schema) {
  Json out = schema;
  if (out.contains("const")) {
    const Json value = out["const"];
    out.erase("const");
    if (out.contains("enum")) {
      ENGINE_TRY(fits, merge_keyword("enum", Json::array({value}), out));
      if (!fits) return Json(false);
    } else {
      out["enum"] = Json::array({value});
    }
  }
  if (out.contains("oneOf")) {
    const Json list = out["oneOf"];
    out.erase("oneOf");
    if (out.contains("anyOf"))
      ENGINE_TRY_STATUS([&]() -> Status {
        ENGINE_TRY(fits, merge_keyword("anyOf", list, out));
        static_cast<void>(fits);
        return ok;
      }());
    else
      out["anyOf"] = list;
  }
  return out;
}

}  // namespace

Keyword keyword(std::string_view name) {
#define CONSTRAINS(known, kind) \
  if (name == known) return {KeywordUse::constrains, kind};
#define UNSUPPORTED(known) \
  if (name == known) return {KeywordUse::unsupported, {}};
#include "engine/grammar/schema_keywords.inc"
  return {};
}

bool constrains(const Json& schema) {
  if (!schema.is_object()) return schema == Json(false);
  for (const auto& [name, value] : schema.items())
    if (keyword(name).use != KeywordUse::ignored) return true;
  return false;
}

Result<Json> merge_schemas(const Json& a, const Json& b) {
  if (a == Json(false) || b == Json(false)) return Json(false);
  if (!a.is_object()) return b;
  if (!b.is_object()) return a;
  ENGINE_TRY(out, plain(a));
  ENGINE_TRY(other, plain(b));
  if (out == Json(false) || other == Json(false)) return Json(false);
  for (const auto& [name, value] : other.items()) {
    if (!out.contains(name)) {
      out[name] = value;
    } else if (keyword(name).use != KeywordUse::ignored) {
      ENGINE_TRY(fits, merge_keyword(name, value, out));
      if (!fits) return Json(false);
    }
  }
  return std::move(out);
}

}  // namespace engine::grammar
