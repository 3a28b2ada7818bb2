// The interpreter: statements write to the current output, expressions give values.
#include "engine/text/jinja/interpreter.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/text/jinja/builtins.h"

namespace engine::jinja {

using EK = Expr::Kind;
using NK = Node::Kind;

struct Interpreter::Deeper {
  explicit Deeper(Interpreter* i) : i(i) {
    if (++i->depth_ > i->heap_.limits().depth)
      i->heap_.fail("the chat template is nested too deeply");
  }
  ~Deeper() { --i->depth_; }
  Interpreter* i;
};

Result<Rendered> Interpreter::run(const Json& variables) {
  const auto& trusted = options_.trusted;
  Scope globals;
  TextBuilder out;
  scope_ = &globals;
  out_ = &out;
  if (variables.is_object()) {
    for (const auto& [name, json] : variables.items()) {
      const bool input = std::find(trusted.begin(), trusted.end(), name) == trusted.end();
      globals.names.emplace_back(name, heap_.from_json(json, input));
    }
  }
  exec(program_.body);
  if (heap_.failed()) {
    const Error& e = heap_.error();
    if (e.code == Errc::invalid_argument) return e;  // the template's own words
    return Error{e.code, fmt::format("template line {}: {}", line_, e.message)};
  }
  return Rendered{std::move(out.bytes()), std::move(out.ranges())};
}

// ---- scopes ----

Value* Interpreter::find(std::string_view name) {
  for (Scope* s = scope_; s; s = s->parent)
    for (auto& [key, value] : s->names)
      if (key == name) return &value;
  return nullptr;
}

void Interpreter::bind(std::string_view name, const Value& v) {
  for (auto& [key, value] : scope_->names) {
    if (key == name) {
      value = v;
      return;
    }
  }
  if (heap_.spend_bytes(sizeof(Value) + sizeof(name))) scope_->names.emplace_back(name, v);
}

Scope* Interpreter::new_scope(Scope* parent) {
  heap_.spend_bytes(sizeof(Scope));
  scopes_.push_back({parent, {}});
  return &scopes_.back();
}

void Interpreter::assign(const Expr& target, const Value& v) {
  if (heap_.failed()) return;
  switch (target.kind) {
    case EK::name:
      return bind(target.name, v);
    case EK::attribute: {
      const Value object = eval(*target.kids[0]);
      if (!object.is(Kind::ns)) {
        heap_.fail(
            fmt::format("cannot set attribute '{}': only namespaces can be changed", target.name));
        return;
      }
      const Value key = heap_.string(std::string(target.name));
      if (!heap_.failed()) heap_.set(*object.dict, key, v);
      return;
    }
    default: {
      std::vector<Value> items;
      if (!heap_.iterate(v, &items)) return;
      if (items.size() != target.kids.size()) {
        heap_.fail(
            fmt::format("cannot unpack {} values into {} names", items.size(), target.kids.size()));
        return;
      }
      for (size_t i = 0; i < items.size(); ++i) assign(*target.kids[i], items[i]);
    }
  }
}

void Interpreter::at_line(int line) {
  if (!heap_.failed()) line_ = line;
}

// ---- statements ----

void Interpreter::emit(const Value& v) {
  print_value(heap_, v, *out_);
  if (out_->size() > heap_.limits().output)
    heap_.fail("the output of the chat template is too long");
}

Interpreter::Flow Interpreter::exec(const std::vector<Node>& body) {
  for (const Node& n : body) {
    if (heap_.failed()) return Flow::leave;
    const Flow flow = exec(n);
    if (flow != Flow::go_on) return flow;
  }
  return Flow::go_on;
}

Interpreter::Flow Interpreter::exec(const Node& n) {
  const Deeper deeper(this);
  at_line(n.line);
  if (!heap_.spend_steps(1)) return Flow::leave;
  Flow flow = Flow::go_on;
  switch (n.kind) {
    case NK::text:
      emit(Value::string(&n.text));
      break;
    case NK::output:
      emit(eval(*n.expr));
      break;
    case NK::branch:
      return exec_branch(n);
    case NK::loop:
      return exec_loop(n);
    case NK::set:
      assign(*n.target, eval(*n.expr));
      break;
    case NK::set_block: {
      Value text = capture(n.arms[0].body, &flow);
      if (n.expr) text = eval_captured(*n.expr, text);
      assign(*n.target, text);
      break;
    }
    case NK::macro:
      bind(n.name, heap_.function({n.name, nullptr, {}, &n, scope_}));
      break;
    case NK::call_block:
      exec_call_block(n);
      break;
    case NK::filter_block: {
      const Value text = capture(n.arms[0].body, &flow);
      emit(eval_captured(*n.expr, text));
      break;
    }
    case NK::evaluate:
      eval(*n.expr);
      break;
    case NK::scope:
      return exec(n.arms[0].body);
    case NK::leave:
      return Flow::leave;
    case NK::next:
      return Flow::next;
  }
  return flow;
}

Interpreter::Flow Interpreter::exec_branch(const Node& n) {
  for (const Arm& arm : n.arms) {
    if (arm.test && !eval(*arm.test).truthy()) continue;
    if (heap_.failed()) break;
    return exec(arm.body);
  }
  return Flow::go_on;
}

Interpreter::Flow Interpreter::exec_loop(const Node& n) {
  std::vector<Value>& items = sequences_.emplace_back();
  if (!heap_.iterate(eval(*n.expr), &items)) return Flow::leave;
  Scope* outer = scope_;
  if (n.arms[0].test) {  // the loop is over the elements that pass
    std::vector<Value> kept;
    for (const Value& v : items) {
      if (!heap_.spend_loop(1)) break;
      scope_ = new_scope(outer);
      assign(*n.target, v);
      if (eval(*n.arms[0].test).truthy()) kept.push_back(v);
    }
    scope_ = outer;
    items = std::move(kept);
  }
  heap_.spend_bytes(sizeof(Loop));
  Loop& loop = loops_.emplace_back();
  loop.items = &items;
  for (loop.index = 0; loop.index < items.size() && heap_.spend_loop(1); ++loop.index) {
    scope_ = new_scope(outer);
    bind("loop", Value::of_loop(&loop));
    assign(*n.target, items[loop.index]);
    if (exec(n.arms[0].body) == Flow::leave) break;
  }
  scope_ = outer;
  if (items.empty() && n.arms.size() > 1 && !heap_.failed()) return exec(n.arms[1].body);
  return Flow::go_on;
}

Value Interpreter::capture(const std::vector<Node>& body, Flow* flow) {
  TextBuilder text;
  TextBuilder* outer = std::exchange(out_, &text);
  Scope* outer_scope = std::exchange(scope_, new_scope(scope_));
  *flow = exec(body);
  scope_ = outer_scope;
  out_ = outer;
  return heap_.string(text);
}

Value Interpreter::eval_captured(const Expr& e, const Value& text) {
  captured_ = text;  // read first, as the innermost operand of the chain
  return eval(e);
}

void Interpreter::exec_call_block(const Node& n) {
  const Value callee = eval(*n.expr->kids[0]);
  Args args = eval_args(*n.expr);
  args.named.emplace_back("caller", heap_.function({"caller", nullptr, {}, &n, scope_}));
  if (heap_.failed()) return;
  emit(call(callee, args));
}

// ---- calls ----

Value Interpreter::call(const Value& function, const Args& args) {
  if (heap_.failed()) return {};
  if (!function.is(Kind::function))
    return heap_.fail(fmt::format("{} cannot be called", kind_name(function)));
  const Function& f = *function.function;
  return f.macro ? call_macro(f, args) : f.native(*this, f.self, args);
}

Value Interpreter::call_macro(const Function& f, const Args& args) {
  const Deeper deeper(this);
  const Node& n = *f.macro;
  const auto is_param = [&](std::string_view name) {
    return name == "caller" || std::any_of(n.params.begin(), n.params.end(),
                                           [&](const Param& p) { return p.name == name; });
  };
  if (args.positional.size() > n.params.size())
    return heap_.fail(fmt::format("macro '{}' takes {} arguments, {} given", f.name,
                                  n.params.size(), args.positional.size()));
  Scope* outer = std::exchange(scope_, new_scope(f.scope));
  for (const auto& [name, value] : args.named) {
    if (!is_param(name)) heap_.fail(fmt::format("macro '{}' has no argument '{}'", f.name, name));
    if (name == "caller") bind(name, value);
  }
  for (size_t i = 0; i < n.params.size() && !heap_.failed(); ++i) {
    const Param& p = n.params[i];
    const bool given =
        i < args.positional.size() || std::any_of(args.named.begin(), args.named.end(),
                                                  [&](const auto& a) { return a.first == p.name; });
    bind(p.name, given ? args.get(i, p.name) : p.fallback ? eval(*p.fallback) : Value());
  }
  Flow flow = Flow::go_on;
  const Value text = heap_.failed() ? Value() : capture(n.arms[0].body, &flow);
  scope_ = outer;
  return text;
}

Value Interpreter::apply_filter(std::string_view name, const Value& input, const Args& args) {
  if (heap_.failed()) return {};
  const Native filter = find_filter(name);
  if (!filter) return heap_.fail(fmt::format("no filter named '{}'", name));
  return filter(*this, input, args);
}

bool Interpreter::apply_test(std::string_view name, const Value& input, const Args& args) {
  if (heap_.failed()) return false;
  const Native test = find_test(name);
  if (!test) return heap_.fail(fmt::format("no test named '{}'", name)), false;
  return test(*this, input, args).truthy();
}

// ---- access ----

Value Interpreter::attribute(const Value& object, std::string_view name) {
  if (heap_.failed()) return {};
  if (const Native method = find_method(object.kind, name))
    return heap_.function({name, method, object, nullptr, nullptr});
  switch (object.kind) {
    case Kind::dict:
    case Kind::ns:
      return heap_.get(*object.dict, name);
    case Kind::list:
      if (object.list->group && object.list->items.size() == 2) {
        if (name == "grouper") return object.list->items[0];
        if (name == "list") return object.list->items[1];
      }
      return {};
    case Kind::loop: {
      const Loop& loop = *object.loop;
      const auto n = static_cast<int64_t>(loop.items->size()), i = static_cast<int64_t>(loop.index);
      const auto at = [&](int64_t k) {
        return k >= 0 && k < n ? (*loop.items)[static_cast<size_t>(k)] : Value();
      };
      if (name == "index") return Value::integer(i + 1);
      if (name == "index0") return Value::integer(i);
      if (name == "revindex") return Value::integer(n - i);
      if (name == "revindex0") return Value::integer(n - i - 1);
      if (name == "first") return Value::boolean(i == 0);
      if (name == "last") return Value::boolean(i + 1 == n);
      if (name == "length") return Value::integer(n);
      if (name == "depth") return Value::integer(1);  // counts recursive loops only
      if (name == "depth0") return Value::integer(0);
      if (name == "previtem") return at(i - 1);
      if (name == "nextitem") return at(i + 1);
      return {};
    }
    case Kind::function:
      return name == "name" ? heap_.string(std::string(object.function->name)) : Value();
    default:
      return {};
  }
}

Value Interpreter::item(const Value& object, const Value& key) {
  if (heap_.failed()) return {};
  switch (object.kind) {
    case Kind::dict:
    case Kind::ns:
      return heap_.get(*object.dict, key);
    case Kind::list: {
      if (!key.whole()) return key.is(Kind::string) ? attribute(object, key.str()) : Value();
      const auto n = static_cast<int64_t>(object.list->items.size());
      const int64_t i = key.as_int() < 0 ? key.as_int() + n : key.as_int();
      return i >= 0 && i < n ? object.list->items[static_cast<size_t>(i)] : Value();
    }
    case Kind::string: {
      if (!key.whole()) return {};
      const std::string_view s = object.str();
      heap_.spend_steps(1 + s.size() / 64);
      int64_t i = key.as_int();
      if (i < 0) i += static_cast<int64_t>(utf8_length(s));
      if (i < 0) return {};
      const size_t at = utf8_offset(s, static_cast<size_t>(i));
      return at < s.size() ? heap_.part(*object.text, at, at + utf8_size_at(s, at)) : Value();
    }
    case Kind::loop:
      return key.is(Kind::string) ? attribute(object, key.str()) : Value();
    default:
      return {};
  }
}

Value Interpreter::eval_slice(const Expr& e) {
  const Value object = eval(*e.kids[0]);
  Value bounds[3];
  for (size_t k = 0; k < 3; ++k) {
    if (e.kids[k + 1]) bounds[k] = eval(*e.kids[k + 1]);
    if (!bounds[k].missing() && !bounds[k].whole())
      return heap_.fail("the bounds of a slice must be integers");
  }
  if (heap_.failed() || object.undefined()) return {};
  if (!object.is(Kind::list) && !object.is(Kind::string))
    return heap_.fail(fmt::format("{} cannot be sliced", kind_name(object)));
  const int64_t step = bounds[2].missing() ? 1 : bounds[2].as_int();
  if (step == 0) return heap_.fail("the step of a slice cannot be zero");

  std::vector<size_t> starts;  // byte offsets of the code points of a string
  if (object.is(Kind::string)) {
    const std::string_view s = object.str();
    if (!heap_.spend_steps(s.size() / 8) || !heap_.spend_bytes(s.size())) return {};
    for (size_t i = 0; i < s.size(); i += utf8_size_at(s, i)) starts.push_back(i);
  }
  const auto n =
      static_cast<int64_t>(object.is(Kind::string) ? starts.size() : object.list->items.size());
  const auto place = [&](const Value& v, int64_t fallback) {
    if (v.missing()) return fallback;
    int64_t i = v.as_int();
    if (i < 0) i = i < -n ? -1 : i + n;
    return step > 0 ? std::clamp<int64_t>(i, 0, n) : std::clamp<int64_t>(i, -1, n - 1);
  };
  const int64_t first = place(bounds[0], step > 0 ? 0 : n - 1),
                stop = place(bounds[1], step > 0 ? n : -1);

  if (object.is(Kind::string) && step == 1) {
    const auto byte = [&](int64_t i) {
      return i < n ? starts[static_cast<size_t>(i)] : object.str().size();
    };
    return heap_.part(*object.text, byte(first), std::max(byte(first), byte(stop)));
  }
  TextBuilder text;
  std::vector<Value> items;
  // Counted with a guard because first + step may overflow.
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  const int64_t span = step > 0 ? stop - first : first - stop;
  const int64_t count =
      span <= 0 ? 0 : static_cast<int64_t>((static_cast<uint64_t>(span) - 1) / stride) + 1;
  for (int64_t k = 0, i = first; k < count && heap_.spend_steps(1); ++k) {
    if (object.is(Kind::string)) {
      const size_t at = starts[static_cast<size_t>(i)];
      text.part(*object.text, at, at + utf8_size_at(object.str(), at));
    } else {
      items.push_back(object.list->items[static_cast<size_t>(i)]);
    }
    if (k + 1 < count) i += step;
  }
  return object.is(Kind::string) ? heap_.string(text)
                                 : heap_.list(std::move(items), object.list->tuple);
}

// ---- expressions ----

Value Interpreter::eval(const Expr& e) {
  const Deeper deeper(this);
  if (!heap_.spend_steps(1)) return {};
  return eval_node(e);
}

Value Interpreter::eval_node(const Expr& e) {
  switch (e.kind) {
    case EK::literal:
      return e.value;
    case EK::captured:
      return captured_;
    case EK::name: {
      if (const Value* v = find(e.name)) return *v;
      const Native global = find_global(e.name);
      return global ? heap_.function({e.name, global, {}, nullptr, nullptr}) : Value();
    }
    case EK::list:
    case EK::tuple: {
      std::vector<Value> items;
      items.reserve(e.kids.size());
      for (const ExprPtr& kid : e.kids) items.push_back(eval(*kid));
      return heap_.list(std::move(items), e.kind == EK::tuple);
    }
    case EK::dict: {
      const Value v = heap_.dict();
      for (size_t i = 0; i + 1 < e.kids.size() && !heap_.failed(); i += 2) {
        const Value key = eval(*e.kids[i]);
        const Value value = eval(*e.kids[i + 1]);
        if (!heap_.failed()) heap_.set(*v.dict, key, value);
      }
      return v;
    }
    case EK::attribute:
      return attribute(eval(*e.kids[0]), e.name);
    case EK::item: {
      const Value object = eval(*e.kids[0]);
      return item(object, eval(*e.kids[1]));
    }
    case EK::slice:
      return eval_slice(e);
    case EK::call:
      return eval_call(e);
    case EK::filter: {
      const Value input = eval(*e.kids[0]);
      return apply_filter(e.name, input, eval_args(e));
    }
    case EK::test: {
      const Value input = eval(*e.kids[0]);
      return Value::boolean(apply_test(e.name, input, eval_args(e)));
    }
    case EK::negate:
      return negate(heap_, eval(*e.kids[0]));
    case EK::plus: {
      const Value v = eval(*e.kids[0]);
      if (v.number() || heap_.failed()) return v.is(Kind::boolean) ? Value::integer(v.b) : v;
      return heap_.fail(fmt::format("'+' needs a number, not {}", kind_name(v)));
    }
    case EK::logical_not:
      return Value::boolean(!eval(*e.kids[0]).truthy());
    case EK::logical_and: {
      const Value a = eval(*e.kids[0]);
      return a.truthy() ? eval(*e.kids[1]) : a;
    }
    case EK::logical_or: {
      const Value a = eval(*e.kids[0]);
      return a.truthy() ? a : eval(*e.kids[1]);
    }
    case EK::binary: {
      const Value a = eval(*e.kids[0]);
      return binary(heap_, e.ops[0], a, eval(*e.kids[1]));
    }
    case EK::compare:
      return eval_compare(e);
    case EK::condition:
      if (eval(*e.kids[1]).truthy()) return eval(*e.kids[0]);
      return e.kids[2] ? eval(*e.kids[2]) : Value();
    case EK::spread:
      break;
  }
  return heap_.fail("'*' is only allowed among the arguments of a call");
}

Value Interpreter::eval_compare(const Expr& e) {
  Value left = eval(*e.kids[0]);
  for (size_t i = 0; i < e.ops.size(); ++i) {
    const Value right = eval(*e.kids[i + 1]);
    if (heap_.failed() || !compare_once(e.ops[i], left, right)) return Value::boolean(false);
    left = right;
  }
  return Value::boolean(true);
}

bool Interpreter::compare_once(Op op, const Value& a, const Value& b) {
  switch (op) {
    case Op::eq:
      return heap_.equal(a, b);
    case Op::ne:
      return !heap_.equal(a, b);
    case Op::in:
      return heap_.contains(b, a);
    case Op::not_in:
      return !heap_.contains(b, a);
    default:
      break;
  }
  // NaN compares false with everything
  if (a.number() && b.number() && (a.is(Kind::real) || b.is(Kind::real))) {
    const double x = a.as_real(), y = b.as_real();
    return op == Op::lt ? x < y : op == Op::le ? x <= y : op == Op::gt ? x > y : x >= y;
  }
  const int order = heap_.compare(a, b);
  return op == Op::lt   ? order < 0
         : op == Op::le ? order <= 0
         : op == Op::gt ? order > 0
                        : order >= 0;
}

Args Interpreter::eval_args(const Expr& e) {
  Args args;
  for (size_t i = 1; i < e.kids.size() && !heap_.failed(); ++i) {
    if (e.kids[i]->kind == EK::spread) {
      std::vector<Value> items;
      heap_.iterate(eval(*e.kids[i]->kids[0]), &items);
      args.positional.insert(args.positional.end(), items.begin(), items.end());
    } else {
      args.positional.push_back(eval(*e.kids[i]));
    }
  }
  for (const auto& [name, value] : e.named) {
    const Value v = eval(*value);
    if (heap_.failed()) break;
    if (!name.empty()) {
      args.named.emplace_back(name, v);
    } else if (!v.is(Kind::dict)) {
      heap_.fail("'**' needs a dict");
    } else {
      for (const auto& [key, item] : v.dict->entries)
        if (key.is(Kind::string)) args.named.emplace_back(key.str(), item);
    }
  }
  return args;
}

Value Interpreter::eval_call(const Expr& e) {
  const Expr& callee = *e.kids[0];
  const Value f = eval(callee);
  const Args args = eval_args(e);
  if (heap_.failed()) return {};
  if (f.undefined()) {
    const bool named = callee.kind == EK::name || callee.kind == EK::attribute;
    return heap_.fail(named ? fmt::format("'{}' is undefined", callee.name)
                            : std::string("an undefined value cannot be called"));
  }
  return call(f, args);
}

}  // namespace engine::jinja
