// POST /rerank, /reranking and the same under /v1: how well documents answer a question.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "server/handlers/handlers.h"
#include "server/run_embed.h"
#include "server/vector_text.h"

namespace engine::handlers {
namespace {

struct RankFields {
  std::string query;
  std::vector<std::string> documents;
  size_t top_n = 0;
  bool texts = false, return_text = false;  // texts: the list is called so, and the reply is a list
};

Result<RankFields> read_fields(const JsonFields& fields) {
  RankFields out;
  out.texts = !fields.get("documents") && fields.get("texts");
  const char* key = out.texts ? "texts" : "documents";
  if (!fields.get("query")) return invalid_argument("\"query\" is required");
  ENGINE_TRY(query, fields.string("query"));
  ENGINE_TRY(list, fields.array(key));
  ENGINE_TRY(return_text, fields.boolean("return_text", false));
  if (!list || list->empty())
    return invalid_argument(fmt::format("\"{}\" is required: a list of texts", key));
  for (const Json& text : *list) {
    if (!text.is_string())
      return invalid_argument(
          fmt::format("field \"{}[{}]\": expected string", key, out.documents.size()));
    out.documents.push_back(text.get<std::string>());
  }
  ENGINE_TRY(top_n, fields.integer("top_n", static_cast<int64_t>(list->size())));
  if (top_n < 1)
    return invalid_argument("field \"top_n\": expected a number of documents, 1 or more");
  out.query = std::move(query);
  out.top_n = std::min(static_cast<size_t>(top_n), out.documents.size());
  out.return_text = return_text;
  return out;
}

// The numbers of the best documents, best first; equal ones in their own order.
std::vector<size_t> best_of(const std::vector<std::vector<float>>& scores, size_t n) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a].front() > scores[b].front(); });
  order.resize(n);
  return order;
}

std::string reply_text(const std::string& model, const RankFields& fields,
                       const EmbedResult& result) {
  std::string list = "[";
  for (const size_t i : best_of(result.vectors, fields.top_n)) {
    if (list.size() > 1) list += ',';
    list += fmt::format("{{\"index\":{},\"{}\":", i, fields.texts ? "score" : "relevance_score");
    append_number(result.vectors[i].front(), list);
    if (fields.texts && fields.return_text)
      list += ",\"text\":" + dump_json(Json(fields.documents[i]));
    list += '}';
  }
  list += ']';
  if (fields.texts) return list;
  return fmt::format(
      "{{\"model\":{},\"object\":\"list\",\"usage\":{{\"prompt_tokens\":{},\"total_tokens\":{}}},"
      "\"results\":{}}}",
      dump_json(Json(model)), result.tokens, result.tokens, list);
}

}  // namespace

Status rerank(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(own, read_fields(fields));
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(name, named_or_loaded(app, model));
  EmbedJob job;
  ENGINE_TRY(found, read_embed_job(app, request, fields, name, NotFoundText::as_sent, *reply, job));
  if (!found) return ok;
  job.embed.normalize = false;
  job.ranks = true;
  const auto shared = std::make_shared<const RankFields>(std::move(own));
  job.tokens = [shared](const Model& m) -> Result<std::vector<std::vector<Token>>> {
    std::vector<std::vector<Token>> out;
    for (const std::string& document : shared->documents) {
      Result<std::vector<Token>> tokens = ranking_tokens(m, shared->query, document);
      if (!tokens)
        return Error{tokens.error().code,
                     fmt::format("document {}: {}", out.size(), tokens.error().message)};
      out.push_back(std::move(*tokens));
    }
    return out;
  };
  job.answer = [name = std::move(name), shared](Reply& to, Result<EmbedAnswer> result) {
    if (!result) return to.fail(result.error());
    to.send(json_text_response(200, reply_text(name, *shared, result->result)));
  };
  return run_embed(app, reply, std::move(job));
}

}  // namespace engine::handlers
