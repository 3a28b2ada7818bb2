#include "engine/run/constrain.h"

#include <fmt/format.h>

#include "engine/grammar/gbnf.h"
#include "engine/grammar/json_schema.h"
#include "engine/grammar/json_values.h"
#include "engine/run/format_cache.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

// Of formats that hold for every vocabulary: they are asked for before a model is loaded.
FormatCache& schemas() {
  static FormatCache cache;
  return cache;
}

Result<OutputFormat> compiled(grammar::Grammar g, const std::string& key) {
  OutputFormat out;
  out.key = key;
  ENGINE_TRY(program, grammar::Program::compile(g));
  out.program = std::move(program);
  out.grammar = std::make_shared<const grammar::Grammar>(std::move(g));
  return out;
}

Result<grammar::Grammar> parsed(const Tokenizer& tokenizer, const std::string& gbnf) {
  const auto token_of = [&](std::string_view text) {
    std::vector<Token> ids;
    const Status done = tokenizer.encode(text, {.add_special = false, .parse_special = true}, ids);
    return done && ids.size() == 1 ? ids[0] : kNoToken;
  };
  return grammar::parse_gbnf(gbnf, token_of, tokenizer.size());
}

// A control token has no text that a grammar of characters could meet.
grammar::Tag tag_of(const Tokenizer& tokenizer, const std::string& text) {
  const Token id = text.empty() ? kNoToken : tokenizer.find(text);
  const bool control = id != kNoToken && tokenizer.piece(id).empty();
  return {text, control ? id : kNoToken};
}

// With the program alone.
Result<OutputFormat> compiled_for(const Tokenizer& tokenizer, const OutputFormat& format,
                                  const Thinking& thinking) {
  grammar::Grammar g;
  if (format.gbnf.empty()) {
    g = *format.grammar;
  } else {
    ENGINE_TRY(own, parsed(tokenizer, format.gbnf));
    g = std::move(own);
  }
  OutputFormat out;
  ENGINE_TRY(program, grammar::Program::compile(behind_thinking(
                          std::move(g), thinking.start, tag_of(tokenizer, thinking.open),
                          tag_of(tokenizer, thinking.close))));
  out.program = std::move(program);
  return out;
}

// Texts of any content, told apart by their lengths.
std::string program_key(const OutputFormat& format, const Thinking& thinking) {
  const bool at_once = thinking.start == grammar::Start::at_once;
  const std::string open = at_once ? "" : thinking.open, close = at_once ? "" : thinking.close;
  return fmt::format("program {} {} {} {} {} {}", static_cast<int>(thinking.start), open.size(),
                     close.size(), open, close,
                     format.gbnf.empty() ? format.key : "gbnf " + format.gbnf);
}

}  // namespace

Result<OutputFormat> json_format() {
  static const std::string kKey = "json";
  return schemas().get(kKey, [] { return compiled(grammar::json_grammar(), kKey); });
}

Result<OutputFormat> schema_format(const Json& schema) {
  const std::string key = "schema " + dump_json(schema);
  return schemas().get(key, [&]() -> Result<OutputFormat> {
    ENGINE_TRY(g, grammar::schema_grammar(schema));
    return compiled(std::move(g), key);
  });
}

Result<std::shared_ptr<grammar::Constraint>> make_constraint(const Model& model,
                                                             const OutputFormat& format,
                                                             const Thinking& thinking) {
  const Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer == nullptr || !tokenizer->vocabulary().has_texts())
    return Error{Errc::invalid_argument,
                 "the model has no vocabulary of texts: its answers cannot be constrained"};
  const auto constraint = [&](std::shared_ptr<const grammar::Program> program) {
    return std::make_shared<grammar::Constraint>(std::move(program), model.token_trie());
  };
  if (format.program != nullptr && thinking.start == grammar::Start::at_once)
    return constraint(format.program);
  const auto make = [&] { return compiled_for(*tokenizer, format, thinking); };
  const std::string& asked = format.gbnf.empty() ? format.key : format.gbnf;
  ENGINE_TRY(made,
             asked.empty() ? make() : model.formats().get(program_key(format, thinking), make));
  return constraint(std::move(made.program));
}

}  // namespace engine
