#include "engine/run/constrain.h"

#include "engine/grammar/gbnf.h"
#include "engine/grammar/json_schema.h"
#include "engine/grammar/json_values.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

Result<OutputFormat> compiled(grammar::Grammar g) {
  OutputFormat out;
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

}  // namespace

Result<OutputFormat> json_format() {
  return compiled(grammar::json_grammar());
}

Result<OutputFormat> schema_format(const Json& schema) {
  ENGINE_TRY(g, grammar::schema_grammar(schema));
  return compiled(std::move(g));
}

Result<std::shared_ptr<grammar::Constraint>> make_constraint(const Model& model,
                                                             const OutputFormat& format,
                                                             const Thinking& thinking) {
  const Tokenizer* tokenizer = model.tokenizer();
  if (tokenizer == nullptr || !tokenizer->vocabulary().has_texts())
    return Error{Errc::invalid_argument,
                 "the model has no vocabulary of texts: its answers cannot be constrained"};
  std::shared_ptr<const grammar::Program> program = format.program;
  if (program == nullptr || thinking.start != grammar::Start::at_once) {
    grammar::Grammar g;
    if (format.gbnf.empty()) {
      g = *format.grammar;
    } else {
      ENGINE_TRY(own, parsed(*tokenizer, format.gbnf));
      g = std::move(own);
    }
    ENGINE_TRY(made, grammar::Program::compile(behind_thinking(
                         std::move(g), thinking.start, tag_of(*tokenizer, thinking.open),
                         tag_of(*tokenizer, thinking.close))));
    program = std::move(made);
  }
  return std::make_shared<grammar::Constraint>(std::move(program), model.token_trie());
}

}  // namespace engine
