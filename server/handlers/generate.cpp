// POST /api/generate: one prompt, one answer; also the way to load and unload a model.
#include <nlohmann/json.hpp>

#include "engine/text/tokenizer.h"
#include "server/base64.h"
#include "server/handlers/handlers.h"
#include "server/run_answer.h"
#include "server/use_model.h"

namespace engine {
namespace {

struct GenerateFields {
  std::string prompt, suffix, system, template_text;
  std::vector<Token> context;
  bool raw = false, has_context = false, has_images = false;
};

Result<GenerateFields> read_fields(const JsonFields& fields) {
  GenerateFields out;
  ENGINE_TRY(prompt, fields.string("prompt"));
  ENGINE_TRY(suffix, fields.string("suffix"));
  ENGINE_TRY(system, fields.string("system"));
  ENGINE_TRY(template_text, fields.string("template"));
  ENGINE_TRY(raw, fields.boolean("raw", false));
  ENGINE_TRY(context, fields.array("context"));
  ENGINE_TRY(images, fields.array("images"));
  ENGINE_TRY_STATUS(check_images(images, "images"));
  if (context) {
    for (const Json& id : *context) {
      if (!id.is_number_integer() || id < INT32_MIN || id > INT32_MAX)
        return Error{Errc::invalid_argument, "field \"context\": expected array of integers"};
      out.context.push_back(id.get<Token>());
    }
  }
  out.prompt = std::move(prompt);
  out.suffix = std::move(suffix);
  out.system = std::move(system);
  out.template_text = std::move(template_text);
  out.raw = raw;
  out.has_context = !out.context.empty();
  out.has_images = images && !images->empty();
  return out;
}

Status check(const FoundModel& model, const AnswerFields& answer, const GenerateFields& own) {
  if (own.raw && (!own.template_text.empty() || !own.system.empty() || own.has_context))
    return Error{Errc::invalid_argument, "raw mode does not support template, system, or context"};
  if (!model.card->can("completion"))
    return Error{Errc::invalid_argument, "\"" + answer.model + "\" does not support generate"};
  if (!own.suffix.empty()) return require_capability(model, "insert");
  return ok;
}

// The template of the request, else the one of the model; null: what the file has.
Result<std::shared_ptr<const ChatTemplate>> template_of(const FoundModel& model,
                                                        const GenerateFields& own) {
  if (own.template_text.empty()) return model.chat;
  ENGINE_TRY(parsed, ChatTemplate::parse_go(own.template_text));
  return std::make_shared<const ChatTemplate>(std::move(parsed));
}

// The rendered conversation, behind the text of an earlier one.
Result<Prompt> build_prompt(const Model& model, const ChatTemplate* chat, const FoundModel& found,
                            const GenerateFields& own, const AnswerFields& answer) {
  if (own.raw) return raw_prompt(model, own.prompt, answer.limits);
  if (!own.suffix.empty() && (chat == nullptr || !chat->capabilities().insert))
    return Error{Errc::unsupported,
                 "\"suffix\" needs a template with .Suffix: the template in use has none"};
  ChatMessage user;
  user.role = "user";
  user.content = own.prompt;
  ChatInput input;
  const std::string& system = own.system.empty() ? found.record.system : own.system;
  input.messages = with_presets({std::move(user)}, system,
                                own.has_context ? std::string() : found.record.messages);
  input.think = answer.think.think;
  input.effort = answer.think.effort;
  input.suffix = own.suffix;
  std::string prefix;
  if (own.has_context && model.tokenizer())
    prefix = model.tokenizer()->detokenize(own.context,
                                           {.remove_special = true, .unparse_special = true});
  return completion_prompt(model, prefix, input, answer.limits, chat);
}

}  // namespace

Status answer_generate(App& app, const Json& request, std::chrono::steady_clock::time_point arrival,
                       AnswerForm form, const std::shared_ptr<Reply>& reply) {
  const JsonFields fields(request);
  ENGINE_TRY(answer, read_answer_fields(fields));
  ENGINE_TRY(own, read_fields(fields));
  if (answer.model.empty()) return Error{Errc::not_found, "model '' not found"};
  std::optional<FoundModel> found = find_model(app, *reply, answer.model, NotFoundText::as_sent);
  if (!found) return ok;

  AnswerJob job;
  job.info.model = answer.model;
  job.info.stream = answer.stream;
  job.info.arrival = arrival;
  if (own.prompt.empty() && answer.keep_alive == std::chrono::nanoseconds::zero()) {
    app.pool.unload(found->record.model_path, adapters_of(app, found->record));
    reply->json(200, form.loaded(job.info, "unload"));
    return ok;
  }
  ENGINE_TRY_STATUS(check(*found, answer, own));
  if (form.think_if_able && !found->card->can("thinking")) answer.think = {};
  ENGINE_TRY_STATUS(resolve_think(*found, answer));
  ENGINE_TRY(options, merged_options(found->record, answer.options));
  ENGINE_TRY(format, read_output_format(fields, options));
  ENGINE_TRY(adapters, read_adapters(app, found->record, fields));
  job.adapters = std::move(adapters);
  job.format = std::move(format);
  job.logprobs = answer.logprobs;
  job.info.logprobs = answer.logprobs >= 0;
  job.load_only = own.prompt.empty();
  std::shared_ptr<const ChatTemplate> chat;
  if (!job.load_only) {
    ENGINE_TRY(chosen, template_of(*found, own));
    chat = std::move(chosen);
  }
  if (own.has_images && !job.load_only) {
    ENGINE_TRY_STATUS(require_capability(*found, "vision"));
    return Error{Errc::unsupported, "images are not supported by this server"};
  }
  answer.limits.num_keep = options.num_keep;
  answer.options = nullptr;  // the request body is gone by the time the model is there
  job.options = std::move(options);
  job.keep_alive = answer.keep_alive;
  job.logit_bias = answer.logit_bias;
  job.debug_render = answer.debug_render;
  job.shift = answer.limits.shift;
  job.info.with_context = !own.raw;
  job.info.split_thinking = !own.raw && answer.think.think.value_or(false);
  job.model = *found;
  job.prompt = [chat = std::move(chat), found = std::move(*found), own = std::move(own),
                answer = std::move(answer)](const Model& model) {
    return build_prompt(model, chat.get(), found, own, answer);
  };
  job.form = std::move(form);
  run_answer(app, reply, std::move(job));
  return ok;
}

Status handlers::generate(App& app, const HttpRequest& request,
                          const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  return answer_generate(app, body, request.arrival, native_form(), reply);
}

}  // namespace engine
