// Runs a Program over a set of variables. One Interpreter is one rendering; it is bounded in steps,
// memory, depth and output, and never trusts the template. The first error ends it: from then on
// every evaluation gives undefined.
#pragma once

#include <ctime>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/jinja/ast.h"

namespace engine::jinja {

struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<std::string_view, Value>> names;
};

struct Loop {
  const std::vector<Value>* items = nullptr;
  size_t index = 0;
  std::vector<Value> last_changed;
  bool has_changed = false;
};

struct RunOptions {
  Limits limits;
  std::time_t now = 0;                    // what strftime_now shows
  std::vector<std::string_view> trusted;  // variables whose text belongs to the template side
  // raise_exception with a message that begins so does nothing
  std::vector<std::string_view> tolerated;
};

struct Rendered {
  std::string text;
  std::vector<Range> input;  // the parts that came from the request; see text.h
};

class Interpreter {
 public:
  Interpreter(const Program& program, RunOptions options)
      : program_(program), options_(std::move(options)), heap_(options_.limits) {}

  // Errc::invalid_argument carries the text of raise_exception, Errc::internal any other failure.
  Result<Rendered> run(const Json& variables);

  // What the built-ins need.
  Heap& heap() { return heap_; }
  const RunOptions& options() const { return options_; }
  Value call(const Value& function, const Args& args);
  Value apply_filter(std::string_view name, const Value& input, const Args& args);
  bool apply_test(std::string_view name, const Value& input, const Args& args);
  Value attribute(const Value& object, std::string_view name);
  Value item(const Value& object, const Value& key);

 private:
  enum class Flow : uint8_t { go_on, leave, next };
  struct Deeper;

  Flow exec(const std::vector<Node>& body);
  Flow exec(const Node& n);
  Flow exec_branch(const Node& n);
  Flow exec_loop(const Node& n);
  void exec_set_block(const Node& n);
  void exec_call_block(const Node& n);
  Value capture(const std::vector<Node>& body, Flow* flow);
  void emit(const Value& v);

  Value eval(const Expr& e);
  Value eval_node(const Expr& e);
  Value eval_call(const Expr& e);
  Value eval_slice(const Expr& e);
  Value eval_compare(const Expr& e);
  Args eval_args(const Expr& e);
  Value eval_captured(const Expr& e, const Value& text);
  bool compare_once(Op op, const Value& a, const Value& b);
  Value call_macro(const Function& f, const Args& args);

  Value* find(std::string_view name);
  void assign(const Expr& target, const Value& v);
  void bind(std::string_view name, const Value& v);
  Scope* new_scope(Scope* parent);
  void at_line(int line);

  const Program& program_;
  RunOptions options_;
  Heap heap_;
  std::deque<Scope> scopes_;
  std::deque<Loop> loops_;
  std::deque<std::vector<Value>> sequences_;  // what the loops walk over
  Scope* scope_ = nullptr;
  TextBuilder* out_ = nullptr;
  Value captured_;
  int depth_ = 0;
  int line_ = 0;
};

// operators.cpp
Value binary(Heap& heap, Op op, const Value& a, const Value& b);
Value negate(Heap& heap, const Value& v);

}  // namespace engine::jinja
