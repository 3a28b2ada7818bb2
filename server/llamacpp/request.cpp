// Field names are those of llama.cpp's server; options go on under their native names.
#include "server/llamacpp/request.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "engine/text/tokenizer.h"

namespace engine::llamacpp {
namespace {

struct Renamed {
  const char *field, *option;
};
// Beside the samplers. Later ones win.
constexpr Renamed kOptions[] = {
    {"n_predict", "num_predict"},
    {"max_tokens", "num_predict"},
    {"max_completion_tokens", "num_predict"},
    {"n_keep", "num_keep"},
    {"seed", "seed"},
    {"stop", "stop"},
    {"grammar", "grammar"},
    {"samplers", "samplers"},
};

Result<int64_t> whole(const JsonFields& fields, const char* key, int64_t fallback, int64_t low,
                      int64_t high) {
  ENGINE_TRY(value, fields.integer(key, fallback));
  if (value >= low && value <= high) return value;
  return invalid_argument(
      fmt::format("Field '{}': Value must be between {} and {}", key, low, high));
}

Result<float> bias_value(const Json& value) {
  if (value == false) return -std::numeric_limits<float>::infinity();
  if (value.is_number() && std::isfinite(value.get<float>())) return value.get<float>();
  return invalid_argument("field \"logit_bias\": expected number, or false for never");
}

// A token by its id, else all tokens of a text.
Result<Bias> bias_of(const Json& key, const Json& value) {
  Bias out;
  ENGINE_TRY(number, bias_value(value));
  out.value = number;
  if (key.is_number_integer() && key >= 0 && key <= INT32_MAX) {
    out.token = key.get<Token>();
    return out;
  }
  if (!key.is_string() || key == "")
    return invalid_argument("field \"logit_bias\": expected token id or text");
  out.text = key.get<std::string>();
  return out;
}

// [[token or text, value], ...] or {"token or text": value}
Result<std::vector<Bias>> read_bias(const Json* list) {
  std::vector<Bias> out;
  if (!list) return out;
  if (!list->is_structured())
    return invalid_argument("field \"logit_bias\": expected list or object");
  for (auto it = list->begin(); it != list->end(); ++it) {
    Json key, value;
    if (list->is_object()) {
      key = it.key(), value = *it;
      Token id = 0;
      const std::string& text = it.key();
      const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), id);
      if (code == std::errc() && end == text.data() + text.size()) key = id;
    } else if (it->is_array() && it->size() == 2) {
      key = (*it)[0], value = (*it)[1];
    } else {
      return invalid_argument("field \"logit_bias\": expected pairs of token and value");
    }
    ENGINE_TRY(bias, bias_of(key, value));
    out.push_back(std::move(bias));
  }
  return out;
}

}  // namespace

Result<Json> read_options(const JsonFields& fields) {
  ENGINE_TRY(given, fields.object("options"));
  Json out = given ? *given : Json::object();
  for (const std::string_view name : sampling_options())
    if (const Json* value = fields.get(name)) out[std::string(name)] = *value;
  for (const Renamed& r : kOptions) {
    if (!fields.get(r.field)) continue;
    if (std::string_view(r.option) == "num_predict") {
      ENGINE_TRY(limit, whole(fields, r.field, -1, -1, INT32_MAX));
      out[r.option] = limit;
    } else {
      out[r.option] = *fields.get(r.field);
    }
  }
  return out;
}

Result<OutputFormat> read_format(const JsonFields& fields, const Options& options) {
  ENGINE_TRY(schema, fields.object("json_schema"));
  if (schema && !options.grammar.empty())
    return invalid_argument("\"grammar\" and \"json_schema\" cannot be used together");
  if (schema) return schema_format(*schema);
  OutputFormat out;
  out.gbnf = options.grammar;
  return out;
}

Result<CompletionRequest> read_completion(const JsonFields& fields) {
  CompletionRequest out;
  ENGINE_TRY(model, fields.string("model"));
  ENGINE_TRY(stream, fields.boolean("stream", false));
  ENGINE_TRY(ignore_eos, fields.boolean("ignore_eos", false));
  ENGINE_TRY(return_tokens, fields.boolean("return_tokens", false));
  ENGINE_TRY(logprobs, whole(fields, "logprobs", 0, 0, 100));
  ENGINE_TRY(n_probs, whole(fields, "n_probs", logprobs, 0, 100));
  ENGINE_TRY(n, fields.integer("n", 1));
  ENGINE_TRY(n_cmpl, fields.integer("n_cmpl", n));
  ENGINE_TRY(bias, read_bias(fields.get("logit_bias")));
  ENGINE_TRY(only, fields.array("response_fields"));
  if (n_cmpl != 1) return invalid_argument("only n_cmpl = 1 is supported");
  out.model = std::move(model);
  out.stream = stream;
  out.ignore_eos = ignore_eos;
  out.return_tokens = return_tokens;
  out.n_probs = static_cast<int>(n_probs);
  out.bias = std::move(bias);
  for (size_t i = 0; only && i < only->size(); ++i) {
    if (!(*only)[i].is_string())
      return invalid_argument(fmt::format("field \"response_fields[{}]\": expected string", i));
    out.response_fields.push_back((*only)[i].get<std::string>());
  }
  return out;
}

Status adjust(const Model& model, const CompletionRequest& asked, Request& request) {
  const Tokenizer* tokenizer = model.tokenizer();
  const auto set = [&](Token token, float value) {
    if (std::isinf(value))
      request.sampling.suppressed.push_back(token);
    else
      request.sampling.logit_bias.emplace_back(token, value);
  };
  for (const Bias& b : asked.bias) {
    if (b.text.empty()) {
      if (b.token >= model.info().n_vocab)
        return invalid_argument(
            fmt::format("field \"logit_bias\": the model has no token {}, but {} tokens", b.token,
                        model.info().n_vocab));
      set(b.token, b.value);
      continue;
    }
    std::vector<Token> tokens;
    if (tokenizer)
      ENGINE_TRY_STATUS(
          tokenizer->encode(b.text, {.add_special = false, .parse_special = false}, tokens));
    for (const Token t : tokens) set(t, b.value);
  }
  if (asked.ignore_eos && tokenizer)
    for (const Token t : tokenizer->vocabulary().eog_ids())
      request.sampling.suppressed.push_back(t);
  return ok;
}

}  // namespace engine::llamacpp
