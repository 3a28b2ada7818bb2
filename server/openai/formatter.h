// The replies of /v1/chat/completions and /v1/completions: single objects and event streams.
#pragma once

#include "server/answer.h"

namespace engine::openai {

// include_usage: a stream ends with the numbers of tokens.
AnswerForm chat_form(bool include_usage);
AnswerForm completion_form(bool include_usage);

}  // namespace engine::openai
