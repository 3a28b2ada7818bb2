// AnswerFormat: how a family of models writes calls of tools and reasoning into its answers. Formats
// are data, one line of tool_formats.inc each; what they share is in answer_parser.cpp.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/call_layout.h"

namespace engine {

// What stands between the tags of a call.
enum class CallBody : uint8_t {
  json,       // {"name", "arguments"}, or a list of them
  name_json,  // a name, a separator, the arguments as an object
  tagged,     // functions and parameters between tags, values as text
  pairs,      // a name, then keys and values between tags
  framed,     // a name, then keys and values between any texts
  nested,     // functions between tags, arguments as elements that may hold elements
  python,     // f(a='x', b=1)
  bare,       // call:f{k:"x",n:1}, keys without quotes, strings between marks
  generic,    // any JSON with the name of a known tool in it or in front of it
  harmony,    // messages with channels and recipients
};

// What a value that is written as text is taken for.
enum class ValueText : uint8_t {
  schema,   // what the schema of the tool says, else text
  guessed,  // without a schema: JSON where it is some, else text
  json,     // JSON, texts in quotes
};

// Empty: the format has no such thing. Several tags: separated by " & ".
struct AnswerFormat {
  std::string_view name;
  CallBody body = CallBody::json;
  std::string_view section, section_end;  // around all calls
  std::string_view open, close;           // around one call; without close a JSON value ends it
  std::string_view separator;             // name_json: behind the name
  std::string_view name_tag;              // name_json, framed: in front of the name, behind an id
  std::string_view name_key, arguments_key;   // json: other names of these two members
  std::string_view function;                  // tagged: in front of the name, when open is not that
  std::string_view parameter, parameter_end;  // tagged, pairs: around a value or a key
  std::string_view value, value_end;          // pairs: around a value
  std::string_view name_end, key_end;         // framed: behind the name; between key and value
  std::string_view call_end;                  // framed: behind the last value, in front of close
  std::string_view prefix;                    // nested: in front of every tag
  ValueText values = ValueText::schema;       // framed
  std::string_view mark;                      // bare: around a string
  std::string_view think = "<think>", think_end = "</think>";
  std::string_view dropped;  // tags around plain text, not part of it
  // Calls and plain text are messages that begin with the name of a tool, or with this one. The prompt
  // ends with the tag that opens a message.
  std::string_view content_name;
  bool plain_json = false;          // an answer that is nothing but JSON is a call too
  bool known_names = false;         // other names than those of the request are no calls
  bool key_is_name = false;         // json: {"f": {arguments}}
  bool call_ends_thinking = false;  // a call inside the reasoning ends it
  bool think_anywhere = false;      // reasoning may begin behind other text
  bool suffixed = false;            // in every tag, in front of >, is what only a rendering shows
  // Parts that a Jinja template of this format contains: all of "a & b", one of "a & b || c".
  std::string_view templates, without;
  CallLayout layout;         // of calls that are asked for; read by the same parser
  std::string_view parsers;  // names of this format in model configs, separated by spaces
};

// A format with texts of its own, found in a template.
struct OwnFormat : AnswerFormat {
  OwnFormat() = default;
  OwnFormat(const OwnFormat&) = delete;
  OwnFormat& operator=(const OwnFormat&) = delete;

  std::deque<std::string> texts;
  // text, as long as this object lives.
  std::string_view keep(std::string text) { return texts.emplace_back(std::move(text)); }
};
using FormatPtr = std::shared_ptr<const AnswerFormat>;
// A format of the list, which lives as long as the program.
inline FormatPtr listed_format(const AnswerFormat& format) {
  return FormatPtr(FormatPtr(), &format);
}

// By the name in a model's config; nullptr: unknown or "".
const AnswerFormat* find_answer_format(std::string_view parser);
// By the text of a Jinja template: the first line of the list that fits, else plain JSON.
const AnswerFormat& detect_answer_format(std::string_view jinja);
// All of the list, in its order.
const std::vector<AnswerFormat>& answer_formats();

// The texts between " & ".
std::vector<std::string_view> split_tags(std::string_view list);

// Texts whose control tokens must reach the parser instead of being left out of the answer.
// calls: also those around calls.
std::vector<std::string> control_texts(const AnswerFormat& format, bool calls);

}  // namespace engine
