// The replies of /completion and /infill: single objects and event streams.
#pragma once

#include "server/answer.h"
#include "server/llamacpp/request.h"

namespace engine::llamacpp {

struct PromptFacts {
  int tokens = 0, context = 0;
};

// prompt: what the prompt turned out to be, filled in before the first token.
AnswerForm completion_form(const CompletionRequest& asked,
                           std::shared_ptr<const PromptFacts> prompt);

}  // namespace engine::llamacpp
