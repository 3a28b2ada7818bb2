// POST /v1/chat/completions, /v1/completions and /v1/responses: translated, then asked like native requests.
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/openai/formatter.h"
#include "server/openai/request.h"
#include "server/openai/responses.h"
#include "server/run_answer.h"

namespace engine::handlers {
namespace {

// This API has defaults of its own; where the command line has some for the model, they are those.
void leave_defaults(const App& app, const Json& body, Json& native) {
  const ModelChoice& choice = app.choice;
  if (choice.options.empty() && choice.default_options.empty()) return;
  const auto name = parse_user_name(native["model"].get<std::string>());
  const auto record = name ? app.store.find(*name) : Result<ModelRecord>(name.error());
  if (!record || !choice.is(*record)) return;
  const JsonFields fields(body);
  const auto given = fields.object("options");
  for (const char* key : {"temperature", "top_p"})
    if (!fields.get(key) && !(given && *given && (*given)->contains(key)))
      native["options"].erase(key);
}

using Translate = Result<Json> (*)(const Json&);

// The body of a request as a native one.
Result<Json> translated(App& app, const HttpRequest& request, Json& body, Translate translate) {
  ENGINE_TRY(parsed, parse_body(request, "EOF"));
  body = std::move(parsed);
  fill_in_model(app, body);
  ENGINE_TRY(native, translate(body));
  leave_defaults(app, body, native);
  return std::move(native);
}

Status count_tokens(App& app, const HttpRequest& request, Json native,
                    const std::shared_ptr<Reply>& reply) {
  native["_debug_render_only"] = true;
  return answer_chat(app, native, request.arrival, openai::count_form(), reply);
}

}  // namespace

Status openai_chat(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  Json body;
  ENGINE_TRY(native, translated(app, request, body, openai::native_chat));
  ENGINE_TRY(extras, openai::read_extras(JsonFields(body)));
  return answer_chat(app, native, request.arrival, openai::chat_form(extras), reply);
}

Status openai_completions(App& app, const HttpRequest& request,
                          const std::shared_ptr<Reply>& reply) {
  Json body;
  ENGINE_TRY(native, translated(app, request, body, openai::native_generate));
  ENGINE_TRY(extras, openai::read_extras(JsonFields(body)));
  return answer_generate(app, native, request.arrival, openai::completion_form(extras), reply);
}

Status openai_responses(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  Json body;
  ENGINE_TRY(native, translated(app, request, body, openai::native_response_request));
  ENGINE_TRY(form, openai::responses_form(body));
  return answer_chat(app, native, request.arrival, form, reply);
}

Status openai_chat_tokens(App& app, const HttpRequest& request,
                          const std::shared_ptr<Reply>& reply) {
  Json body;
  ENGINE_TRY(native, translated(app, request, body, openai::native_chat));
  return count_tokens(app, request, std::move(native), reply);
}

Status openai_responses_tokens(App& app, const HttpRequest& request,
                               const std::shared_ptr<Reply>& reply) {
  Json body;
  ENGINE_TRY(native, translated(app, request, body, openai::native_response_request));
  return count_tokens(app, request, std::move(native), reply);
}

}  // namespace engine::handlers
