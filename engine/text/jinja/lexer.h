// Cuts a template into text and the tokens of its tags; whitespace control is applied here.
#pragma once

#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/text/jinja/ast.h"

namespace engine::jinja {

struct Token {
  enum class Kind : uint8_t {
    text,
    output_begin,
    output_end,
    tag_begin,
    tag_end,
    name,
    string,
    integer,
    real,
    op,
    end
  };
  Kind kind;
  std::string_view text;  // text, name, operator; of a string its value
  int line;
  int64_t integer = 0;
  double real = 0;
};

// Views point into program.source and program.literals.
Result<std::vector<Token>> tokenize(Program& program);

}  // namespace engine::jinja
