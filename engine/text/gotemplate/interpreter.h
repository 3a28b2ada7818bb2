// Runs a Program over root data. One Interpreter is one rendering; it is bounded in steps, memory,
// depth and output, and never trusts the template. The first error ends it: from then on every
// evaluation gives nil.
#pragma once

#include <climits>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/gotemplate/ast.h"

namespace engine::gotemplate {

struct Limits {
  size_t bytes = size_t{256} << 20;  // everything that functions make
  size_t output = size_t{32} << 20;
  int64_t steps = 20'000'000;  // executed nodes, evaluated words, walked elements
  int depth = 500;             // nested blocks, pipelines and templates at run time
};

struct RunOptions {
  Limits limits;
  std::time_t now = 0;       // the day of currentDate
  int last_order = INT_MAX;  // nothing that stands behind this node of the main tree is printed
};

struct Rendered {
  std::string text;
  std::vector<Range> input;  // the parts that came from the request
};

class Interpreter {
 public:
  Interpreter(const Program& program, RunOptions options)
      : program_(program), options_(std::move(options)) {}

  // Errc::invalid_argument: "template: :LINE:COLUMN: executing "NAME" at <WHAT>: why".
  Result<Rendered> run(const Value& root);

  // What the functions need. Each returns false once the rendering has failed.
  bool spend_steps(size_t n);
  bool spend_bytes(size_t n);
  Value fail(std::string message);  // keeps the first one, with the place; gives nil
  const RunOptions& options() const { return options_; }

 private:
  enum class Flow : uint8_t { go_on, leave, next };
  struct Deeper;
  struct Variable {
    std::string_view name;
    Value value;
  };

  Flow exec(const std::vector<Node>& body, const Value& dot);
  Flow exec(const Node& n, const Value& dot);
  Flow exec_branch(const Node& n, const Value& dot);
  Flow exec_range(const Node& n, const Value& dot);
  void exec_call(const Node& n, const Value& dot);
  void print(const Value& v);

  Value eval(const Pipeline& pipe, const Value& dot, bool binds = true);
  Value eval_command(const Command& c, const Value& dot, const Value* last);
  Value eval_word(const Expr& e, const Value& dot);
  Value eval_function(const Expr& e, const Command* c, const Value& dot, const Value* last);
  Value eval_lazy(const Expr& e, const Command* c, const Value& dot, const Value* last);
  Value fields(Value v, const Expr& e);
  Value field(const Value& v, std::string_view name);
  Variable* find(std::string_view name);
  void bind(const Pipeline& pipe, size_t index, const Value& v);

  bool failed() const { return !error_.empty(); }

  const Program& program_;
  RunOptions options_;
  TextBuilder out_;
  std::vector<Variable> variables_;
  size_t frame_ = 0;       // the first variable of the running template
  std::string_view tree_;  // its name
  std::string_view at_;    // what is evaluated, in the source
  int depth_ = 0;
  int64_t steps_ = 0;
  size_t bytes_ = 0;
  std::string error_;
};

}  // namespace engine::gotemplate
