// The values of JSON as rules of a grammar: what schemas are made of, and JSON mode itself.
// Gaps, digits and fractions are bounded: a model cannot fill an answer with them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/grammar/grammar.h"

namespace engine::grammar {

inline constexpr int kJsonGap = 20;

// Rules are made when they are first asked for.
class JsonValues {
 public:
  // free_gaps: gaps of any white space up to kJsonGap characters.
  explicit JsonValues(Grammar& g, bool free_gaps = false) : g_(g), free_gaps_(free_gaps) {}

  ExprId gap();  // nothing, a space, or one or two newlines and an indentation
  ExprId value();
  ExprId object();
  ExprId array();
  ExprId string();
  ExprId number();
  ExprId integer();
  ExprId boolean() { return g_.choice({g_.literal("true"), g_.literal("false")}); }
  ExprId null() { return g_.literal("null"); }
  ExprId character();  // one of a string, escapes included
  // One of these characters, written as JSON writes it.
  ExprId character_of(const std::vector<CodeRange>& ranges);
  // item (sep item)*, min to max of them; max -1: without limit. sep: "," and a gap.
  ExprId list(ExprId item, int32_t min, int32_t max);
  ExprId separator();
  // A string that is none of these texts.
  ExprId other_key(const std::vector<std::string>& keys);

 private:
  ExprId once(ExprId& known, const char* name, ExprId body);
  ExprId key_rest(const std::vector<std::u32string>& keys, size_t depth, ExprId rest);

  Grammar& g_;
  const bool free_gaps_;
  ExprId gap_ = -1, value_ = -1, object_ = -1, array_ = -1, string_ = -1, number_ = -1,
         integer_ = -1, character_ = -1, separator_ = -1;
};

// JSON mode: any object.
Grammar json_grammar();

}  // namespace engine::grammar
