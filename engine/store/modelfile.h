// Modelfile: the recipe of a model as text, read into commands and printed again.
// One instruction and its value per line; values that begin with " or """ end with the same mark
// and may have line ends. There are no escapes: what stands between the marks is the value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine {

enum class Keyword : uint8_t {
#define KEYWORD(name, value) name##_,
#include "engine/store/modelfile_keywords.inc"
};

struct ModelfileCommand {
  Keyword keyword = Keyword::from_;
  std::string key;  // of PARAMETER: the name, case kept; of MESSAGE: the role, lower case
  std::string value;
  int line = 0;  // where the instruction stands, from 1; 0: made by a program

  // The line does not count.
  bool operator==(const ModelfileCommand& o) const {
    return keyword == o.keyword && key == o.key && value == o.value;
  }
};

struct Modelfile {
  std::vector<ModelfileCommand> commands;  // in the order of the file
};

// text: UTF-8, or UTF-16 with a byte-order mark; invalid bytes become U+FFFD; control characters
// but tab and line ends are dropped from values. Errors of kind invalid_argument, in the words that
// users of Modelfiles know: `(line 3): command must be one of ...`, "unexpected EOF", "no FROM line".
Result<Modelfile> parse_modelfile(std::string_view text);

// "KEYWORD value\n"; parse_modelfile() reads back what it gave.
std::string print_command(const ModelfileCommand& command);
std::string print_modelfile(const Modelfile& file);

// What the parser says about an instruction that it does not know.
Error unknown_instruction(int line);

}  // namespace engine
