// The form of an answer: a grammar, made from what a client asks for, and its constraint for one
// answer of a model.
#pragma once

#include <memory>
#include <string>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/grammar/constraint.h"
#include "engine/run/model.h"
#include "engine/run/output_format.h"

namespace engine {

// The formats of schemas belong to no model: the process remembers them.
Result<OutputFormat> json_format();
// Errc::invalid_argument: what the schema asks for and no grammar can do.
Result<OutputFormat> schema_format(const Json& schema);

// Whether reasoning comes before the constraint begins, and the tags around it.
struct Thinking {
  grammar::Start start = grammar::Start::at_once;
  std::string open = "<think>", close = "</think>";
};

// What depends on the vocabulary is compiled once per model and remembered there.
// Errc::invalid_argument: errors of a GBNF text; the model has no vocabulary.
Result<std::shared_ptr<grammar::Constraint>> make_constraint(const Model& model,
                                                             const OutputFormat& format,
                                                             const Thinking& thinking);

}  // namespace engine
