// The draft model that a verb was asked to use.
#pragma once

#include <string>

#include "engine/core/result.h"

namespace engine::cli {

class Args;

struct DraftChoice {
  std::string path;       // of its GGUF file; "": none
  bool required = false;  // the flag named it, so a model that it does not fit is an error
};

// --draft-model, else ENGINE_DRAFT_MODEL: a name of the store or a file. Errors: there is no such
// model.
Result<DraftChoice> draft_choice(const Args& args);

}  // namespace engine::cli
