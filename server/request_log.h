// The log line of a finished request.
#pragma once

#include <string>

#include "server/http/session.h"

namespace engine {

// "POST /api/chat 200 1.25 s, 3412 bytes, 127.0.0.1, prompt 12 ..."
std::string request_line(const RequestRecord& record);

}  // namespace engine
