// The replies of /v1/chat/completions and /v1/completions: single objects and event streams.
#pragma once

#include "server/answer.h"
#include "server/openai/request.h"

namespace engine::openai {

AnswerForm chat_form(ReplyExtras extras);
AnswerForm completion_form(ReplyExtras extras);
// For .../input_tokens: the length of the prompt instead of an answer.
AnswerForm count_form();

}  // namespace engine::openai
