// Calls whose name, keys and values stand between texts that were found in a template.
#include <nlohmann/json.hpp>

#include "engine/text/output/call_reader.h"
#include "engine/text/output/cursor.h"

namespace engine {
namespace {

Json framed_value(const AnswerFormat& format, std::string_view tool, std::string_view key,
                  std::string_view text, const ToolSet& tools) {
  const bool by_text = format.values == ValueText::json ||
                       (format.values == ValueText::guessed && !tools.has_type(tool, key));
  if (!by_text) return tools.value_of(tool, key, text);
  Result<Json> value = parse_whole_json(text);
  const bool quoted = value && value->is_string();
  if (!value || (quoted && format.values == ValueText::guessed)) return repair_utf8(text);
  return std::move(*value);
}

}  // namespace

bool read_framed_call(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                      ToolCalls& out) {
  Cursor at{body};
  std::string_view name, id;
  if (!format.name_tag.empty() && !at.until_loosely(format.name_tag, id)) return false;
  if (trimmed(format.name_end).empty()) {
    size_t first = std::min(at.rest.find(format.parameter), at.rest.size());
    if (!format.call_end.empty()) first = std::min(first, at.rest.find(format.call_end));
    name = at.rest.substr(0, first);
    at.rest.remove_prefix(first);
  } else if (!at.until_loosely(format.name_end, name)) {
    // Without arguments some leave the end of the name out too.
    name = at.rest;
    at.rest = {};
  }
  name = trimmed(name);
  const bool lines = format.key_end.ends_with('\n');  // the layout puts values on their own lines
  Json arguments = Json::object();
  for (at.skip_blanks(); at.eat(format.parameter); at.skip_blanks()) {
    std::string_view key, text;
    if (!at.until_loosely(format.key_end, key) || !at.until(format.parameter_end, text))
      return false;
    key = trimmed(key);
    if (key.empty()) return false;
    arguments[repair_utf8(key)] =
        framed_value(format, name, key, lines ? without_layout(text) : text, tools);
  }
  at.eat_loosely(format.call_end);
  return at.done() && add_call(name, arguments, out);
}

}  // namespace engine
