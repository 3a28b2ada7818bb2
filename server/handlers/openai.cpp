// POST /v1/chat/completions, /v1/completions and /v1/responses: translated, then asked like native requests.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/openai/formatter.h"
#include "server/openai/request.h"
#include "server/openai/responses.h"
#include "server/run_answer.h"

namespace engine::handlers {
namespace {

Status count_tokens(App& app, const HttpRequest& request, Json native,
                    const std::shared_ptr<Reply>& reply) {
  native["_debug_render_only"] = true;
  return answer_chat(app, native, request.arrival, openai::count_form(), reply);
}

}  // namespace

Status openai_chat(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  ENGINE_TRY(native, openai::native_chat(body));
  ENGINE_TRY(extras, openai::read_extras(JsonFields(body)));
  return answer_chat(app, native, request.arrival, openai::chat_form(extras), reply);
}

Status openai_completions(App& app, const HttpRequest& request,
                          const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  ENGINE_TRY(native, openai::native_generate(body));
  ENGINE_TRY(extras, openai::read_extras(JsonFields(body)));
  return answer_generate(app, native, request.arrival, openai::completion_form(extras), reply);
}

Status openai_responses(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  ENGINE_TRY(native, openai::native_response_request(body));
  ENGINE_TRY(form, openai::responses_form(body));
  return answer_chat(app, native, request.arrival, form, reply);
}

Status openai_chat_tokens(App& app, const HttpRequest& request,
                          const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  ENGINE_TRY(native, openai::native_chat(body));
  return count_tokens(app, request, std::move(native), reply);
}

Status openai_responses_tokens(App& app, const HttpRequest& request,
                               const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  ENGINE_TRY(native, openai::native_response_request(body));
  return count_tokens(app, request, std::move(native), reply);
}

}  // namespace engine::handlers
