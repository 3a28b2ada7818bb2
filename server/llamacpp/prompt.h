// Prompts of /completion and /infill: texts and token ids, one behind the other.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/run/model.h"
#include "engine/run/prompt.h"
#include "engine/text/vocab_data.h"
#include "server/json_fields.h"

namespace engine::llamacpp {

struct PromptPart {
  std::string text;
  Token token = kNoToken;  // else in place of the text
  bool special = false;    // texts of control tokens become these tokens
};
using PromptParts = std::vector<PromptPart>;

// A text, or a list of token ids with texts between them.
Result<PromptParts> read_prompt(const JsonFields& fields);

// What a gap in a text is to be filled from.
struct InfillFields {
  struct File {
    std::string name, text;
  };
  std::string prefix, suffix, prompt;  // prompt: how the filling begins
  std::vector<File> extra;             // other files of the same project
};
Result<InfillFields> read_infill(const JsonFields& fields);
// Errc::unsupported: the vocabulary has no tokens that mark a gap.
Result<PromptParts> infill_parts(const Model& model, const InfillFields& fields);

// The begin token of the vocabulary stands in front of a text alone, not of a token.
// Errc::invalid_argument: an id that the model does not have.
Result<Prompt> encode_parts(const Model& model, const PromptParts& parts);

}  // namespace engine::llamacpp
