// Messages of a chat.
#pragma once

#include <string>
#include <utility>

#include "engine/text/chat_template.h"

namespace engine {

inline ChatMessage say(std::string role, std::string content) {
  ChatMessage m;
  m.role = std::move(role);
  m.content = std::move(content);
  return m;
}

}  // namespace engine
