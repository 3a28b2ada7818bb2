// POST /v1/embeddings: vectors as lists of numbers or, as the clients of this API ask, in base64.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "server/handlers/handlers.h"
#include "server/run_embed.h"
#include "server/vector_text.h"

namespace engine::handlers {
namespace {

Error wrong_type() {
  return {Errc::invalid_argument, "invalid input type"};
}

// A list of token ids.
Result<std::vector<Token>> token_list(const Json& list) {
  std::vector<Token> out;
  for (const Json& id : list) {
    if (!id.is_number_integer() || id < 0 || id > INT32_MAX) return wrong_type();
    out.push_back(id.get<Token>());
  }
  return out;
}

// One list of token ids, or a list of such lists.
Result<MakeTokens> given_tokens(const Json& input) {
  std::vector<std::vector<Token>> lists;
  if (!input.front().is_array()) {
    ENGINE_TRY(tokens, token_list(input));
    lists.push_back(std::move(tokens));
  } else {
    for (const Json& list : input) {
      if (!list.is_array()) return wrong_type();
      ENGINE_TRY(tokens, token_list(list));
      lists.push_back(std::move(tokens));
    }
  }
  return MakeTokens(
      [lists = std::move(lists)](const Model& model) -> Result<std::vector<std::vector<Token>>> {
        std::vector<std::vector<Token>> out;
        for (const std::vector<Token>& list : lists) {
          ENGINE_TRY(tokens, embedding_tokens(model, list, true));
          out.push_back(std::move(tokens));
        }
        return out;
      });
}

Result<MakeTokens> read_input(const JsonFields& fields) {
  const Json* input = fields.get("input");
  if (!input || (input->is_array() && input->empty()))
    return Error{Errc::invalid_argument, "invalid input"};
  if (input->is_array() && !input->front().is_string()) return given_tokens(*input);
  ENGINE_TRY(texts, read_texts(fields, "input"));
  return tokens_of(std::move(texts), true);
}

// Whether vectors are wanted in base64.
Result<bool> read_encoding(const JsonFields& fields) {
  ENGINE_TRY(encoding, fields.string("encoding_format"));
  if (encoding.empty() || equal_no_case(encoding, "float")) return false;
  if (equal_no_case(encoding, "base64")) return true;
  return Error{
      Errc::invalid_argument,
      fmt::format(
          "Invalid value for 'encoding_format' = {}. Supported values: ['float', 'base64'].",
          encoding)};
}

std::string list_text(const std::string& model, const EmbedResult& result, bool base64) {
  std::string out = "{\"object\":\"list\",\"data\":[";
  for (size_t i = 0; i < result.vectors.size(); ++i) {
    if (i > 0) out += ',';
    out += "{\"object\":\"embedding\",\"embedding\":";
    if (base64)
      append_vector_base64(result.vectors[i], out);
    else
      append_vector(result.vectors[i], out);
    out += fmt::format(",\"index\":{}}}", i);
  }
  out += fmt::format("],\"model\":{},\"usage\":{{\"prompt_tokens\":{},\"total_tokens\":{}}}}}\n",
                     dump_json(Json(model)), result.tokens, result.tokens);
  return out;
}

}  // namespace

Status openai_embeddings(App& app, const HttpRequest& request,
                         const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request, "EOF"));
  fill_in_model(app, body);
  const JsonFields fields(body);
  EmbedJob job;
  ENGINE_TRY(tokens, read_input(fields));
  ENGINE_TRY(base64, read_encoding(fields));
  ENGINE_TRY(name, fields.string("model"));
  ENGINE_TRY_STATUS(read_dimensions(fields, job));
  if (name.empty()) return Error{Errc::not_found, "model '' not found"};
  ENGINE_TRY(found, read_embed_job(app, request, fields, name, NotFoundText::pull, *reply, job));
  if (!found) return ok;
  job.tokens = std::move(tokens);
  job.answer = [name = std::move(name), base64 = base64](Reply& to, Result<EmbedAnswer> result) {
    if (!result) return to.fail(result.error());
    to.send({200, "application/json", {}, list_text(name, result->result, base64)});
  };
  return run_embed(app, reply, std::move(job));
}

}  // namespace engine::handlers
