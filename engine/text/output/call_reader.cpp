// Which reader a format wants, and the name check that they share.
#include "engine/text/output/call_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"

namespace engine {
namespace {

bool read(const AnswerFormat& format, std::string_view body, const ToolSet& tools, ToolCalls& out) {
  switch (format.body) {
    case CallBody::json:
      return read_json_calls(format, body, out);
    case CallBody::name_json:
      return read_name_json_call(format, body, tools, out);
    case CallBody::generic:
      return read_generic_call(body, tools, out);
    case CallBody::tagged:
      return read_tagged_calls(format, body, tools, out);
    case CallBody::pairs:
      return read_pairs_call(format, body, tools, out);
    case CallBody::framed:
      return read_framed_call(format, body, tools, out);
    case CallBody::nested:
      return read_nested_call(format, body, tools, out);
    case CallBody::python:
      return read_python_calls(body, out);
    case CallBody::bare:
      return read_bare_calls(format, body, out);
    case CallBody::harmony:
      break;  // has a parser of its own
  }
  return false;
}

}  // namespace

bool read_calls(const AnswerFormat& format, std::string_view body, const ToolSet& tools,
                ToolCalls& out) {
  const size_t before = out.size();
  const bool known = read(format, body, tools, out) &&
                     (!format.known_names ||
                      std::all_of(out.begin() + static_cast<ptrdiff_t>(before), out.end(),
                                  [&](const ChatToolCall& c) { return tools.has(c.name); }));
  if (!known) out.resize(before);
  return known;
}

bool add_call(std::string_view name, const Json& arguments, ToolCalls& out) {
  name = trimmed(name);
  if (name.empty() || name.size() > 256 || name.find_first_of(" \t\r\n{}<>\"") != name.npos ||
      !arguments.is_object())
    return false;
  out.push_back({"", repair_utf8(name), dump_json(arguments)});
  return true;
}

}  // namespace engine
