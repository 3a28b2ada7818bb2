// From a checked request to a running answer.
#include "server/run_answer.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/run/dry_breakers.h"
#include "engine/text/tokenizer.h"
#include "server/duration.h"
#include "server/metrics.h"
#include "server/use_model.h"

namespace engine {
namespace {

// {"token id": number}
Result<LogitBias> parse_logit_bias(const Json* object) {
  LogitBias out;
  if (!object) return out;
  for (auto it = object->begin(); it != object->end(); ++it) {
    const std::string& key = it.key();
    Token id = 0;
    const auto [end, code] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (code != std::errc() || end != key.data() + key.size() || id < 0)
      return Error{Errc::invalid_argument,
                   fmt::format("field \"logit_bias\": \"{}\" is no token id", key)};
    if (!it->is_number() || !(std::abs(it->get<double>()) <= 100))
      return Error{Errc::invalid_argument,
                   fmt::format("field \"logit_bias.{}\": expected number from -100 to 100", key)};
    out.emplace_back(id, it->get<float>());
  }
  return out;
}

Status check_logit_bias(const LogitBias& bias, int n_vocab) {
  for (const auto& [id, value] : bias)
    if (id >= n_vocab)
      return Error{Errc::invalid_argument,
                   fmt::format("field \"logit_bias\": the model has no token {}, but {} tokens", id,
                               n_vocab)};
  return ok;
}

// Control tokens that are tags of reasoning and calls.
std::vector<Token> shown_tokens(const Model& model, const AnswerInfo& info) {
  std::vector<Token> out;
  if (!info.format || !model.tokenizer()) return out;
  const bool calls = info.tools != nullptr;
  std::vector<std::string> texts = control_texts(*info.format, calls);
  if (calls) texts.push_back(info.call_tag);
  texts.insert(texts.end(), {info.think_open, info.think_close});
  for (const std::string& text : texts)
    if (const Token id = model.tokenizer()->find(text); !text.empty() && id != kNoToken)
      out.push_back(id);
  return out;
}

// What the answer keeps to; null: it is free.
Result<std::shared_ptr<grammar::Constraint>> constraint_of(const Model& model, AnswerJob& job,
                                                           const Prompt& prompt) {
  if (job.choice.forced) {
    ENGINE_TRY(calls,
               forced_calls(model, *prompt.format, prompt.call_tag, *job.info.tools, job.choice));
    job.format = std::move(calls);
  }
  if (!job.format.constrains()) return std::shared_ptr<grammar::Constraint>();
  // The grammar of a call has the channels of gpt-oss in it.
  const bool channels = prompt.format && prompt.format->body == CallBody::harmony;
  const auto start = !job.info.split_thinking || channels ? grammar::Start::at_once
                     : job.info.starts_thinking           ? grammar::Start::after_thinking
                                                          : grammar::Start::may_think_before;
  return make_constraint(model, job.format, {start, job.info.think_open, job.info.think_close});
}

void start_answer(const std::shared_ptr<Reply>& reply, AnswerJob& job,
                  std::shared_ptr<ModelUse> use, const std::shared_ptr<Metrics>& metrics) {
  const Model& model = use->model();
  job.info.load = std::chrono::steady_clock::now() - job.info.arrival;
  if (const Status bias = check_logit_bias(job.logit_bias, model.info().n_vocab); !bias) {
    use->release();
    return reply->fail(bias.error());
  }
  Result<Prompt> prompt = job.load_only ? Result<Prompt>(Prompt()) : job.prompt(model);
  const bool computes = prompt && !job.load_only && !job.debug_render && !prompt->tokens.empty();
  if (!computes) {
    use->release();  // before the reply: what the client asks next finds the model idle
    if (!prompt && job.form.refused) return reply->send(job.form.refused(prompt.error()));
    if (!prompt) return reply->fail(prompt.error());
    if (job.load_only) return reply->json(200, job.form.loaded(job.info, "load"));
    if (job.debug_render) return reply->json(200, job.form.rendered(job.info, *prompt));
    return reply->error(400, "the prompt has no tokens");
  }
  job.info.starts_thinking = prompt->starts_thinking;
  const AnswerFormat* named = find_answer_format(job.model.record.config.parser);
  if (named && prompt->format) {
    prompt->format = listed_format(*named);
    prompt->call_tag.clear();
    prompt->tags = {std::string(named->think), std::string(named->think_end)};
    job.info.starts_thinking = opens_thinking(prompt->text, prompt->tags.open);
  }
  // A constrained answer of gpt-oss is all text: its channels are no part of the grammar.
  const bool plain =
      job.format.constrains() && prompt->format && prompt->format->body == CallBody::harmony;
  job.info.format = plain ? nullptr : prompt->format;
  job.info.call_tag = prompt->call_tag;
  job.info.split_thinking = job.info.split_thinking && !plain && !prompt->tags.open.empty();
  job.info.think_open = prompt->tags.open;
  job.info.think_close = prompt->tags.close;
  job.info.note = prompt->note;
  job.info.prompt_tokens = static_cast<int>(prompt->tokens.size());

  const int context = model.info().n_ctx;
  const int most = 10 * context;
  auto queue = std::make_shared<EventQueue>();
  Request request;
  Result<std::shared_ptr<grammar::Constraint>> constraint = constraint_of(model, job, *prompt);
  if (!constraint) {
    use->release();
    return reply->fail(constraint.error());
  }
  request.constraint = std::move(*constraint);
  request.logprobs = job.logprobs;
  request.num_keep = effective_keep(model, job.options.num_keep, prompt->tokens.size());
  request.prompt = std::move(prompt->tokens);
  request.sampling = sampler_params(job.options, context);
  if (const Status added = add_dry_breakers(model, job.options, request.sampling); !added) {
    use->release();
    return reply->fail(added.error());
  }
  request.sampling.logit_bias = std::move(job.logit_bias);
  request.stop = job.options.stop;
  request.max_tokens = job.options.num_predict < 0 ? most : std::min(job.options.num_predict, most);
  request.draft_tokens = job.options.draft_num_predict;
  request.shift = job.shift;
  if (make_answer_parser(job.info)) request.shown = shown_tokens(model, job.info);
  if (job.adjust) {
    if (const Status adjusted = job.adjust(model, request); !adjusted) {
      use->release();
      return reply->fail(adjusted.error());
    }
  }
  request.sink = std::make_shared<MeasuredSink>(queue, metrics, job.model.record.name.short_form(),
                                                job.info.arrival);
  queue->hold(use);
  reply->stream(queue, job.form.formatter(job.info));
  queue->set_id(use->scheduler().submit(std::move(request)));
}

}  // namespace

Result<AnswerFields> read_answer_fields(const JsonFields& fields) {
  AnswerFields out;
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(stream, fields.boolean("stream", true));
  ENGINE_TRY(truncate, fields.boolean("truncate", true));
  ENGINE_TRY(shift, fields.boolean("shift", true));
  ENGINE_TRY(logprobs, fields.boolean("logprobs", false));
  ENGINE_TRY(debug, fields.boolean("_debug_render_only", false));
  ENGINE_TRY(top_logprobs, fields.integer("top_logprobs", 0));
  ENGINE_TRY(options, fields.object("options"));
  ENGINE_TRY(think, parse_think(fields.get("think")));
  ENGINE_TRY(keep_alive, parse_keep_alive(fields.get("keep_alive")));
  ENGINE_TRY(bias_object, fields.object("logit_bias"));
  ENGINE_TRY(logit_bias, parse_logit_bias(bias_object));
  if (top_logprobs < 0 || top_logprobs > 20)
    return Error{Errc::invalid_argument, "top_logprobs must be between 0 and 20"};
  out.model = std::move(model);
  out.stream = stream;
  out.debug_render = debug;
  out.logprobs = logprobs ? static_cast<int>(top_logprobs) : -1;
  out.think = std::move(think);
  out.keep_alive = keep_alive;
  out.limits.truncate = truncate;
  out.limits.shift = shift;
  out.options = options;
  out.logit_bias = std::move(logit_bias);
  return out;
}

Result<OutputFormat> read_output_format(const JsonFields& fields, const Options& options) {
  OutputFormat out;
  out.gbnf = options.grammar;
  const Json* format = fields.get("format");
  const bool text = format && format->is_string();
  if (!format || (text && format->get<std::string>().empty())) return out;
  if (!format->is_object() && !(text && format->get<std::string>() == "json"))
    return Error{Errc::invalid_argument,
                 fmt::format("invalid format: {}; expected \"json\" or a valid JSON Schema object",
                             dump_json(dump_json(*format)))};
  if (!out.gbnf.empty())
    return Error{Errc::invalid_argument,
                 "\"format\" and the option \"grammar\" cannot be used together"};
  return text ? json_format() : schema_format(*format);
}

Status resolve_think(const FoundModel& model, AnswerFields& answer) {
  const bool can = model.card->can("thinking");
  ThinkChoice& choice = answer.think;
  if (!can && choice.think.value_or(false))
    return Error{Errc::invalid_argument,
                 fmt::format("\"{}\" does not support thinking", answer.model)};
  if (!choice.think && can) choice.think = true;
  const std::string& family = model.card->architecture;
  if (choice.effort == "max" && (family == "gptoss" || family == "gpt-oss")) choice.effort = "high";
  return ok;
}

Result<Options> merged_options(const ModelRecord& record, const Json* options) {
  Options out;
  if (!record.params.empty()) {
    ENGINE_TRY(own, parse_json(record.params));
    if (own.is_object()) ENGINE_TRY_STATUS(apply_options(own, out));
  }
  if (options) ENGINE_TRY_STATUS(apply_options(*options, out));
  ENGINE_TRY_STATUS(check_options(out));
  return out;
}

void run_answer(App& app, std::shared_ptr<Reply> reply, AnswerJob job) {
  auto shared = std::make_shared<AnswerJob>(std::move(job));
  use_model(
      app, reply, shared->model.record, shared->options, shared->keep_alive,
      [reply, shared, metrics = app.metrics](std::shared_ptr<ModelUse> use) {
        start_answer(reply, *shared, std::move(use), metrics);
      },
      Draft::as_configured, shared->adapters);
}

}  // namespace engine
