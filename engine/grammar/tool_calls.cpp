// Arguments that are one JSON object are what their schema says. Where parameters stand one by one,
// each is written as its own schema says, in the order of the schema; optional ones may be left out.
#include "engine/grammar/tool_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "engine/grammar/json_schema.h"
#include "engine/grammar/schema_merge.h"

namespace engine::grammar {
namespace {

constexpr int kMostCalls = 32;  // in one answer
constexpr size_t kMaxName = 256;

Error refused(const std::string& tool, const std::string& what) {
  return {Errc::invalid_argument,
          fmt::format("tool_choice: the call of \"{}\" cannot be forced: {}", tool, what)};
}

// What is left of a schema without these keywords.
Json without(Json schema, std::initializer_list<const char*> keys) {
  for (const char* key : keys) schema.erase(key);
  return schema;
}

bool is_empty(const Json& schema, const char* key) {
  return !schema.contains(key) || schema[key].empty();
}

// An object without any property; models are asked for {} then, whatever else would match.
bool takes_nothing(const Json& schema) {
  return is_empty(schema, "properties") && is_empty(schema, "required") &&
         schema.value("additionalProperties", Json(false)) == Json(false) &&
         schema.value("type", Json("object")) == Json("object") &&
         !constrains(without(schema, {"type", "properties", "required", "additionalProperties"}));
}

bool is_string_type(const Json& type) {
  return type == Json("string");
}

// Any text matches the schema: one of its types is a text without bounds, and a reader that takes
// the text for a value of another type does no harm.
bool any_text(const Json& schema) {
  if (!constrains(schema)) return true;
  if (schema.contains("anyOf")) {
    const Json& list = schema["anyOf"];
    return list.is_array() && !constrains(without(schema, {"anyOf"})) &&
           std::any_of(list.begin(), list.end(), [](const Json& s) { return any_text(s); }) &&
           std::all_of(list.begin(), list.end(), [](const Json& s) {
             return s.is_object() && s.contains("type") && !constrains(without(s, {"type"})) &&
                    s["type"] != Json("object") && s["type"] != Json("array");
           });
  }
  if (!schema.contains("type") || constrains(without(schema, {"type"}))) return false;
  const Json& type = schema["type"];
  if (!type.is_array()) return is_string_type(type);
  return std::any_of(type.begin(), type.end(), is_string_type) &&
         std::none_of(type.begin(), type.end(),
                      [](const Json& t) { return t == Json("object") || t == Json("array"); });
}

// The texts of `enum` or `const`; empty: these are no texts alone.
std::vector<std::string> text_values(const Json& schema) {
  Json list = schema.contains("enum") ? schema["enum"] : Json::array();
  if (schema.contains("const")) list = Json::array({schema["const"]});
  std::vector<std::string> out;
  if (!list.is_array() || constrains(without(schema, {"enum", "const", "type"}))) return out;
  if (schema.contains("type") && !is_string_type(schema["type"])) return out;
  for (const Json& value : list) {
    if (!value.is_string()) return {};
    out.push_back(value.get<std::string>());
  }
  return out;
}

// Whether a reader that goes by the schema knows that the value is no text.
bool never_text(const Json& schema) {
  const auto known = [](const Json& s) {
    if (!s.is_object() || !s.contains("type")) return false;
    const Json& type = s["type"];
    return type.is_array() ? std::none_of(type.begin(), type.end(), is_string_type)
                           : !is_string_type(type);
  };
  if (schema.contains("$ref") || schema.contains("allOf") || schema.contains("oneOf")) return false;
  if (!schema.contains("anyOf")) return known(schema);
  const Json& list = schema["anyOf"];
  return list.is_array() && std::all_of(list.begin(), list.end(), known);
}

class CallWriter {
 public:
  explicit CallWriter(const CallShape& shape) : shape_(shape), layout_(shape.layout) {
    std::stable_sort(shape_.tags.begin(), shape_.tags.end(),
                     [](const Tag& a, const Tag& b) { return a.text.size() > b.text.size(); });
  }

  Result<Grammar> run(const Json& tools, const std::string& only, bool several) {
    std::vector<ExprId> calls;
    for (const Json& tool : tools) {
      const Json& function = tool["function"];
      const std::string name = function["name"].get<std::string>();
      if (!only.empty() && name != only) continue;
      ENGINE_TRY(one, call(name, function.value("parameters", Json())));
      calls.push_back(one);
    }
    if (calls.empty()) return Error{Errc::invalid_argument, "tool_choice: there are no tools"};
    const ExprId one = g_.ref(g_.define("call", g_.choice(std::move(calls))));
    ENGINE_TRY(prelude, fill(layout_.prelude, {}));
    ENGINE_TRY(begin, fill(layout_.begin, {}));
    const bool more = several && !layout_.single;
    const ExprId next = g_.sequence({text(layout_.between), one});
    const ExprId rest = more ? g_.repeat(next, 0, kMostCalls - 1) : g_.empty();
    ExprId all = g_.sequence({one, rest});
    if (layout_.list) {
      const ExprId listed = g_.sequence({g_.literal("["), all, g_.literal("]")});
      all = g_.choice({one, listed});
    }
    g_.root =
        g_.define("calls", g_.sequence({g_.optional(prelude), begin, all, text(layout_.end)}));
    return std::move(g_);
  }

 private:
  // What stands in a hole; rest: the layout behind it, of which it may take away its end.
  using Hole = std::function<Result<ExprId>(std::string_view hole, std::string_view& rest)>;

  Result<ExprId> call(const std::string& name, Json parameters);
  Result<ExprId> fill(std::string_view layout, const Hole& hole);
  Result<ExprId> arguments(const std::string& tool, Json schema);
  Result<ExprId> parameters(const std::string& tool, const Json& schema);
  Result<ExprId> parameter(const std::string& tool, const std::string& key, const Json& schema);
  Result<ExprId> value(const std::string& tool, const std::string& key, const Json& schema,
                       bool& is_text, std::string_view& rest);
  Result<ExprId> json(const std::string& tool, const Json& schema);
  ExprId text(std::string_view s);
  ExprId text_up_to(std::string_view end);
  const Tag* tag_at(std::string_view s) const;

  CallShape shape_;
  const CallLayout& layout_;
  Json definitions_;  // that the parameters of the current tool share
  Grammar g_;
};

const Tag* CallWriter::tag_at(std::string_view s) const {
  for (const Tag& tag : shape_.tags)
    if (s.starts_with(tag.text)) return &tag;
  return nullptr;
}

// Tags become tokens.
ExprId CallWriter::text(std::string_view s) {
  std::vector<ExprId> parts;
  std::string plain;
  const auto flush = [&] {
    if (!plain.empty()) parts.push_back(g_.literal(std::exchange(plain, {})));
  };
  while (!s.empty()) {
    const Tag* tag = tag_at(s);
    if (tag == nullptr) {
      plain += s[0];
      s.remove_prefix(1);
      continue;
    }
    flush();
    s.remove_prefix(tag->text.size());
    if (!tag->ends) parts.push_back(g_.token(tag->token));
  }
  flush();
  return g_.sequence(std::move(parts));
}

// Anything up to the first tag of `end`, and the tag. Layout in front of the tag is part of the text.
ExprId CallWriter::text_up_to(std::string_view end) {
  if (const Tag* tag = tag_at(end)) {
    const ExprId any = g_.repeat(g_.token(tag->token, true), 0, -1);
    return tag->ends ? any : g_.sequence({any, g_.token(tag->token)});
  }
  return g_.until(std::string(end));
}

Result<ExprId> CallWriter::fill(std::string_view layout, const Hole& hole) {
  std::vector<ExprId> parts;
  while (!layout.empty()) {
    const size_t at = std::min(layout.find('$'), layout.size());
    parts.push_back(text(layout.substr(0, at)));
    layout.remove_prefix(at);
    if (layout.empty()) break;
    size_t end = 1;
    while (end < layout.size() && layout[end] >= 'a' && layout[end] <= 'z') ++end;
    const std::string_view name = layout.substr(1, end - 1);
    layout.remove_prefix(end);
    if (name == "gap") {
      parts.push_back(g_.optional(g_.chars(" \n")));
    } else if (name == "index") {
      parts.push_back(g_.repeat(g_.chars({{'0', '9'}}), 1, 3));
    } else if (name == "text") {
      const size_t close = std::min(layout.find('>'), layout.size() - 1) + 1;
      parts.push_back(text_up_to(layout.substr(0, close)));
      layout.remove_prefix(close);
    } else {
      ENGINE_TRY(part, hole(name, layout));
      parts.push_back(part);
    }
  }
  return g_.sequence(std::move(parts));
}

Result<ExprId> CallWriter::call(const std::string& name, Json schema) {
  const bool in_json = layout_.call.find("\"$name\",") != std::string_view::npos ||
                       layout_.call.find("\"$name\":") != std::string_view::npos;
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  const bool good = in_json ? name.find_first_of(" \t\r\n{}<>\"") == std::string::npos
                            : std::all_of(name.begin(), name.end(), plain);
  if (name.empty() || name.size() > kMaxName || !good)
    return refused(name, "models cannot write this name");
  const std::string quoted = dump_json(Json(name));
  const std::string written = in_json ? quoted.substr(1, quoted.size() - 2) : name;
  if (schema.is_null()) schema = Json::object();
  if (!schema.is_object()) return refused(name, "its parameters are no schema of an object");
  definitions_ = Json::object();
  for (const char* key : {"$defs", "definitions"})
    if (schema.contains(key)) definitions_[key] = schema[key];
  return fill(layout_.call, [&](std::string_view hole, std::string_view&) -> Result<ExprId> {
    if (hole == "arguments") return arguments(name, schema);
    if (hole == "parameters") return parameters(name, schema);
    return g_.literal(written);
  });
}

Result<ExprId> CallWriter::json(const std::string& tool, const Json& schema) {
  Result<Grammar> made = schema_grammar(schema);
  if (!made) return refused(tool, made.error().message);
  return g_.ref(g_.take_over(*made));
}

Result<ExprId> CallWriter::arguments(const std::string& tool, Json schema) {
  if (takes_nothing(schema)) return g_.literal("{}");
  if (!schema.contains("type") && !schema.contains("$ref") && !schema.contains("anyOf") &&
      !schema.contains("oneOf") && !schema.contains("allOf"))
    schema["type"] = "object";
  if (schema.contains("type") && schema["type"] != Json("object"))
    return refused(tool, "its parameters are no schema of an object");
  return json(tool, schema);
}

Result<ExprId> CallWriter::parameters(const std::string& tool, const Json& schema) {
  if (constrains(without(schema, {"type", "properties", "required", "additionalProperties", "$defs",
                                  "definitions"})) ||
      schema.value("type", Json("object")) != Json("object"))
    return refused(tool,
                   "the model writes parameters one by one, which needs a schema with plain "
                   "\"properties\"");
  const Json properties = schema.value("properties", Json::object());
  if (!properties.is_object()) return refused(tool, "\"properties\" must be an object");
  Json all = properties;
  std::vector<std::string> required;
  for (const Json& key : schema.value("required", Json::array())) {
    if (!key.is_string()) return refused(tool, "\"required\" must be a list of names");
    required.push_back(key.get<std::string>());
    if (!all.contains(required.back())) all[required.back()] = Json::object();
  }
  struct Member {
    ExprId expr;
    bool needed;
  };
  std::vector<Member> members;
  for (const auto& [key, inner] : all.items()) {
    if (inner == Json(false)) continue;
    ENGINE_TRY(one, parameter(tool, key, inner == Json(true) ? Json::object() : inner));
    members.push_back({g_.ref(g_.define(tool + "." + key, one)),
                       std::find(required.begin(), required.end(), key) != required.end()});
  }
  // From the last to the first: what may follow behind another one, and what with nothing in front.
  ExprId behind = g_.empty(), alone = g_.empty();
  for (size_t i = members.size(); i-- > 0;) {
    const ExprId next = g_.ref(g_.define("parameters", behind));
    ExprId with = g_.sequence({text(layout_.separator), members[i].expr, next});
    ExprId first = g_.sequence({members[i].expr, next});
    if (!members[i].needed) {
      with = g_.choice({with, next});
      first = g_.choice({first, g_.ref(g_.define("parameters", alone))});
    }
    behind = with, alone = first;
  }
  return alone;
}

Result<ExprId> CallWriter::parameter(const std::string& tool, const std::string& key,
                                     const Json& schema) {
  if (key.empty() || key.find_first_of("<>\"=:,{}[]() \t\r\n") != std::string::npos)
    return refused(tool, fmt::format("the model cannot write the parameter \"{}\"", key));
  bool is_text = shape_.kinds_told && (any_text(schema) || !text_values(schema).empty());
  return fill(layout_.parameter, [&](std::string_view hole, std::string_view& rest) {
    if (hole == "key") return Result<ExprId>(g_.literal(key));
    if (hole == "kind") return Result<ExprId>(g_.literal(is_text ? "true" : "false"));
    return value(tool, key, schema, is_text, rest);
  });
}

// The value of a parameter; of a text the end of the layout too, which is where it ends.
Result<ExprId> CallWriter::value(const std::string& tool, const std::string& key,
                                 const Json& schema, bool& is_text, std::string_view& rest) {
  const std::vector<std::string> values = text_values(schema);
  const std::string mark(shape_.mark);
  if (shape_.values != ParameterText::json && !values.empty()) {
    std::vector<ExprId> parts;
    for (const std::string& one : values) parts.push_back(g_.literal(one));
    const ExprId some = g_.choice(std::move(parts));
    if (shape_.values == ParameterText::plain) return some;
    return g_.sequence({text(mark), some, text(mark)});
  }
  const bool texts = any_text(schema);
  if (shape_.values == ParameterText::marked && texts)
    return g_.sequence({text(mark), text_up_to(mark)});
  if (shape_.values == ParameterText::plain && (shape_.kinds_told ? is_text : texts)) {
    // layout in front of the tag
    rest.remove_prefix(std::min(rest.find_first_not_of(" \n"), rest.size()));
    const Tag* tag = tag_at(rest);
    const size_t end = tag ? tag->text.size() : std::min(rest.find('>'), rest.size() - 1) + 1;
    const ExprId up_to = text_up_to(rest.substr(0, end));
    rest.remove_prefix(end);
    return up_to;
  }
  if (shape_.values == ParameterText::plain && !shape_.kinds_told && !never_text(schema))
    return refused(tool, fmt::format("the model writes the parameter \"{}\" as plain text, which "
                                     "can be a \"string\" without bounds, an \"enum\" of texts or "
                                     "of a \"type\" that is no text",
                                     key));
  Json whole = schema;
  whole.update(definitions_);
  return json(tool, whole);
}

}  // namespace

Result<Grammar> call_grammar(const CallShape& shape, const Json& tools, const std::string& only,
                             bool several) {
  return CallWriter(shape).run(tools, only, several);
}

}  // namespace engine::grammar
