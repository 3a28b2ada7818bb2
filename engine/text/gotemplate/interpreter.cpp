// The interpreter: nodes write to the output, pipelines give values.
#include "engine/text/gotemplate/interpreter.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text/gotemplate/functions.h"

namespace engine::gotemplate {

using EK = Expr::Kind;
using NK = Node::Kind;
using VK = Value::Kind;

struct Interpreter::Deeper {
  explicit Deeper(Interpreter* i) : i(i) {
    if (++i->depth_ > i->options_.limits.depth)
      i->fail("nested too deeply: a template may call itself without end");
  }
  ~Deeper() { --i->depth_; }
  Interpreter* i;
};

Result<Rendered> Interpreter::run(const Value& root) {
  variables_.push_back({"$", root});
  exec(program_.trees.front().body, root);
  if (failed()) return Error{Errc::invalid_argument, error_};
  return Rendered{std::move(out_.bytes()), std::move(out_.ranges())};
}

// ---- budget and errors ----

Value Interpreter::fail(std::string message) {
  if (failed()) return {};
  const std::string& s = program_.source;
  const auto offset = at_.empty() ? 0 : static_cast<size_t>(at_.data() - s.data());
  const std::string_view before = std::string_view(s).substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t newline = before.rfind('\n');
  const size_t column = newline == before.npos ? offset : offset - newline - 1;
  constexpr size_t kMost = 20;
  const std::string_view where = at_.substr(0, jinja::utf8_offset(at_.substr(0, 4 * kMost), kMost));
  error_ = fmt::format("template: :{}:{}: executing \"{}\" at <{}{}>: {}", line, column, tree_,
                       where, where.size() < at_.size() ? "..." : "", message);
  return {};
}

bool Interpreter::spend_steps(size_t n) {
  const auto left = static_cast<size_t>(options_.limits.steps - steps_);
  if (n > left) {
    fail("the template takes too many steps");
    return false;
  }
  steps_ += static_cast<int64_t>(n);
  return !failed();
}

bool Interpreter::spend_bytes(size_t n) {
  if (n > options_.limits.bytes - bytes_) {
    fail("the template uses too much memory");
    return false;
  }
  bytes_ += n;
  return !failed();
}

// ---- nodes ----

void Interpreter::print(const Value& v) {
  print_value(v, out_);
  if (out_.size() > options_.limits.output) fail("the output of the template is too long");
}

Interpreter::Flow Interpreter::exec(const std::vector<Node>& body, const Value& dot) {
  const Deeper deeper(this);
  for (const Node& n : body) {
    if (failed()) return Flow::leave;
    const Flow flow = exec(n, dot);
    if (flow != Flow::go_on) return flow;
  }
  return Flow::go_on;
}

Interpreter::Flow Interpreter::exec(const Node& n, const Value& dot) {
  if (!spend_steps(1)) return Flow::leave;
  const bool silent = n.order > options_.last_order;
  switch (n.kind) {
    case NK::text:
      if (silent) return Flow::go_on;
      at_ = n.text;
      out_.plain(n.text);
      if (out_.size() > options_.limits.output) fail("the output of the template is too long");
      return Flow::go_on;
    case NK::action: {
      if (silent && n.pipe.declared.empty()) return Flow::go_on;
      const Value v = eval(n.pipe, dot);
      if (!failed() && n.pipe.declared.empty()) print(v);
      return Flow::go_on;
    }
    case NK::branch:
    case NK::with:
      return exec_branch(n, dot);
    case NK::range:
      return exec_range(n, dot);
    case NK::call:
      if (!silent) exec_call(n, dot);
      return Flow::go_on;
    case NK::leave:
      return Flow::leave;
    case NK::next:
      return Flow::next;
  }
  return Flow::go_on;
}

Interpreter::Flow Interpreter::exec_branch(const Node& n, const Value& dot) {
  const size_t mark = variables_.size();
  const Value v = eval(n.pipe, dot);
  Flow flow = Flow::leave;
  if (!failed()) {
    if (v.truthy())
      flow = exec(n.body, n.kind == NK::with ? v : dot);
    else
      flow = exec(n.otherwise, dot);
  }
  variables_.resize(mark);
  return flow;
}

Interpreter::Flow Interpreter::exec_range(const Node& n, const Value& dot) {
  const size_t mark = variables_.size();
  const Value over = eval(n.pipe, dot, false);
  at_ = n.pipe.text;
  if (failed()) return Flow::leave;
  if (!n.pipe.assigns)
    for (const std::string_view name : n.pipe.declared) variables_.push_back({name, {}});
  const size_t inner = variables_.size();

  bool any = false;
  // false: the loop is over
  const auto turn = [&](const Value& key, const Value& element) {
    any = true;
    variables_.resize(inner);
    if (n.pipe.declared.size() == 2) {
      bind(n.pipe, 0, key);
      bind(n.pipe, 1, element);
    } else if (n.pipe.declared.size() == 1) {
      bind(n.pipe, 0, element);
    }
    return spend_steps(1) && exec(n.body, element) != Flow::leave && !failed();
  };
  switch (over.kind()) {
    case VK::nil:
      break;
    case VK::integer:
      for (int64_t i = 0; i < over.as_int(); ++i)
        if (!turn(Value(i), Value(i))) break;
      break;
    case VK::list: {
      const std::vector<Value>& items = over.list().items;
      for (size_t i = 0; i < items.size(); ++i)
        if (!turn(Value(static_cast<int64_t>(i)), items[i])) break;
      break;
    }
    case VK::map:
      for (const auto& [key, value] : over.map().entries)
        if (!spend_bytes(key.size()) || !turn(Value::input(key), value)) break;
      break;
    default:
      fail(fmt::format("range can't iterate over a value of type {}", over.type_name()));
  }
  variables_.resize(mark);
  if (failed()) return Flow::leave;
  if (any) return Flow::go_on;
  const Flow flow = exec(n.otherwise, dot);
  variables_.resize(mark);
  return flow;
}

void Interpreter::exec_call(const Node& n, const Value& dot) {
  at_ = n.text;
  const Tree* tree = program_.find(n.name);
  if (tree == nullptr) {
    fail(fmt::format("template {} not defined", quote(n.name)));
    return;
  }
  const Value data = n.pipe.commands.empty() ? Value() : eval(n.pipe, dot);
  if (failed()) return;
  const size_t frame = std::exchange(frame_, variables_.size());
  const std::string_view outer = std::exchange(tree_, tree->name);
  variables_.push_back({"$", data});
  exec(tree->body, data);
  variables_.resize(frame_);
  frame_ = frame;
  tree_ = outer;
}

// ---- variables ----

Interpreter::Variable* Interpreter::find(std::string_view name) {
  for (size_t i = variables_.size(); i > frame_; --i)
    if (variables_[i - 1].name == name) return &variables_[i - 1];
  fail(fmt::format("undefined variable: {}", name));
  return nullptr;
}

// Variable `index` of a range: pushed in front of the body, or one that exists.
void Interpreter::bind(const Pipeline& pipe, size_t index, const Value& v) {
  if (Variable* variable = find(pipe.declared[index])) variable->value = v;
}

// ---- pipelines ----

Value Interpreter::eval(const Pipeline& pipe, const Value& dot, bool binds) {
  const Deeper deeper(this);
  Value v;
  const Value* last = nullptr;
  for (const Command& c : pipe.commands) {
    if (failed()) return {};
    v = eval_command(c, dot, last);
    last = &v;
  }
  if (failed()) return {};
  if (!binds) return v;
  for (size_t i = 0; i < pipe.declared.size(); ++i) {
    at_ = pipe.text;
    if (pipe.assigns)
      bind(pipe, i, v);
    else if (spend_bytes(sizeof(Variable)))
      variables_.push_back({pipe.declared[i], v});
  }
  return v;
}

Value Interpreter::eval_command(const Command& c, const Value& dot, const Value* last) {
  const Expr& first = c.words.front();
  if (first.kind == EK::function) return eval_function(first, &c, dot, last);
  at_ = first.text;
  if (c.words.size() > 1 || last != nullptr) {
    if (first.kind == EK::field || first.kind == EK::chain)
      return fail(fmt::format("{} is not a method but has arguments", first.names.back()));
    return fail(fmt::format("can't give argument to non-function {}", first.text));
  }
  if (first.kind == EK::nil) return fail("nil is not a command");
  return eval_word(first, dot);
}

Value Interpreter::eval_word(const Expr& e, const Value& dot) {
  if (!spend_steps(1)) return {};
  at_ = e.text;
  switch (e.kind) {
    case EK::dot:
      return dot;
    case EK::nil:
      return {};
    case EK::literal:
      return e.value;
    case EK::field:
      return fields(dot, e);
    case EK::variable: {
      const Variable* v = find(e.name);
      return v != nullptr ? fields(v->value, e) : Value();
    }
    case EK::function:
      return eval_function(e, nullptr, dot, nullptr);
    case EK::pipeline: {
      const size_t mark = variables_.size();
      Value v = eval(*e.pipe, dot);
      if (failed()) return {};
      variables_.resize(mark);
      return v;
    }
    case EK::chain: {
      const Value base = eval_word(*e.base, dot);
      if (failed()) return {};
      return fields(base, e);
    }
  }
  return {};
}

Value Interpreter::fields(Value v, const Expr& e) {
  for (const std::string_view name : e.names) {
    if (failed()) return {};
    at_ = e.text;
    v = field(v, name);
  }
  return v;
}

Value Interpreter::field(const Value& v, std::string_view name) {
  if (v.is(VK::map)) {
    const Value* found = v.map().find(name);
    return found != nullptr ? *found : Value();
  }
  if (v.is(VK::object))
    if (const Value* found = v.object().find(name)) return *found;
  if (v.nil()) return fail(fmt::format("nil pointer evaluating interface {{}}.{}", name));
  return fail(fmt::format("can't evaluate field {} in type {}", name, v.type_name()));
}

// Calls the function of `e` with the words of `c` behind the first, and with `last` behind them.
Value Interpreter::eval_function(const Expr& e, const Command* c, const Value& dot,
                                 const Value* last) {
  const Deeper deeper(this);
  const Function& f = *e.function;
  at_ = e.text;
  if (!spend_steps(1)) return {};
  const size_t words = c != nullptr ? c->words.size() - 1 : 0;
  const size_t n = words + (last != nullptr ? 1 : 0);
  if (n < static_cast<size_t>(f.fewest) || (f.most != kAny && n > static_cast<size_t>(f.most)))
    return fail(fmt::format("wrong number of args for {}: want {}{} got {}", f.name,
                            f.most == f.fewest ? "" : "at least ", f.fewest, n));
  if (f.kind != Function::Kind::plain) return eval_lazy(e, c, dot, last);
  std::vector<Value> args;
  args.reserve(n);
  for (size_t i = 1; i <= words; ++i) {
    args.push_back(eval_word(c->words[i], dot));
    if (failed()) return {};
  }
  if (last != nullptr) args.push_back(*last);
  at_ = e.text;
  Value v = f.call(*this, args);
  return failed() ? Value() : v;
}

// and, or: the first argument that decides, else the last one.
Value Interpreter::eval_lazy(const Expr& e, const Command* c, const Value& dot, const Value* last) {
  const bool stops_at = e.function->kind == Function::Kind::until_true;
  Value v;
  for (size_t i = 1; c != nullptr && i < c->words.size(); ++i) {
    v = eval_word(c->words[i], dot);
    if (failed()) return {};
    if (v.truthy() == stops_at) return v;
  }
  return last != nullptr ? *last : v;
}

}  // namespace engine::gotemplate
