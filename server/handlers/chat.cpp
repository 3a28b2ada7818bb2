// POST /api/chat: a conversation, answered with the next message.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/base64.h"
#include "server/handlers/handlers.h"
#include "server/run_answer.h"
#include "server/tool_choice.h"
#include "server/use_model.h"

namespace engine {
namespace {

// Images of any message. The field is checked here, the message itself in parse_messages().
Result<bool> has_images(const Json* list) {
  bool any = false;
  if (!list) return false;
  for (size_t i = 0; i < list->size(); ++i) {
    if (!(*list)[i].is_object()) continue;
    const JsonFields message((*list)[i], "messages[" + std::to_string(i) + "].");
    ENGINE_TRY(images, message.array("images"));
    ENGINE_TRY_STATUS(check_images(images, "messages[" + std::to_string(i) + "].images"));
    any = any || (images && !images->empty());
  }
  return any;
}

Status check(const FoundModel& model, const AnswerFields& answer, const Json& tools) {
  if (!model.card->can("completion"))
    return Error{Errc::invalid_argument, "\"" + answer.model + "\" does not support chat"};
  if (!tools.empty()) return require_capability(model, "tools");
  return ok;
}

// Models that were trained without the reasoning of earlier turns in their context.
bool drops_old_thinking(const FoundModel& model) {
  return model.card->architecture == "qwen3" || model.record.name.model == "deepseek-r1";
}

void strip_old_thinking(std::vector<ChatMessage>& messages) {
  const auto last_user = std::find_if(messages.rbegin(), messages.rend(),
                                      [](const ChatMessage& m) { return m.role == "user"; });
  for (auto it = messages.begin(); it != last_user.base() && it != messages.end(); ++it) {
    if (it->role != "assistant") continue;
    const size_t open = it->content.find("<think>"), close = it->content.find("</think>");
    if (open == std::string::npos || close == std::string::npos || close < open) continue;
    it->content.erase(open, close + 8 - open);
    it->content.erase(0, std::min(it->content.find_first_not_of(" \t\r\n"), it->content.size()));
  }
}

Result<Prompt> build_prompt(const Model& model, const ChatTemplate* chat,
                            std::vector<ChatMessage> messages, const Json& tools,
                            const Json& variables, const AnswerFields& answer) {
  ChatInput input;
  input.kwargs = &variables;
  input.messages = std::move(messages);
  input.tools = tools.empty() ? nullptr : &tools;
  input.think = answer.think.think;
  input.effort = answer.think.effort;
  return chat_prompt(model, input, answer.limits, chat);
}

// Variables of the template: those of the command line, then those of the request.
Result<Json> read_variables(const App& app, const FoundModel& model, const JsonFields& fields) {
  Json out = Json::object();
  if (app.choice.is(model.record) && !app.choice.variables.empty()) {
    ENGINE_TRY(given, parse_json(app.choice.variables));
    out = std::move(given);
  }
  ENGINE_TRY(own, fields.object("chat_template_kwargs"));
  if (own) out.update(*own);
  return out;
}

// Where the request does not say: the variable that most templates have for it, the command line.
Status choose_think(const App& app, const FoundModel& model, const Json& variables,
                    AnswerFields& answer) {
  if (answer.think.think || !answer.think.effort.empty() || !model.card->can("thinking")) return ok;
  if (const auto it = variables.find("enable_thinking"); it != variables.end() && it->is_boolean())
    answer.think.think = it->get<bool>();
  else if (app.choice.is(model.record) && !app.choice.think.empty()) {
    ENGINE_TRY(value, parse_json(app.choice.think));
    ENGINE_TRY(choice, parse_think(&value));
    answer.think = choice;
  }
  return ok;
}

}  // namespace

Status answer_chat(App& app, const Json& request, std::chrono::steady_clock::time_point arrival,
                   AnswerForm form, const std::shared_ptr<Reply>& reply) {
  const JsonFields fields(request);
  ENGINE_TRY(answer, read_answer_fields(fields));
  ENGINE_TRY(list, fields.array("messages"));
  ENGINE_TRY(messages, parse_messages(list));
  ENGINE_TRY(images, has_images(list));
  ENGINE_TRY(tool_list, fields.array("tools"));
  ENGINE_TRY(tools, parse_tools(tool_list));
  ENGINE_TRY(choice, read_tool_choice(fields, tools));
  if (answer.model.empty()) return Error{Errc::invalid_argument, "model is required"};
  std::optional<FoundModel> found = find_model(app, *reply, answer.model, NotFoundText::as_sent);
  if (!found) return ok;

  AnswerJob job;
  job.info.model = answer.model;
  job.info.chat = true;
  job.info.stream = answer.stream;
  job.info.arrival = arrival;
  if (messages.empty() && answer.keep_alive == std::chrono::nanoseconds::zero()) {
    app.pool.unload(found->record.model_path, adapters_of(app, found->record));
    reply->json(200, form.loaded(job.info, "unload"));
    return ok;
  }
  if (form.think_if_able && !found->card->can("thinking")) answer.think = {};
  ENGINE_TRY(variables, read_variables(app, *found, fields));
  ENGINE_TRY_STATUS(choose_think(app, *found, variables, answer));
  ENGINE_TRY_STATUS(resolve_think(*found, answer));
  ENGINE_TRY_STATUS(check(*found, answer, tools));
  ENGINE_TRY(options, merged_options(found->record, answer.options));
  ENGINE_TRY(format, read_output_format(fields, options));
  if (choice.forced && format.constrains())
    return Error{
        Errc::invalid_argument,
        "a tool_choice that forces a call and a format of the answer cannot be used together"};
  ENGINE_TRY(adapters, read_adapters(app, found->record, fields));
  job.adapters = std::move(adapters);
  job.format = std::move(format);
  job.info.parallel_calls = choice.parallel;
  job.choice = std::move(choice);
  job.logprobs = answer.logprobs;
  job.info.logprobs = answer.logprobs >= 0;
  if (images) {
    ENGINE_TRY_STATUS(require_capability(*found, "vision"));
    return Error{Errc::unsupported, "images are not supported by this server"};
  }
  job.load_only = messages.empty();
  answer.limits.num_keep = options.num_keep;
  answer.options = nullptr;  // the request body is gone by the time the model is there
  job.options = std::move(options);
  job.keep_alive = answer.keep_alive;
  job.logit_bias = answer.logit_bias;
  job.debug_render = answer.debug_render;
  job.shift = answer.limits.shift;
  job.info.split_thinking = answer.think.think.value_or(false) && !messages.empty() &&
                            messages.back().role != "assistant";
  messages = with_presets(std::move(messages), found->record.system, found->record.messages);
  if (!tools.empty()) job.info.tools = std::make_shared<const Json>(tools);
  if (drops_old_thinking(*found)) strip_old_thinking(messages);
  job.prompt = [chat = found->chat, messages = std::move(messages), tools = std::move(tools),
                variables = std::move(variables), answer = std::move(answer)](const Model& model) {
    return build_prompt(model, chat.get(), messages, tools, variables, answer);
  };
  job.form = std::move(form);
  job.model = std::move(*found);
  run_answer(app, reply, std::move(job));
  return ok;
}

Status handlers::chat(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  return answer_chat(app, body, request.arrival, native_form(), reply);
}

}  // namespace engine
