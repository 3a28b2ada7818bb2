// GBNF: the textual form of grammars.
//   rule       := name "::=" alternatives, up to the end of the line outside of parentheses
//   item       := "literal" | [class] | . | name | ( alternatives ) | <token> | <[id]> | !<token>
//   repetition := * + ? {m} {m,} {m,n} behind an item;   comments: from # to the end of the line
#pragma once

#include <functional>
#include <string_view>

#include "engine/grammar/grammar.h"

namespace engine::grammar {

inline constexpr size_t kMaxGrammarBytes = 1 << 20;
inline constexpr int kMaxGroupDepth = 100;

// The token whose text this is, special ones included; -1: it is no single token.
using TokenOf = std::function<Token(std::string_view text)>;

// Errc::invalid_argument: "grammar: line 3, column 7: ...". token_of: null: token terminals by text
// are refused. n_vocab: ids of token terminals are below it.
Result<Grammar> parse_gbnf(std::string_view text, const TokenOf& token_of = {},
                           Token n_vocab = INT32_MAX);

}  // namespace engine::grammar
