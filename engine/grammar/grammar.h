// Grammar: rules over Unicode characters as plain data: what GBNF texts and JSON schemas become.
// Expressions lie in one arena and refer to each other by index.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/row_output.h"

namespace engine::grammar {

using ExprId = int32_t;
using RuleId = int32_t;

struct CodeRange {
  uint32_t lo, hi;  // both included
};
inline constexpr uint32_t kLastCodePoint = 0x10ffff;

struct Expr {
  enum Kind : uint8_t {
    literal,     // the bytes of text
    char_class,  // one character of ranges
    sequence,    // parts one after the other; none: the empty text
    choice,      // one of parts
    repeat,      // parts[0], min to max times; max -1: without limit
    rule,        // the rule id
    token,       // the token id, or with negated any other token
    until,       // any bytes up to and including the first occurrence of text
  };
  Kind kind = sequence;
  bool negated = false;
  int32_t id = -1, min = 0, max = -1;
  std::string text;
  std::vector<CodeRange> ranges;  // ascending, without overlap
  std::vector<ExprId> parts;
};

// Ascending and without overlap, whatever came in.
std::vector<CodeRange> normalized(std::vector<CodeRange> ranges);
std::vector<CodeRange> complement(std::vector<CodeRange> ranges);
void append_utf8(uint32_t code_point, std::string& out);

class Grammar {
 public:
  ExprId add(Expr e);
  ExprId literal(std::string text);
  ExprId chars(std::vector<CodeRange> ranges);  // in any order
  ExprId chars(std::string_view ascii);         // one of these
  ExprId sequence(std::vector<ExprId> parts);
  ExprId choice(std::vector<ExprId> parts);
  ExprId repeat(ExprId part, int32_t min, int32_t max);
  ExprId optional(ExprId part) { return repeat(part, 0, 1); }
  ExprId ref(RuleId rule);
  ExprId until(std::string text);
  ExprId token(Token id, bool negated = false);
  ExprId empty() { return sequence({}); }

  RuleId declare(std::string name);  // to be defined later
  void define(RuleId rule, ExprId body) { rules_[static_cast<size_t>(rule)].body = body; }
  RuleId define(std::string name, ExprId body);
  // Adds all rules of another grammar; its root.
  RuleId take_over(const Grammar& other);

  struct Rule {
    std::string name;
    ExprId body = -1;
  };
  const std::vector<Rule>& rules() const { return rules_; }
  const Expr& expr(ExprId id) const { return exprs_[static_cast<size_t>(id)]; }
  size_t size() const { return exprs_.size(); }
  size_t bytes() const;  // of memory, roughly

  RuleId root = -1;

 private:
  std::vector<Expr> exprs_;
  std::vector<Rule> rules_;
};

// A text that may be one token of the vocabulary instead of characters.
struct Tag {
  Tag(const char* t) : text(t) {}
  Tag(std::string t, Token id = -1, bool ends_text = false)
      : text(std::move(t)), token(id), ends(ends_text) {}
  std::string text;
  Token token = -1;
  bool ends = false;  // the token ends the answer and is no part of a grammar
};

// Where a constraint begins in the answer of a model that reasons first.
enum class Start : uint8_t {
  at_once,
  after_thinking,    // the text begins inside a thinking block
  may_think_before,  // a thinking block may come first
};
// The same grammar behind free text up to the closing tag; white space may stand around the tags.
Grammar behind_thinking(Grammar grammar, Start start, const Tag& open, const Tag& close);

}  // namespace engine::grammar
