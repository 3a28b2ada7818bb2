// POST /completion, /completions and /infill: a prompt as it is, without the template of the model.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/duration.h"
#include "server/handlers/handlers.h"
#include "server/llamacpp/formatter.h"
#include "server/llamacpp/prompt.h"
#include "server/llamacpp/request.h"
#include "server/run_answer.h"

namespace engine::handlers {
namespace {

using MakeParts = std::function<Result<llamacpp::PromptParts>(const Model&)>;

// Nothing is cut off a prompt: a client that sends one as it is wants it as it is.
Result<Prompt> make_prompt(const Model& model, const MakeParts& make_parts,
                           llamacpp::PromptFacts& facts) {
  ENGINE_TRY(parts, make_parts(model));
  ENGINE_TRY(prompt, llamacpp::encode_parts(model, parts));
  facts = {static_cast<int>(prompt.tokens.size()), model.info().n_ctx};
  if (facts.tokens > facts.context)
    return Error{Errc::invalid_argument,
                 fmt::format("request ({} tokens) exceeds the available context size ({} tokens), "
                             "try increasing it",
                             facts.tokens, facts.context)};
  return std::move(prompt);
}

Status answer_parts(App& app, const HttpRequest& request, const JsonFields& fields,
                    MakeParts make_parts, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(asked, llamacpp::read_completion(fields));
  ENGINE_TRY(given, llamacpp::read_options(fields));
  ENGINE_TRY(keep_alive, parse_keep_alive(fields.get("keep_alive")));
  ENGINE_TRY(name, named_or_loaded(app, asked.model));
  const std::optional<FoundModel> found = find_model(app, *reply, name, NotFoundText::as_sent);
  if (!found) return ok;
  if (!found->card->can("completion"))
    return Error{Errc::unsupported, "this model does not support completions"};
  ENGINE_TRY(options, merged_options(found->record, &given));
  ENGINE_TRY(format, llamacpp::read_format(fields, options));
  const auto facts = std::make_shared<llamacpp::PromptFacts>();
  AnswerJob job;
  job.model = *found;
  job.options = std::move(options);
  job.keep_alive = keep_alive;
  ENGINE_TRY(adapters, read_adapters(app, found->record, fields));
  job.adapters = std::move(adapters);
  job.format = std::move(format);
  job.logprobs = asked.n_probs > 0 ? asked.n_probs : -1;
  job.info.model = name;
  job.info.stream = asked.stream;
  job.info.arrival = request.arrival;
  job.prompt = [make_parts = std::move(make_parts), facts](const Model& model) {
    return make_prompt(model, make_parts, *facts);
  };
  job.form = llamacpp::completion_form(asked, facts);
  job.adjust = [asked = std::move(asked)](const Model& model, Request& to) {
    return llamacpp::adjust(model, asked, to);
  };
  run_answer(app, reply, std::move(job));
  return ok;
}

}  // namespace

Status completion(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(parts, llamacpp::read_prompt(fields));
  return answer_parts(
      app, request, fields,
      [parts = std::move(parts)](const Model&) -> Result<llamacpp::PromptParts> { return parts; },
      reply);
}

Status infill(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(own, llamacpp::read_infill(fields));
  return answer_parts(
      app, request, fields,
      [own = std::move(own)](const Model& model) { return llamacpp::infill_parts(model, own); },
      reply);
}

}  // namespace engine::handlers
