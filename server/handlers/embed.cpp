// POST /api/embed: vectors of texts. POST /api/embeddings: the old form, one text.
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "server/duration.h"
#include "server/handlers/handlers.h"
#include "server/run_answer.h"
#include "server/run_embed.h"
#include "server/vector_text.h"

namespace engine::handlers {
namespace {

// What both endpoints read; the name stays as it was sent.
Status read_common(const JsonFields& fields, const HttpRequest& request, EmbedJob& job) {
  ENGINE_TRY(keep_alive, parse_keep_alive(fields.get("keep_alive")));
  job.keep_alive = keep_alive;
  job.arrival = request.arrival;
  return ok;
}

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
  ENGINE_TRY(dimensions, fields.integer("dimensions", 0));
  ENGINE_TRY(options, fields.object("options"));
  ENGINE_TRY_STATUS(read_common(fields, request, job));
  if (name.empty()) return Error{Errc::not_found, "model '' not found"};
  std::optional<FoundModel> found = find_model(app, *reply, name, NotFoundText::pull);
  if (!found) return ok;
  ENGINE_TRY(merged, merged_options(found->record, options));
  job.model = std::move(*found);
  job.options = std::move(merged);
  const Json* input = fields.get("input");
  const bool empty_text = input != nullptr && input->is_string() && texts.front().empty();
  if (!empty_text) job.tokens = tokens_of(std::move(texts), truncate);
  job.embed.dimensions = static_cast<int>(std::clamp<int64_t>(dimensions, 0, INT32_MAX));
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
  ENGINE_TRY(options, fields.object("options"));
  ENGINE_TRY_STATUS(read_common(fields, request, job));
  if (name.empty()) return Error{Errc::invalid_argument, "model is required"};
  std::optional<FoundModel> found = find_model(app, *reply, name, NotFoundText::pull);
  if (!found) return ok;
  ENGINE_TRY(merged, merged_options(found->record, options));
  job.model = std::move(*found);
  job.options = std::move(merged);
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
