// Calls between tags, whose values are plain text: the schema of the tool says what they are.
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"
#include "engine/text/output/call_reader.h"
#include "engine/text/output/cursor.h"

namespace engine {
namespace {

// The rest of a tag: `NAME>` or, when the tag ended with a quote, `NAME" attributes>`.
bool read_name(Cursor& at, std::string_view tag, std::string_view& name, std::string_view& more) {
  more = {};
  if (!tag.ends_with('"')) return at.until(">", name);
  return at.until("\"", name) && at.until(">", more);
}

bool read_parameters(const AnswerFormat& format, Cursor& at, std::string_view function,
                     const ToolSet& tools, Json& arguments) {
  for (at.skip_blanks(); at.eat(format.parameter); at.skip_blanks()) {
    std::string_view name, attributes, text;
    if (!read_name(at, format.parameter, name, attributes) || !at.until(format.parameter_end, text))
      return false;
    Json& value = arguments[repair_utf8(trimmed(name))];
    if (attributes.find("string=\"true\"") != attributes.npos) {
      value = repair_utf8(text);
    } else if (attributes.find("string=\"false\"") != attributes.npos) {
      Result<Json> parsed = parse_whole_json(text);
      value = parsed ? std::move(*parsed) : Json(repair_utf8(text));
    } else {
      value = tools.value_of(function, trimmed(name), without_layout(text));
    }
  }
  return true;
}

}  // namespace

bool read_tagged_calls(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                       ToolCalls& out) {
  Cursor at{body};
  // Without a tag of its own the name follows the opening tag of the call.
  const std::string_view tag = format.function.empty() ? format.open : format.function;
  bool any = false;
  for (;;) {
    at.skip_blanks();
    if (at.rest.empty()) return any;
    if (format.function.empty() ? any : !at.eat(format.function)) return false;
    std::string_view name, attributes;
    if (!read_name(at, tag, name, attributes)) return false;
    name = trimmed(name);
    Json arguments = Json::object();
    if (!read_parameters(format, at, name, tools, arguments)) return false;
    at.eat("</function>");
    if (!add_call(name, arguments, out)) return false;
    any = true;
  }
}

bool read_pairs_call(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                     ToolCalls& out) {
  const size_t first = std::min(body.find(format.parameter), body.size());
  const std::string_view name = trimmed(body.substr(0, first));
  Cursor at{body.substr(first)};
  Json arguments = Json::object();
  for (; at.eat(format.parameter); at.skip_blanks()) {
    std::string_view key, text;
    if (!at.until(format.parameter_end, key)) return false;
    at.skip_blanks();
    if (!at.eat(format.value) || !at.until(format.value_end, text)) return false;
    arguments[repair_utf8(trimmed(key))] = tools.value_of(name, trimmed(key), text);
  }
  at.skip_blanks();
  return at.rest.empty() && add_call(name, arguments, out);
}

}  // namespace engine
