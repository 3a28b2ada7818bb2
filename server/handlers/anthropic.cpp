// POST /v1/messages and /v1/messages/count_tokens: translated, then asked like native requests.
#include <nlohmann/json.hpp>

#include "server/anthropic/formatter.h"
#include "server/anthropic/request.h"
#include "server/handlers/handlers.h"
#include "server/run_answer.h"

namespace engine::handlers {

Status anthropic_messages(App& app, const HttpRequest& request,
                          const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  fill_in_model(app, body);
  ENGINE_TRY(native, anthropic::native_chat(body, false));
  return answer_chat(app, native, request.arrival, anthropic::messages_form(), reply);
}

Status anthropic_count_tokens(App& app, const HttpRequest& request,
                              const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  fill_in_model(app, body);
  ENGINE_TRY(native, anthropic::native_chat(body, true));
  native["_debug_render_only"] = true;
  return answer_chat(app, native, request.arrival, anthropic::count_form(), reply);
}

}  // namespace engine::handlers
