// The order of a filled gap is that which code models are trained with: other files, each behind its
// name, then what is in front of the gap, what is behind it, and the mark where the filling begins.
#include "server/llamacpp/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/tokenizer.h"

namespace engine::llamacpp {
namespace {

Result<std::string> required_text(const JsonFields& fields, const char* key) {
  if (!fields.get(key)) return invalid_argument(fmt::format("\"{}\" is required", key));
  return fields.string(key);
}

// Files without a token that separates them are plain text in front of the gap.
void add_files(const SpecialIds& ids, const std::vector<InfillFields::File>& files,
               PromptParts& out) {
  if (files.empty()) return;
  if (ids.fim_sep == kNoToken) {
    for (const InfillFields::File& f : files) out.push_back({f.name + "\n" + f.text + "\n"});
    return;
  }
  if (ids.fim_rep != kNoToken) {
    out.push_back({{}, ids.fim_rep});
    out.push_back({"project\n"});
  }
  for (const InfillFields::File& f : files) {
    out.push_back({{}, ids.fim_sep});
    out.push_back({f.name + "\n" + f.text});
  }
  out.push_back({{}, ids.fim_sep});
  out.push_back({"filename\n"});
}

}  // namespace

Result<PromptParts> read_prompt(const JsonFields& fields) {
  const Json* prompt = fields.get("prompt");
  if (!prompt) return invalid_argument("\"prompt\" is required");
  if (prompt->is_string()) return PromptParts{{prompt->get<std::string>(), kNoToken, true}};
  const Error wrong =
      invalid_argument("field \"prompt\": expected text, or list of token ids and texts");
  if (!prompt->is_array()) return wrong;
  PromptParts out;
  for (const Json& part : *prompt) {
    if (part.is_string())
      out.push_back({part.get<std::string>(), kNoToken, true});
    else if (part.is_number_integer() && part >= 0 && part <= INT32_MAX)
      out.push_back({{}, part.get<Token>()});
    else
      return wrong;
  }
  const bool texts =
      std::all_of(out.begin(), out.end(), [](const PromptPart& p) { return p.token == kNoToken; });
  if (texts && out.size() > 1)
    return invalid_argument(
        "field \"prompt\": several prompts in one request are not supported: send one each");
  return out;
}

Result<InfillFields> read_infill(const JsonFields& fields) {
  InfillFields out;
  ENGINE_TRY(prefix, required_text(fields, "input_prefix"));
  ENGINE_TRY(suffix, required_text(fields, "input_suffix"));
  ENGINE_TRY(prompt, fields.string("prompt"));
  ENGINE_TRY(extra, fields.array("input_extra"));
  out.prefix = std::move(prefix);
  out.suffix = std::move(suffix);
  out.prompt = std::move(prompt);
  for (size_t i = 0; extra && i < extra->size(); ++i) {
    const std::string path = fmt::format("input_extra[{}]", i);
    if (!(*extra)[i].is_object())
      return invalid_argument(fmt::format("field \"{}\": expected object", path));
    const JsonFields file((*extra)[i], path + ".");
    if (!file.get("text")) return invalid_argument(fmt::format("\"{}.text\" is required", path));
    ENGINE_TRY(text, file.string("text"));
    ENGINE_TRY(name, file.string("filename"));
    out.extra.push_back({name.empty() ? "tmp" : std::move(name), std::move(text)});
  }
  return out;
}

Result<PromptParts> infill_parts(const Model& model, const InfillFields& fields) {
  const Tokenizer* tokenizer = model.tokenizer();
  const SpecialIds ids = tokenizer ? tokenizer->ids() : SpecialIds();
  std::string missing;
  for (const auto& [id, name] : {std::pair(ids.fim_pre, "prefix"), std::pair(ids.fim_suf, "suffix"),
                                 std::pair(ids.fim_mid, "middle")})
    if (id == kNoToken) missing += fmt::format("{}{}", missing.empty() ? "" : ", ", name);
  if (!missing.empty())
    return Error{Errc::unsupported,
                 "infill is not supported by this model: tokens missing: " + missing};
  PromptParts out;
  if (const Token first = tokenizer->vocabulary().rules().first_token(); first != kNoToken)
    out.push_back({{}, first});
  add_files(ids, fields.extra, out);
  out.push_back({{}, ids.fim_pre});
  out.push_back({fields.prefix});
  out.push_back({{}, ids.fim_suf});
  out.push_back({fields.suffix});
  out.push_back({{}, ids.fim_mid});
  out.push_back({fields.prompt});
  return out;
}

Result<Prompt> encode_parts(const Model& model, const PromptParts& parts) {
  const Tokenizer* tokenizer = model.tokenizer();
  if (!tokenizer) return Error{Errc::unsupported, "this model has no tokenizer"};
  Prompt prompt;
  const Token first = tokenizer->vocabulary().rules().first_token();
  if (!parts.empty() && parts.front().token == kNoToken && first != kNoToken)
    prompt.tokens.push_back(first);
  for (const PromptPart& part : parts) {
    if (part.token == kNoToken) {
      ENGINE_TRY_STATUS(tokenizer->encode(
          part.text, {.add_special = false, .parse_special = part.special}, prompt.tokens));
      prompt.text += part.text;
      continue;
    }
    if (part.token >= model.info().n_vocab)
      return invalid_argument(fmt::format("the model has no token {}, but {} tokens", part.token,
                                          model.info().n_vocab));
    prompt.tokens.push_back(part.token);
    prompt.text += tokenizer->piece(part.token, true);
  }
  return prompt;
}

}  // namespace engine::llamacpp
