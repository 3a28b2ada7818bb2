// OutputFormat: the form that an answer is to have.
#pragma once

#include <memory>
#include <string>

#include "engine/grammar/grammar.h"
#include "engine/grammar/program.h"

namespace engine {

// What is asked for, checked as far as that is possible without a model; nothing is set: free text.
struct OutputFormat {
  std::shared_ptr<const grammar::Grammar> grammar;
  std::shared_ptr<const grammar::Program> program;  // of grammar; null: not compiled yet
  std::string gbnf;                                 // parsed for the model: it may name tokens
  std::string key;  // what grammar was made from, as one text; "": it is not remembered

  bool constrains() const { return grammar != nullptr || !gbnf.empty(); }
};

}  // namespace engine
