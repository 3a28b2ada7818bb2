// POST /api/embed: vectors of texts. POST /api/embeddings: the old form, one text.
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/run_embed.h"
#include "server/vector_text.h"

namespace engine::handlers {
namespace {

std::string embed_text(const std::string& model, const EmbedAnswer& answer,
                       std::chrono::steady_clock::time_point arrival) {
  std::string out = "{\"model\":" + dump_json(Json(model)) + ",\"embeddings\":[";
  for (size_t i = 0; i < answer.result.vectors.size(); ++i) {
    if (i > 0) out += ',';
    append_vector(answer.result.vectors[i], out);
  }
  out += ']';
  if (!answer.result.vectors.empty()) {  // loading alone has no figures
    const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - arrival;
    out += ",\"total_duration\":" + std::to_string(total.count());
    out += ",\"load_duration\":" + std::to_string(answer.load.count());
    out += ",\"prompt_eval_count\":" + std::to_string(answer.result.tokens);
  }
  return out + "}";
}

std::string trimmed(std::string text) {
  const auto space = [](unsigned char c) { return std::isspace(c) != 0; };
  text.erase(std::find_if_not(text.rbegin(), text.rend(), space).base(), text.end());
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), space));
  return text;
}

}  // namespace

Status embed(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  EmbedJob job;
  ENGINE_TRY(name, fields.string("model"));
  ENGINE_TRY(texts, read_texts(fields, "input"));
  ENGINE_TRY(truncate, fields.boolean("truncate", true));
  ENGINE_TRY_STATUS(read_dimensions(fields, job));
  if (name.empty()) return Error{Errc::not_found, "model '' not found"};
  ENGINE_TRY(found, read_embed_job(app, request, fields, name, NotFoundText::pull, *reply, job));
  if (!found) return ok;
  const Json* input = fields.get("input");
  const bool empty_text = input != nullptr && input->is_string() && texts.front().empty();
  if (!empty_text) job.tokens = tokens_of(std::move(texts), truncate);
  job.answer = [name, arrival = job.arrival](Reply& to, Result<EmbedAnswer> result) {
    if (!result) return to.fail(result.error());
    to.send(json_text_response(200, embed_text(name, *result, arrival)));
  };
  return run_embed(app, reply, std::move(job));
}

Status embeddings(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  EmbedJob job;
  ENGINE_TRY(name, fields.string("model"));
  ENGINE_TRY(prompt, fields.string("prompt"));
  if (name.empty()) return Error{Errc::invalid_argument, "model is required"};
  ENGINE_TRY(found, read_embed_job(app, request, fields, name, NotFoundText::pull, *reply, job));
  if (!found) return ok;
  if (!prompt.empty()) job.tokens = tokens_of({std::move(prompt)}, false);
  job.old_form = true;
  job.answer = [](Reply& to, Result<EmbedAnswer> result) {
    if (!result) return to.error(500, trimmed(result.error().message));
    std::string out = "{\"embedding\":";
    append_vector(
        result->result.vectors.empty() ? std::vector<float>() : result->result.vectors.front(),
        out);
    to.send(json_text_response(200, out + "}"));
  };
  return run_embed(app, reply, std::move(job));
}

}  // namespace engine::handlers
