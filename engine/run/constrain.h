// The form of an answer: a grammar, made from what a client asks for, and its constraint for one
// answer of a model.
#pragma once

#include <memory>
#include <string>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/grammar/constraint.h"
#include "engine/grammar/grammar.h"
#include "engine/run/model.h"

namespace engine {

// What is asked for, checked as far as that is possible without a model; nothing is set: free text.
struct OutputFormat {
  std::shared_ptr<const grammar::Grammar> grammar;
  std::shared_ptr<const grammar::Program> program;  // of grammar; null: not compiled yet
  std::string gbnf;                                 // parsed for the model: it may name tokens

  bool constrains() const { return grammar != nullptr || !gbnf.empty(); }
};
Result<OutputFormat> json_format();
// Errc::invalid_argument: what the schema asks for and no grammar can do.
Result<OutputFormat> schema_format(const Json& schema);

// Whether reasoning comes before the constraint begins, and the tags around it.
struct Thinking {
  grammar::Start start = grammar::Start::at_once;
  std::string open = "<think>", close = "</think>";
};

// Errc::invalid_argument: errors of a GBNF text; the model has no vocabulary.
Result<std::shared_ptr<grammar::Constraint>> make_constraint(const Model& model,
                                                             const OutputFormat& format,
                                                             const Thinking& thinking);

}  // namespace engine
