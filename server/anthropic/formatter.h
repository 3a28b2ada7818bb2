// The replies of /v1/messages: one object, or a stream of typed events.
#pragma once

#include "server/answer.h"

namespace engine::anthropic {

AnswerForm messages_form();
// For /v1/messages/count_tokens.
AnswerForm count_form();

}  // namespace engine::anthropic
