// The replies of /v1/chat/completions and /v1/completions: single objects and event streams.
#pragma once

#include "server/answer.h"

namespace engine::openai {

// include_usage: a stream ends with the numbers of tokens.
AnswerForm chat_form(bool include_usage);
AnswerForm completion_form(bool include_usage);
// For .../input_tokens: the length of the prompt instead of an answer.
AnswerForm count_form();

}  // namespace engine::openai
