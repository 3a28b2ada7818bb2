// Cuts a template into text and the tokens of its actions; trim markers and comments are gone
// afterwards.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/text/gotemplate/ast.h"

namespace engine::gotemplate {

struct Token {
  enum class Kind : uint8_t {
    text,
    open,        // {{
    close,       // }}
    name,        // a function or keyword
    field,       // .name
    dot,         // .
    variable,    // $name
    string,      // value
    number,      // value
    left_paren,  // (
    right_paren,
    pipe,
    comma,
    declare,  // :=
    assign,   // =
    end
  };
  Kind kind = Kind::end;
  std::string_view text;  // in the source
  bool spaced = false;    // blanks in front of it, inside an action
  Value value;
};

// Views point into program.source.
Result<std::vector<Token>> tokenize(const Program& program);

// "template: :LINE: message", the line of `at` in the source.
Error syntax_error(const Program& program, const char* at, const std::string& message);

// literals.cpp: Go's constants. false: not one.
bool parse_number(std::string_view text, Value* out);
bool unquote(std::string_view quoted, std::string* out);  // "…" with escapes, without quotes
bool unquote_char(std::string_view quoted, int64_t* code_point);  // '…', without quotes

}  // namespace engine::gotemplate
