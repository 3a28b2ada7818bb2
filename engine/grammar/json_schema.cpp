// A schema is brought into one form first ($ref and allOf resolved, the keywords beside anyOf
// brought into its alternatives), then written as rules.
#include "engine/grammar/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/grammar/json_values.h"
#include "engine/grammar/number_range.h"
#include "engine/grammar/schema_merge.h"
#include "engine/grammar/string_pattern.h"

namespace engine::grammar {
namespace {

constexpr int kMaxDepth = 200;          // of schemas in schemas, references followed
constexpr size_t kMaxExprs = 1 << 20;   // of the grammar
constexpr int64_t kMaxCount = 100'000;  // of lengths and numbers of items
constexpr size_t kMaxVisits = 50'000;   // schemas looked at, copies by merging included

struct Counts {
  int32_t min = 0, max = -1;
};

class SchemaCompiler {
 public:
  explicit SchemaCompiler(const Json& root) : root_(root), json_(g_) {}

  Result<Grammar> run() {
    ENGINE_TRY(body, visit(root_, "$", 0));
    g_.root = g_.define("root", body);
    return std::move(g_);
  }

 private:
  using Path = std::string;

  static Error malformed(const Path& path, const std::string& what) {
    return {Errc::invalid_argument, fmt::format("JSON schema error at {}: {}", path, what)};
  }
  static Error failed(const Path& path, const std::string& what) {
    return {Errc::invalid_argument,
            fmt::format("JSON schema conversion failed:\n{}: {}", path, what)};
  }

  Result<ExprId> visit(const Json& schema, const Path& path, int depth);
  Result<ExprId> visit_plain(const Json& schema, const Path& path, int depth);
  Result<ExprId> any_of(const Json& schema, const Path& path, int depth);
  Result<ExprId> of_type(const std::string& type, const Json& schema, const Path& path, int depth);
  Result<ExprId> values(const Json& schema, const Path& path);
  Result<ExprId> object(const Json& schema, const Path& path, int depth);
  Result<ExprId> array(const Json& schema, const Path& path, int depth);
  Result<ExprId> string(const Json& schema, const Path& path);
  Result<ExprId> number(const Json& schema, const Path& path, bool integer);

  Status check_keywords(const Json& schema, const Path& path) const;
  Result<const Json*> target(const Json& ref, const Path& path) const;
  Result<Json> resolved(const Json& schema, const Path& path, int depth);
  Result<std::string> implied_type(const Json& schema, const Path& path) const;
  Result<Counts> counts(const Json& schema, const char* min, const char* max, const Path& path);
  Result<Bound> bound(const Json& schema, const char* key, const char* exclusive, bool low,
                      const Path& path) const;

  const Json& root_;
  Grammar g_;
  JsonValues json_;
  std::unordered_map<std::string, RuleId> references_;  // by pointer
  size_t visits_ = 0;
};

Status SchemaCompiler::check_keywords(const Json& schema, const Path& path) const {
  for (const auto& [name, value] : schema.items()) {
    if (keyword(name).use != KeywordUse::unsupported) continue;
    if (name == "uniqueItems" && value == Json(false)) continue;
    return failed(path, fmt::format("the keyword \"{}\" is not supported", name));
  }
  return ok;
}

// What "#/$defs/name" points at.
Result<const Json*> SchemaCompiler::target(const Json& ref, const Path& path) const {
  if (!ref.is_string()) return malformed(path, "\"$ref\" must be a string");
  const std::string text = ref.get<std::string>();
  if (text != "#" && !text.starts_with("#/"))
    return failed(path, fmt::format("Unresolved $ref {} (only references into the same document, "
                                    "#/..., are supported)",
                                    text));
  const Json* at = &root_;
  for (size_t i = 1; i < text.size();) {
    const size_t end = std::min(text.find('/', i + 1), text.size());
    std::string part;
    for (size_t k = i + 1; k < end; ++k) {
      const auto hex = [&](size_t n) {
        const char c = n < end ? text[n] : 'x';
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
               : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                      : -1;
      };
      if (text[k] == '~' && k + 1 < end && (text[k + 1] == '0' || text[k + 1] == '1')) {
        part += text[++k] == '0' ? '~' : '/';
      } else if (text[k] == '%' && hex(k + 1) >= 0 && hex(k + 2) >= 0) {
        part += static_cast<char>(hex(k + 1) * 16 + hex(k + 2));
        k += 2;
      } else {
        part += text[k];
      }
    }
    const Json* next = nullptr;
    if (at->is_object() && at->contains(part)) next = &(*at)[part];
    if (at->is_array() && !part.empty() && part.size() < 6 &&
        part.find_first_not_of("0123456789") == std::string::npos &&
        static_cast<size_t>(std::stoi(part)) < at->size())
      next = &(*at)[static_cast<size_t>(std::stoi(part))];
    if (next == nullptr) return failed(path, fmt::format("Unresolved $ref {}", text));
    at = next;
    i = end;
  }
  return at;
}

// Without $ref and allOf at the top.
Result<Json> SchemaCompiler::resolved(const Json& schema, const Path& path, int depth) {
  if (depth > kMaxDepth || ++visits_ > kMaxVisits)
    return failed(path, "schemas are nested or combined too deeply");
  if (!schema.is_object()) {
    if (!schema.is_boolean()) return malformed(path, "a schema must be an object or a boolean");
    return schema;
  }
  ENGINE_TRY_STATUS(check_keywords(schema, path));
  if (!schema.contains("$ref") && !schema.contains("allOf")) return schema;
  Json out = schema;
  out.erase("$ref"), out.erase("allOf");
  if (schema.contains("$ref")) {
    ENGINE_TRY(to, target(schema["$ref"], path));
    ENGINE_TRY(other, resolved(*to, path, depth + 1));
    Result<Json> merged = merge_schemas(other, out);
    if (!merged) return failed(path, merged.error().message);
    out = std::move(*merged);
  }
  if (!schema.contains("allOf")) return out;
  const Json& list = schema["allOf"];
  if (!list.is_array() || list.empty())
    return malformed(path, "\"allOf\" must be a list of schemas");
  for (size_t i = 0; i < list.size(); ++i) {
    ENGINE_TRY(other, resolved(list[i], fmt::format("{}.allOf[{}]", path, i), depth + 1));
    Result<Json> merged = merge_schemas(out, other);
    if (!merged) return failed(path, merged.error().message);
    out = std::move(*merged);
  }
  return out;
}

Result<ExprId> SchemaCompiler::visit(const Json& schema, const Path& path, int depth) {
  if (depth > kMaxDepth || ++visits_ > kMaxVisits || g_.size() > kMaxExprs)
    return failed(path, "the schema is too large or nested too deeply");
  if (schema == Json(true)) return json_.value();
  if (schema == Json(false)) return failed(path, "the schema allows no value");
  if (!schema.is_object()) return malformed(path, "a schema must be an object or a boolean");
  if (schema.contains("$ref")) {
    Json rest = schema;
    rest.erase("$ref");
    if (!constrains(rest)) {  // a rule of its own, so that it may be recursive
      ENGINE_TRY(to, target(schema["$ref"], path));
      const std::string name = schema["$ref"].get<std::string>();
      if (const auto known = references_.find(name); known != references_.end())
        return g_.ref(known->second);
      const RuleId rule = g_.declare(name);
      references_.emplace(name, rule);
      ENGINE_TRY(body, visit(*to, name, depth + 1));
      g_.define(rule, body);
      return g_.ref(rule);
    }
  }
  ENGINE_TRY(plain, resolved(schema, path, depth));
  return visit_plain(plain, path, depth);
}

Result<ExprId> SchemaCompiler::visit_plain(const Json& schema, const Path& path, int depth) {
  if (schema == Json(true)) return json_.value();
  if (schema == Json(false)) return failed(path, "the schema allows no value");
  if (schema.contains("anyOf") || schema.contains("oneOf")) return any_of(schema, path, depth);
  if (schema.value("nullable", Json(false)) == Json(true)) {
    Json rest = schema;
    rest.erase("nullable");
    ENGINE_TRY(some, visit_plain(rest, path, depth));
    return g_.choice({some, json_.null()});
  }
  if (schema.contains("const") || schema.contains("enum")) return values(schema, path);
  if (!schema.contains("type")) {
    ENGINE_TRY(type, implied_type(schema, path));
    if (type.empty()) return json_.value();
    return of_type(type, schema, path, depth);
  }
  const Json& types = schema["type"];
  if (types.is_string()) return of_type(types.get<std::string>(), schema, path, depth);
  if (!types.is_array() || types.empty())
    return malformed(path, "\"type\" must be a name or a list of names");
  std::vector<ExprId> parts;
  for (const Json& type : types) {
    if (!type.is_string()) return malformed(path, "\"type\" must be a name or a list of names");
    ENGINE_TRY(part, of_type(type.get<std::string>(), schema, path, depth));
    parts.push_back(part);
  }
  return g_.choice(std::move(parts));
}

Result<std::string> SchemaCompiler::implied_type(const Json& schema, const Path& path) const {
  std::string type;
  for (const auto& [name, value] : schema.items()) {
    const std::string kind(keyword(name).kind);
    if (kind.empty() || kind == type) continue;
    if (!type.empty())
      return failed(
          path, fmt::format("\"type\" is missing: there are keywords of {} and of {}", type, kind));
    type = kind;
  }
  return type;
}

Result<ExprId> SchemaCompiler::any_of(const Json& schema, const Path& path, int depth) {
  ENGINE_TRY(same, merge_schemas(schema, Json::object()));  // oneOf becomes anyOf
  const Json& list = same["anyOf"];
  if (!list.is_array() || list.empty())
    return malformed(path, "\"anyOf\" and \"oneOf\" must be lists of schemas");
  Json rest = same;
  rest.erase("anyOf");
  const bool alone = !constrains(rest);
  std::vector<ExprId> parts;
  for (size_t i = 0; i < list.size(); ++i) {
    const Path inner = fmt::format("{}.anyOf[{}]", path, i);
    if (list[i] == Json(false)) continue;
    if (alone) {
      ENGINE_TRY(part, visit(list[i], inner, depth + 1));
      parts.push_back(part);
      continue;
    }
    ENGINE_TRY(alternative, resolved(list[i], inner, depth + 1));
    Result<Json> both = merge_schemas(rest, alternative);
    if (!both) return failed(inner, both.error().message);
    if (*both == Json(false)) continue;  // cannot be true here
    ENGINE_TRY(part, visit(*both, inner, depth + 1));
    parts.push_back(part);
  }
  if (parts.empty()) return failed(path, "the schema allows no value");
  return g_.choice(std::move(parts));
}

Result<ExprId> SchemaCompiler::of_type(const std::string& type, const Json& schema,
                                       const Path& path, int depth) {
  if (type == "object") return object(schema, path, depth);
  if (type == "array") return array(schema, path, depth);
  if (type == "string") return string(schema, path);
  if (type == "integer") return number(schema, path, true);
  if (type == "number") return number(schema, path, false);
  if (type == "boolean") return json_.boolean();
  if (type == "null") return json_.null();
  return malformed(path, fmt::format("unknown type \"{}\"", type));
}

bool has_type(const Json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  if (type == "object") return value.is_object();
  return type == "array" && value.is_array();
}

Result<ExprId> SchemaCompiler::values(const Json& schema, const Path& path) {
  Json list = schema.contains("enum") ? schema["enum"] : Json::array({schema["const"]});
  if (!list.is_array() || list.empty()) return malformed(path, "\"enum\" must be a list of values");
  for (const auto& [name, value] : schema.items())
    if (!keyword(name).kind.empty())
      return failed(path,
                    fmt::format("\"{}\" cannot be combined with \"enum\" or \"const\"", name));
  std::vector<ExprId> parts;
  for (const Json& value : list) {
    if (schema.contains("const") && value != schema["const"]) continue;
    bool fits = !schema.contains("type");
    if (!fits)
      for (const Json& type :
           schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]}))
        fits = fits || (type.is_string() && has_type(value, type.get<std::string>()));
    if (fits) parts.push_back(g_.literal(dump_json(value)));
  }
  if (parts.empty()) return failed(path, "no value of \"enum\" or \"const\" has the type");
  return g_.choice(std::move(parts));
}

Result<Counts> SchemaCompiler::counts(const Json& schema, const char* min, const char* max,
                                      const Path& path) {
  Counts out;
  for (const char* key : {min, max}) {
    if (!schema.contains(key)) continue;
    const Json& value = schema[key];
    if (!value.is_number() || value.get<double>() < 0 ||
        value.get<double>() != static_cast<double>(static_cast<int64_t>(value.get<double>())))
      return malformed(path, fmt::format("\"{}\" must be a whole number, 0 or more", key));
    const double n = value.get<double>();
    if (key == max) {
      out.max = n > static_cast<double>(kMaxCount) ? -1 : static_cast<int32_t>(n);
    } else {
      if (n > static_cast<double>(kMaxCount))
        return failed(path, fmt::format("\"{}\" is too large (at most {})", key, kMaxCount));
      out.min = static_cast<int32_t>(n);
    }
  }
  if (out.max >= 0 && out.max < out.min)
    return failed(path, fmt::format("\"{}\" is below \"{}\"", max, min));
  return out;
}

Result<ExprId> SchemaCompiler::object(const Json& schema, const Path& path, int depth) {
  struct Member {
    ExprId expr;
    bool required;
  };
  static const Json kNone = Json::object();
  const Json& properties = schema.contains("properties") ? schema["properties"] : kNone;
  if (!properties.is_object()) return malformed(path, "\"properties\" must be an object");
  std::vector<std::string> required;
  if (schema.contains("required")) {
    if (!schema["required"].is_array())
      return malformed(path, "\"required\" must be a list of names");
    for (const Json& name : schema["required"]) {
      if (!name.is_string()) return malformed(path, "\"required\" must be a list of names");
      required.push_back(name.get<std::string>());
    }
  }
  const bool declared = !properties.empty();
  Json extra =
      schema.contains("additionalProperties") ? schema["additionalProperties"] : Json(!declared);
  const auto member = [&](ExprId key, ExprId value) {
    return g_.sequence({key, json_.gap(), g_.literal(":"), json_.gap(), value, json_.gap()});
  };
  std::vector<Member> members;
  std::vector<std::string> names;
  const auto add = [&](const std::string& name, const Json& value, bool needed) -> Status {
    if (value == Json(false)) {
      if (needed)
        return failed(path, fmt::format("the required property \"{}\" allows no value", name));
      names.push_back(name);
      return ok;
    }
    ENGINE_TRY(inner, visit(value, path + ".properties." + name, depth + 1));
    names.push_back(name);
    const RuleId rule =
        g_.define(path + "." + name, member(g_.literal(dump_json(Json(name))), inner));
    members.push_back({g_.ref(rule), needed});
    return ok;
  };
  const auto is_required = [&](const std::string& name) {
    return std::find(required.begin(), required.end(), name) != required.end();
  };
  for (const auto& [name, value] : properties.items())
    ENGINE_TRY_STATUS(add(name, value, is_required(name)));
  for (const std::string& name : required) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    if (extra == Json(false))
      return failed(path, fmt::format("the required property \"{}\" is not declared", name));
    ENGINE_TRY_STATUS(add(name, extra, true));
  }
  ExprId other = -1;
  if (extra != Json(false)) {
    ENGINE_TRY(inner, visit(extra, path + ".additionalProperties", depth + 1));
    other = g_.ref(g_.define(path + " (other)", member(json_.other_key(names), inner)));
  }
  ENGINE_TRY(count, counts(schema, "minProperties", "maxProperties", path));
  const auto needed = static_cast<int32_t>(
      std::count_if(members.begin(), members.end(), [](const Member& m) { return m.required; }));
  const auto most = static_cast<int32_t>(members.size());
  if (members.empty() && other >= 0)
    return g_.sequence(
        {g_.literal("{"), json_.gap(), json_.list(other, count.min, count.max), g_.literal("}")});
  if (count.min > needed)
    return failed(path, "\"minProperties\" is supported up to the number of required properties");
  if (count.max >= 0 && (other >= 0 || count.max < most))
    return failed(path, "\"maxProperties\" is supported without optional properties only");
  // From the last member to the first: what may follow when there is something in front or nothing.
  ExprId behind = g_.empty(), alone = g_.empty();
  if (other >= 0) {
    behind = g_.repeat(g_.sequence({json_.separator(), other}), 0, -1);
    alone = g_.optional(g_.sequence({other, behind}));
  }
  for (size_t i = members.size(); i-- > 0;) {
    const ExprId next = g_.ref(g_.define("members", behind));
    ExprId with_sep = g_.sequence({json_.separator(), members[i].expr, next});
    ExprId first = g_.sequence({members[i].expr, next});
    if (!members[i].required) {
      with_sep = g_.choice({with_sep, next});
      first = g_.choice({first, g_.ref(g_.define("members", alone))});
    }
    behind = with_sep, alone = first;
  }
  return g_.sequence({g_.literal("{"), json_.gap(), alone, g_.literal("}")});
}

Result<ExprId> SchemaCompiler::array(const Json& schema, const Path& path, int depth) {
  ENGINE_TRY(count, counts(schema, "minItems", "maxItems", path));
  Json items = schema.contains("items") ? schema["items"] : Json(true);
  Json prefix = schema.contains("prefixItems") ? schema["prefixItems"] : Json::array();
  bool more = schema.contains("items");
  if (items.is_array()) {  // the older form of a tuple
    prefix = items;
    more = schema.contains("additionalItems");
    items = more ? schema["additionalItems"] : Json(false);
  } else if (schema.contains("additionalItems") && schema.contains("prefixItems")) {
    return failed(path, "\"additionalItems\" beside \"prefixItems\" is not supported");
  }
  if (!prefix.is_array()) return malformed(path, "\"prefixItems\" must be a list of schemas");
  if (prefix.empty() && !schema.contains("prefixItems")) more = true;
  if (items == Json(false)) more = false;
  std::vector<ExprId> parts = {g_.literal("["), json_.gap()};
  const auto n = static_cast<int32_t>(prefix.size());
  for (int32_t i = 0; i < n; ++i) {
    ENGINE_TRY(part, visit(prefix[static_cast<size_t>(i)],
                           fmt::format("{}.prefixItems[{}]", path, i), depth + 1));
    if (i > 0) parts.push_back(json_.separator());
    parts.push_back(part);
    parts.push_back(json_.gap());
  }
  if (count.max >= 0 && count.max < n)
    return failed(path, "\"maxItems\" is below the number of \"prefixItems\"");
  if (!more && count.min > n)
    return failed(path, "\"minItems\" is above the number of items that are allowed");
  if (more) {
    ENGINE_TRY(inner, visit(items, path + ".items", depth + 1));
    const ExprId item = g_.ref(g_.define(path + " (item)", g_.sequence({inner, json_.gap()})));
    const int32_t min = std::max(0, count.min - n), max = count.max < 0 ? -1 : count.max - n;
    if (n == 0)
      parts.push_back(json_.list(item, min, max));
    else if (max != 0)
      parts.push_back(g_.repeat(g_.sequence({json_.separator(), item}), min, max));
  }
  parts.push_back(g_.literal("]"));
  return g_.sequence(std::move(parts));
}

Result<ExprId> SchemaCompiler::string(const Json& schema, const Path& path) {
  ENGINE_TRY(count, counts(schema, "minLength", "maxLength", path));
  const bool bounded = count.min > 0 || count.max >= 0;
  std::string pattern;
  for (const char* key : {"pattern", "format"}) {
    if (!schema.contains(key)) continue;
    if (!schema[key].is_string())
      return malformed(path, fmt::format("\"{}\" must be a string", key));
    const std::string text = schema[key].get<std::string>();
    const std::string own = key[0] == 'p' ? text : std::string(format_pattern(text));
    if (own.empty()) continue;
    if (!pattern.empty())
      return failed(path, "\"pattern\" cannot be combined with this \"format\"");
    pattern = own;
  }
  if (pattern.empty() && !bounded) return json_.string();
  if (!pattern.empty() && bounded)
    return failed(
        path, "\"minLength\" and \"maxLength\" cannot be combined with \"pattern\" or \"format\"");
  ExprId inner = -1;
  if (pattern.empty()) {
    inner = g_.repeat(json_.character(), count.min, count.max);
  } else {
    Result<ExprId> made = string_pattern(g_, json_, pattern);
    if (!made) return failed(path, made.error().message);
    inner = *made;
  }
  return g_.sequence({g_.literal("\""), inner, g_.literal("\"")});
}

// The stricter one of the inclusive and the exclusive form of a bound.
Result<Bound> SchemaCompiler::bound(const Json& schema, const char* key, const char* exclusive,
                                    bool low, const Path& path) const {
  Bound out;
  bool exclusive_flag = false;  // the older form: a boolean beside the bound
  if (schema.contains(exclusive) && schema[exclusive].is_boolean())
    exclusive_flag = schema[exclusive].get<bool>();
  for (const char* name : {key, exclusive}) {
    if (!schema.contains(name) || (name == exclusive && schema[name].is_boolean())) continue;
    if (!schema[name].is_number())
      return malformed(path, fmt::format("\"{}\" must be a number", name));
    const NumberBound next{schema[name].get<double>(), name == exclusive || exclusive_flag};
    const bool stricter = !out || (low ? next.value > out->value : next.value < out->value) ||
                          (next.value == out->value && next.exclusive);
    if (stricter) out = next;
  }
  return out;
}

Result<ExprId> SchemaCompiler::number(const Json& schema, const Path& path, bool integer) {
  ENGINE_TRY(low, bound(schema, "minimum", "exclusiveMinimum", true, path));
  ENGINE_TRY(high, bound(schema, "maximum", "exclusiveMaximum", false, path));
  if (!low && !high) return integer ? json_.integer() : json_.number();
  Result<ExprId> made = integer ? integer_range(g_, low, high) : number_range(g_, low, high);
  if (!made) return failed(path, made.error().message);
  return *made;
}

}  // namespace

Result<Grammar> schema_grammar(const Json& schema) {
  return SchemaCompiler(schema).run();
}

}  // namespace engine::grammar
