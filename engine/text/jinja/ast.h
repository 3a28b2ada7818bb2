// The parsed template: expressions and statements as plain data, owned by a Program. Strings view
// the source or the program's literals, so a Program never moves once parsed.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/jinja/value.h"

namespace engine::jinja {

enum class Op : uint8_t {
  add,
  sub,
  mul,
  div,
  floordiv,
  mod,
  pow,
  concat,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  in,
  not_in
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  enum class Kind : uint8_t {
    literal,    // value; strings in text
    name,       // name
    list,       // kids
    tuple,      // kids
    dict,       // kids: key, value, key, value ...
    attribute,  // kids[0].name
    item,       // kids[0][kids[1]]
    slice,      // kids[0][kids[1]:kids[2]:kids[3]], any of the three may be null
    call,       // kids[0](kids[1..], named)
    spread,     // *kids[0] among the arguments of a call; **x is a named argument without a name
    filter,     // kids[0] | name(kids[1..], named)
    test,       // kids[0] is name(kids[1..], named)
    negate,
    plus,
    logical_not,  // kids[0]
    logical_and,
    logical_or,  // kids[0], kids[1]
    binary,      // kids[0] ops[0] kids[1]
    compare,     // kids[0] ops[0] kids[1] ops[1] kids[2] ...
    condition,   // kids[0] if kids[1] else kids[2], which may be null
    captured,    // the text of the enclosing filter or set block
  };
  Kind kind = Kind::literal;
  int line = 0;
  int height = 1;  // of this tree; bounded by the parser
  std::string_view name;
  Value value;
  Text text;
  std::vector<Op> ops;
  std::vector<ExprPtr> kids;
  std::vector<std::pair<std::string_view, ExprPtr>> named;
};

struct Node;

struct Arm {
  ExprPtr test;  // null: always
  std::vector<Node> body;
};

struct Param {
  std::string_view name;
  ExprPtr fallback;  // null: undefined
};

struct Node {
  enum class Kind : uint8_t {
    text,          // text
    output,        // expr
    branch,        // arms in order, the first whose test holds
    loop,          // target in expr; arms[0] = filter and body, arms[1] = else (when present)
    set,           // target = expr
    set_block,     // target = captured body of arms[0], through expr when not null
    macro,         // name, params, arms[0]
    call_block,    // expr is the call; params and arms[0] are caller()
    filter_block,  // expr over the captured arms[0]
    evaluate,      // do expr
    scope,         // arms[0], as is (generation)
    leave,
    next,  // break, continue
  };
  Kind kind = Kind::text;
  int line = 0;
  std::string_view name;
  Text text;
  ExprPtr expr, target;
  std::vector<Arm> arms;
  std::vector<Param> params;
};

struct Program {
  std::string source;  // newlines normalised
  std::deque<std::string> literals;
  std::vector<Node> body;
};

Result<std::unique_ptr<const Program>> parse_program(std::string_view source);

inline constexpr size_t kMaxSource = size_t{1} << 20;

}  // namespace engine::jinja
