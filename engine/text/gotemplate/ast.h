// The parsed template as plain data, owned by a Program. Views point into the program's source or
// its literals, so a Program never moves once parsed.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/text/gotemplate/value.h"

namespace engine::gotemplate {

struct Function;
struct Pipeline;

struct Expr {
  enum class Kind : uint8_t {
    dot,
    nil,
    literal,   // value
    field,     // .a.b: names, of dot
    variable,  // $x.a.b: name, then names
    function,  // name
    pipeline,  // (pipe)
    chain,     // (pipe).a.b or function.a: base, names
  };
  Kind kind = Kind::dot;
  std::string_view text;  // in the source
  std::string_view name;
  std::vector<std::string_view> names;
  Value value;
  const Function* function = nullptr;
  std::unique_ptr<Pipeline> pipe;
  std::unique_ptr<Expr> base;
};

struct Command {
  std::vector<Expr> words;  // at least one; the first may be a function, the others are arguments
};

struct Pipeline {
  std::string_view text;
  std::vector<std::string_view> declared;  // variables, with their $
  bool assigns = false;                    // `=` instead of `:=`
  std::vector<Command> commands;
};

struct Node {
  enum class Kind : uint8_t { text, action, branch, range, with, call, leave, next };
  Kind kind = Kind::text;
  int order = 0;          // of the nodes of the main tree in the document, from 1; else 0
  std::string_view text;  // of text: what is printed; else where it stands in the source
  std::string_view name;  // call: of the template
  Pipeline pipe;          // without commands: a call without data
  std::vector<Node> body, otherwise;
};

struct Tree {
  std::string_view name;  // "" of the main one
  std::vector<Node> body;
};

struct Program {
  std::string source;  // newlines normalised
  std::deque<std::string> literals;
  std::deque<Tree> trees;          // the main one first
  int n_ordered = 0;               // the highest Node::order
  std::set<std::string> mentions;  // lower-case: identifiers of fields, names of variables with $

  const Tree* find(std::string_view name) const;
};

// Errc::invalid_argument: "template: :LINE: what is wrong".
Result<std::unique_ptr<Program>> parse_program(std::string_view source);
// An action that prints a field of the root data, behind everything else.
void append_field(Program& program, std::string_view literal);

inline constexpr size_t kMaxSource = size_t{1} << 20;

}  // namespace engine::gotemplate
