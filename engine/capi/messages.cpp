#include "engine/capi/messages.h"

#include <fmt/format.h>

#include "engine/capi/border.h"

namespace engine::capi {

Result<std::vector<ChatMessage>> read_messages(const engine_message* messages, size_t n) {
  if (messages == nullptr) return invalid_argument("messages is null");
  if (n == 0) return invalid_argument("there are no messages");
  std::vector<ChatMessage> out(n);
  for (size_t i = 0; i < n; ++i) {
    if (messages[i].role == nullptr)
      return invalid_argument(fmt::format("messages[{}].role is null", i));
    if (messages[i].content == nullptr)
      return invalid_argument(fmt::format("messages[{}].content is null", i));
    out[i].role = messages[i].role;
    out[i].content = messages[i].content;
  }
  return out;
}

}  // namespace engine::capi
