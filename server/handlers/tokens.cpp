// POST /tokenize, /detokenize and /apply-template: what a model makes of a text, and back.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/run/prompt.h"
#include "engine/text/tokenizer.h"
#include "server/handlers/handlers.h"
#include "server/openai/request.h"
#include "server/run_answer.h"
#include "server/use_model.h"

namespace engine::handlers {
namespace {

// Runs work with the tokenizer of the model that the request names, or of the loaded one.
Status with_tokenizer(App& app, const JsonFields& fields, const std::shared_ptr<Reply>& reply,
                      std::function<Result<Json>(const Tokenizer&)> work) {
  ENGINE_TRY(name, fields.string("model"));
  ENGINE_TRY(chosen, named_or_loaded(app, name));
  const std::optional<FoundModel> found = find_model(app, *reply, chosen, NotFoundText::as_sent);
  if (!found) return ok;
  ENGINE_TRY(options, merged_options(found->record, nullptr));
  use_model(app, reply, found->record, options, {},
            [reply, work = std::move(work)](const std::shared_ptr<ModelUse>& use) {
              const Tokenizer* tokenizer = use->model().tokenizer();
              if (!tokenizer)
                return reply->fail({Errc::unsupported, "this model has no tokenizer"});
              const Result<Json> result = work(*tokenizer);
              use->release();
              if (!result) return reply->fail(result.error());
              reply->json(200, *result);
            });
  return ok;
}

// A text, or a list of bytes where it is none: tokens may begin or end inside a character.
Json piece_json(const std::string& piece) {
  if (repair_utf8(piece) == piece) return piece;
  Json bytes = Json::array();
  for (const char c : piece) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

struct TokenizeFields {
  std::string content;
  bool add_special = false, parse_special = true, with_pieces = false;
};

Result<Json> tokenized(const Tokenizer& tokenizer, const TokenizeFields& fields) {
  std::vector<Token> tokens;
  ENGINE_TRY_STATUS(tokenizer.encode(
      fields.content, {.add_special = fields.add_special, .parse_special = fields.parse_special},
      tokens));
  Json list = Json::array();
  for (const Token t : tokens) {
    if (fields.with_pieces)
      list.push_back(Json{{"id", t}, {"piece", piece_json(tokenizer.piece(t, true))}});
    else
      list.push_back(t);
  }
  return Json{{"tokens", std::move(list)}};
}

}  // namespace

Status tokenize(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  TokenizeFields own;
  ENGINE_TRY(content, fields.string("content"));
  ENGINE_TRY(add_special, fields.boolean("add_special", false));
  ENGINE_TRY(parse_special, fields.boolean("parse_special", true));
  ENGINE_TRY(with_pieces, fields.boolean("with_pieces", false));
  own.content = std::move(content);
  own.add_special = add_special;
  own.parse_special = parse_special;
  own.with_pieces = with_pieces;
  return with_tokenizer(app, fields, reply, [own = std::move(own)](const Tokenizer& tokenizer) {
    return tokenized(tokenizer, own);
  });
}

Status detokenize(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  const JsonFields fields(body);
  ENGINE_TRY(list, fields.array("tokens"));
  std::vector<Token> tokens;
  for (size_t i = 0; list && i < list->size(); ++i) {
    const Json& id = (*list)[i];
    if (!id.is_number_integer() || id < INT32_MIN || id > INT32_MAX)
      return Error{Errc::invalid_argument, fmt::format("field \"tokens[{}]\": expected token", i)};
    tokens.push_back(id.get<Token>());
  }
  return with_tokenizer(
      app, fields, reply, [tokens = std::move(tokens)](const Tokenizer& tokenizer) -> Result<Json> {
        return Json{{"content", tokenizer.detokenize(tokens, {.unparse_special = true})}};
      });
}

Status apply_template(App& app, const HttpRequest& request, const std::shared_ptr<Reply>& reply) {
  ENGINE_TRY(body, parse_body(request));
  ENGINE_TRY(native, openai::native_chat(body));
  ENGINE_TRY(model, named_or_loaded(app, native["model"].get<std::string>()));
  native["model"] = std::move(model);
  native["_debug_render_only"] = true;
  AnswerForm form = native_form();
  form.rendered = [](const AnswerInfo&, const Prompt& prompt) {
    return Json{{"prompt", prompt.text}};
  };
  return answer_chat(app, native, request.arrival, std::move(form), reply);
}

}  // namespace engine::handlers
