// Parser: tokens to a Program, by recursive descent. Precedence, tight to loose:
// call/attribute/index, unary sign, filters and tests, **, * / // %, ~, + -, comparisons,
// not, and, or, inline if.
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "engine/text/jinja/ast.h"
#include "engine/text/jinja/lexer.h"

namespace engine::jinja {
namespace {

using EK = Expr::Kind;
using NK = Node::Kind;
using TK = Token::Kind;

class Parser {
 public:
  Parser(Program& program, std::vector<Token> tokens)
      : program_(program), tokens_(std::move(tokens)) {}

  Status run() {
    program_.body = parse_body({});
    if (error_.empty() && peek().kind != TK::end) fail("unexpected end of a block");
    if (!error_.empty())
      return Error{Errc::invalid_argument,
                   fmt::format("template line {}: {}", error_line_, error_)};
    return ok;
  }

 private:
  static constexpr int kMaxDepth = 300;   // nested blocks plus nested parentheses
  static constexpr int kMaxHeight = 250;  // of one expression tree, long operator chains included

  struct Deeper {
    explicit Deeper(Parser* p) : p(p) {
      if (++p->depth_ > kMaxDepth) p->fail("nested too deeply");
    }
    ~Deeper() { --p->depth_; }
    Parser* p;
  };

  // After the first error every token reads as the end, so that all loops run out.
  void fail(std::string message) {
    if (!error_.empty()) return;
    error_ = std::move(message);
    error_line_ = tokens_[at_].line;
    at_ = tokens_.size() - 1;
  }
  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token next() {
    const Token t = peek();
    if (at_ + 1 < tokens_.size()) ++at_;
    return t;
  }
  bool is_op(std::string_view op, size_t ahead = 0) const {
    return peek(ahead).kind == TK::op && peek(ahead).text == op;
  }
  bool is_name(std::string_view name, size_t ahead = 0) const {
    return peek(ahead).kind == TK::name && peek(ahead).text == name;
  }
  bool take_op(std::string_view op) { return is_op(op) && (next(), true); }
  bool take_name(std::string_view name) { return is_name(name) && (next(), true); }
  void expect_op(std::string_view op) {
    if (!take_op(op)) fail(fmt::format("expected '{}', found {}", op, describe(peek())));
  }
  void expect(TK kind, std::string_view what) {
    if (peek().kind == kind) {
      next();
    } else {
      fail(fmt::format("expected {}, found {}", what, describe(peek())));
    }
  }
  std::string_view expect_identifier() {
    if (peek().kind == TK::name) return next().text;
    fail(fmt::format("expected a name, found {}", describe(peek())));
    return {};
  }
  static std::string describe(const Token& t) {
    switch (t.kind) {
      case TK::end:
        return "the end of the template";
      case TK::tag_end:
        return "'%}'";
      case TK::output_end:
        return "'}}'";
      default:
        return fmt::format("'{}'", t.text.substr(0, 40));
    }
  }

  ExprPtr make(EK kind) {
    ExprPtr e = std::make_unique<Expr>();
    e->kind = kind;
    e->line = peek().line;
    return e;
  }
  // Adds a child and keeps the height of the tree bounded: evaluation
  // and destruction recurse over it.
  void adopt(Expr& parent, ExprPtr child) {
    if (child) grow(parent, child->height);
    parent.kids.push_back(std::move(child));
  }
  void grow(Expr& parent, int child_height) {
    parent.height = std::max(parent.height, child_height + 1);
    if (parent.height > kMaxHeight) fail("expression is nested too deeply");
  }
  template <class... K>
  ExprPtr tree(EK kind, K... kids) {
    ExprPtr e = make(kind);
    (adopt(*e, std::move(kids)), ...);
    return e;
  }

  // ---- statements ----

  bool at_tag(std::initializer_list<std::string_view> names) const {
    if (peek().kind != TK::tag_begin || peek(1).kind != TK::name) return false;
    return std::find(names.begin(), names.end(), peek(1).text) != names.end();
  }

  // Statements up to one of the tags in `until`, which is left for the caller;
  // up to the end when there is none.
  std::vector<Node> parse_body(std::initializer_list<std::string_view> until) {
    const Deeper deeper(this);
    std::vector<Node> body;
    while (error_.empty()) {
      const Token& t = peek();
      if (t.kind == TK::end) {
        if (until.size() > 0)
          fail(fmt::format("expected '{}' before the end of the template", *until.begin()));
        break;
      }
      if (at_tag(until)) break;
      body.push_back(parse_node());
    }
    return body;
  }

  Node parse_node() {
    Node n;
    n.line = peek().line;
    const Token t = next();
    if (t.kind == TK::text) {
      n.text.bytes = t.text;
    } else if (t.kind == TK::output_begin) {
      n.kind = NK::output;
      n.expr = parse_tuple(true);
      expect(TK::output_end, "'}}'");
    } else if (t.kind == TK::tag_begin) {
      parse_tag(&n);
    } else {
      fail(fmt::format("unexpected {}", describe(t)));
    }
    return n;
  }

  void close(std::string_view name) {
    expect(TK::tag_begin, "a tag");
    if (!take_name(name)) fail(fmt::format("expected '{}'", name));
    expect(TK::tag_end, "'%}'");
  }
  Arm parse_arm(std::initializer_list<std::string_view> until) {
    expect(TK::tag_end, "'%}'");
    Arm arm;
    arm.body = parse_body(until);
    return arm;
  }

  // A body that runs when called: `break` in it cannot mean a loop around its definition.
  Arm parse_function_body(std::string_view end) {
    const int outer = std::exchange(loops_, 0);
    Arm arm = parse_arm({end});
    loops_ = outer;
    return arm;
  }

  void parse_tag(Node* n) {
    const std::string_view tag = expect_identifier();
    if (tag == "if") return parse_if(n);
    if (tag == "for") return parse_for(n);
    if (tag == "set") return parse_set(n);
    if (tag == "macro") {
      n->kind = NK::macro;
      n->name = expect_identifier();
      parse_params(n);
      n->arms.push_back(parse_function_body("endmacro"));
      next(), next();
      if (peek().kind == TK::name) next();  // `endmacro NAME`
      return expect(TK::tag_end, "'%}'");
    }
    if (tag == "call") {
      n->kind = NK::call_block;
      if (is_op("(")) parse_params(n);
      n->expr = parse_expression();
      if (n->expr && n->expr->kind != EK::call) fail("a call block needs a call");
      n->arms.push_back(parse_function_body("endcall"));
      return close("endcall");
    }
    if (tag == "filter") {
      n->kind = NK::filter_block;
      n->expr = parse_filter_chain(make(EK::captured), true);
      n->arms.push_back(parse_arm({"endfilter"}));
      return close("endfilter");
    }
    if (tag == "generation") {
      n->kind = NK::scope;
      n->arms.push_back(parse_arm({"endgeneration"}));
      return close("endgeneration");
    }
    if (tag == "do") {
      n->kind = NK::evaluate;
      n->expr = parse_tuple(true);
    } else if (tag == "break" || tag == "continue") {
      if (loops_ == 0) fail(fmt::format("'{}' outside of a loop", tag));
      n->kind = tag == "break" ? NK::leave : NK::next;
    } else {
      fail(fmt::format("unknown tag '{}'", tag));
    }
    expect(TK::tag_end, "'%}'");
  }

  void parse_if(Node* n) {
    n->kind = NK::branch;
    ExprPtr test = parse_tuple(true);
    for (;;) {
      Arm arm = parse_arm({"endif", "elif", "else"});
      arm.test = std::move(test);
      n->arms.push_back(std::move(arm));
      if (!error_.empty()) return;
      expect(TK::tag_begin, "a tag");
      if (!take_name("elif")) break;
      test = parse_tuple(true);
    }
    if (take_name("else")) {
      n->arms.push_back(parse_arm({"endif"}));
      next();
    }
    if (!take_name("endif")) fail("expected 'endif'");
    expect(TK::tag_end, "'%}'");
  }

  void parse_for(Node* n) {
    n->kind = NK::loop;
    n->target = parse_target();
    if (!take_name("in")) fail("expected 'in'");
    n->expr = parse_tuple(false);
    ExprPtr filter = take_name("if") ? parse_expression() : nullptr;
    ++loops_;
    n->arms.push_back(parse_arm({"endfor", "else"}));
    --loops_;
    n->arms[0].test = std::move(filter);
    if (at_tag({"else"})) {
      next(), next();
      n->arms.push_back(parse_arm({"endfor"}));
    }
    close("endfor");
  }

  void parse_set(Node* n) {
    n->target = parse_target();
    if (take_op("=")) {
      n->kind = NK::set;
      n->expr = parse_tuple(true);
      return expect(TK::tag_end, "'%}'");
    }
    n->kind = NK::set_block;
    if (n->target && n->target->kind == EK::tuple) fail("a set block has one target");
    if (is_op("|")) n->expr = parse_filter_chain(make(EK::captured), false);
    n->arms.push_back(parse_arm({"endset"}));
    close("endset");
  }

  void parse_params(Node* n) {
    expect_op("(");
    while (error_.empty() && !is_op(")")) {
      Param p;
      p.name = expect_identifier();
      if (take_op("=")) p.fallback = parse_expression();
      n->params.push_back(std::move(p));
      if (!is_op(")")) expect_op(",");
    }
    expect_op(")");
  }

  // What `for` and `set` assign to: names, tuples of them, attributes of namespaces.
  ExprPtr parse_target() {
    ExprPtr first = parse_target_item();
    if (!is_op(",")) return first;
    ExprPtr tuple = tree(EK::tuple, std::move(first));
    while (error_.empty() && take_op(",")) {
      if (is_name("in") || is_op("=")) break;
      adopt(*tuple, parse_target_item());
    }
    return tuple;
  }
  ExprPtr parse_target_item() {
    const Deeper deeper(this);
    if (take_op("(")) {
      ExprPtr inner = parse_target();
      expect_op(")");
      return inner;
    }
    ExprPtr e = make(EK::name);
    e->name = expect_identifier();
    if (e->name == "true" || e->name == "false" || e->name == "none")
      fail(fmt::format("cannot assign to '{}'", e->name));
    if (take_op(".")) {
      ExprPtr attribute = tree(EK::attribute, std::move(e));
      attribute->name = expect_identifier();
      return attribute;
    }
    return e;
  }

  // ---- expressions ----

  // `a`, or the tuple `a, b`.
  ExprPtr parse_tuple(bool with_condition) {
    const auto item = [&] { return with_condition ? parse_expression() : parse_or(); };
    ExprPtr first = item();
    if (!is_op(",")) return first;
    ExprPtr tuple = tree(EK::tuple, std::move(first));
    while (error_.empty() && take_op(",")) {
      if (at_expression_end()) break;
      adopt(*tuple, item());
    }
    return tuple;
  }
  bool at_expression_end() const {
    const TK k = peek().kind;
    return k == TK::output_end || k == TK::tag_end || k == TK::end || is_op(")") || is_op("=");
  }

  ExprPtr parse_expression() {
    const Deeper deeper(this);
    ExprPtr e = parse_or();
    while (error_.empty() && take_name("if")) {
      ExprPtr test = parse_or();
      ExprPtr other = take_name("else") ? parse_expression() : nullptr;
      e = tree(EK::condition, std::move(e), std::move(test), std::move(other));
    }
    return e;
  }
  ExprPtr parse_or() {
    ExprPtr e = parse_and();
    while (take_name("or")) e = tree(EK::logical_or, std::move(e), parse_and());
    return e;
  }
  ExprPtr parse_and() {
    ExprPtr e = parse_not();
    while (take_name("and")) e = tree(EK::logical_and, std::move(e), parse_not());
    return e;
  }
  ExprPtr parse_not() {
    const Deeper deeper(this);
    if (!error_.empty()) return make(EK::literal);
    if (is_name("not") && !is_name("in", 1)) {
      next();
      return tree(EK::logical_not, parse_not());
    }
    return parse_compare();
  }

  ExprPtr parse_compare() {
    static constexpr std::pair<std::string_view, Op> kOps[] = {{"==", Op::eq}, {"!=", Op::ne},
                                                               {"<", Op::lt},  {"<=", Op::le},
                                                               {">", Op::gt},  {">=", Op::ge}};
    ExprPtr e = parse_sum();
    ExprPtr chain;
    for (;;) {
      Op op{};
      if (take_name("in")) {
        op = Op::in;
      } else if (is_name("not") && is_name("in", 1)) {
        next(), next();
        op = Op::not_in;
      } else {
        const auto* hit = std::find_if(std::begin(kOps), std::end(kOps),
                                       [&](const auto& o) { return is_op(o.first); });
        if (hit == std::end(kOps)) break;
        next();
        op = hit->second;
      }
      if (!chain) chain = tree(EK::compare, std::move(e));
      chain->ops.push_back(op);
      adopt(*chain, parse_sum());
    }
    return chain ? std::move(chain) : std::move(e);
  }

  // One level of left-grouping binary operators.
  using Level = ExprPtr (Parser::*)();
  ExprPtr parse_binary(Level tighter, std::initializer_list<std::pair<std::string_view, Op>> ops) {
    ExprPtr e = (this->*tighter)();
    for (;;) {
      const auto* hit =
          std::find_if(ops.begin(), ops.end(), [&](const auto& o) { return is_op(o.first); });
      if (hit == ops.end()) return e;
      next();
      ExprPtr sum = tree(EK::binary, std::move(e), (this->*tighter)());
      sum->ops.push_back(hit->second);
      e = std::move(sum);
    }
  }
  ExprPtr parse_sum() {
    return parse_binary(&Parser::parse_concat, {{"+", Op::add}, {"-", Op::sub}});
  }
  ExprPtr parse_concat() { return parse_binary(&Parser::parse_product, {{"~", Op::concat}}); }
  ExprPtr parse_product() {
    return parse_binary(&Parser::parse_power,
                        {{"*", Op::mul}, {"/", Op::div}, {"//", Op::floordiv}, {"%", Op::mod}});
  }
  ExprPtr parse_power() { return parse_binary(&Parser::parse_filtered, {{"**", Op::pow}}); }
  ExprPtr parse_filtered() { return parse_filters_and_tests(parse_unary()); }

  ExprPtr parse_unary() {
    const Deeper deeper(this);
    if (!error_.empty()) return make(EK::literal);
    if (take_op("-")) return parse_postfix(tree(EK::negate, parse_unary()));
    if (take_op("+")) return parse_postfix(tree(EK::plus, parse_unary()));
    return parse_postfix(parse_primary());
  }

  ExprPtr literal(Value v) {
    ExprPtr e = make(EK::literal);
    e->value = v;
    return e;
  }

  ExprPtr parse_primary() {
    const Token t = peek();
    switch (t.kind) {
      case TK::integer:
        return next(), literal(Value::integer(t.integer));
      case TK::real:
        return next(), literal(Value::real(t.real));
      case TK::string:
        return parse_string();
      case TK::name:
        break;
      case TK::op:
        if (t.text == "(") return parse_parenthesis();
        if (t.text == "[") return parse_list();
        if (t.text == "{") return parse_dict();
        [[fallthrough]];
      default:
        fail(fmt::format("expected an expression, found {}", describe(t)));
        return make(EK::literal);
    }
    next();
    if (t.text == "true" || t.text == "True") return literal(Value::boolean(true));
    if (t.text == "false" || t.text == "False") return literal(Value::boolean(false));
    if (t.text == "none" || t.text == "None") return literal(Value::none());
    ExprPtr e = make(EK::name);
    e->name = t.text;
    return e;
  }

  ExprPtr parse_string() {
    ExprPtr e = make(EK::literal);
    e->text.bytes = next().text;
    if (peek().kind == TK::string) {  // adjacent literals are one
      std::string& joined = program_.literals.emplace_back(e->text.bytes);
      while (peek().kind == TK::string) joined += next().text;
      e->text.bytes = joined;
    }
    e->value = Value::string(&e->text);
    return e;
  }

  ExprPtr parse_parenthesis() {
    expect_op("(");
    if (take_op(")")) return make(EK::tuple);
    ExprPtr e = parse_tuple(true);
    expect_op(")");
    return e;
  }
  ExprPtr parse_list() {
    expect_op("[");
    ExprPtr e = make(EK::list);
    while (error_.empty() && !is_op("]")) {
      adopt(*e, parse_expression());
      if (!is_op("]")) expect_op(",");
    }
    expect_op("]");
    return e;
  }
  ExprPtr parse_dict() {
    expect_op("{");
    ExprPtr e = make(EK::dict);
    while (error_.empty() && !is_op("}")) {
      adopt(*e, parse_expression());
      expect_op(":");
      adopt(*e, parse_expression());
      if (!is_op("}")) expect_op(",");
    }
    expect_op("}");
    return e;
  }

  ExprPtr parse_postfix(ExprPtr e) {
    while (error_.empty()) {
      if (take_op(".")) {
        const Token t = next();
        if (t.kind == TK::integer) {
          e = tree(EK::item, std::move(e), literal(Value::integer(t.integer)));
        } else if (t.kind == TK::name) {
          e = tree(EK::attribute, std::move(e));
          e->name = t.text;
        } else {
          fail("expected a name after '.'");
        }
      } else if (take_op("[")) {
        e = parse_subscript(std::move(e));
      } else if (is_op("(")) {
        e = tree(EK::call, std::move(e));
        parse_arguments(*e);
      } else {
        break;
      }
    }
    return e;
  }

  ExprPtr parse_subscript(ExprPtr object) {
    const auto at_gap = [&] { return is_op(":") || is_op("]"); };
    ExprPtr start = is_op(":") ? nullptr : parse_expression();
    if (!is_op(":")) {
      if (is_op(",")) {
        start = tree(EK::tuple, std::move(start));
        while (error_.empty() && take_op(",") && !is_op("]")) adopt(*start, parse_expression());
      }
      expect_op("]");
      return tree(EK::item, std::move(object), std::move(start));
    }
    next();
    ExprPtr stop = at_gap() ? nullptr : parse_expression();
    ExprPtr step = take_op(":") && !at_gap() ? parse_expression() : nullptr;
    expect_op("]");
    return tree(EK::slice, std::move(object), std::move(start), std::move(stop), std::move(step));
  }

  // `(a, *b, c=d, **e)` appended to the kids and named arguments of `call`.
  void parse_arguments(Expr& call) {
    expect_op("(");
    while (error_.empty() && !is_op(")")) {
      if (take_op("**")) {
        add_named(call, {}, parse_expression());
      } else if (take_op("*")) {
        adopt(call, tree(EK::spread, parse_expression()));
      } else if (peek().kind == TK::name && is_op("=", 1)) {
        const std::string_view name = next().text;
        next();
        add_named(call, name, parse_expression());
      } else {
        adopt(call, parse_expression());
      }
      if (!is_op(")")) expect_op(",");
    }
    expect_op(")");
  }
  void add_named(Expr& call, std::string_view name, ExprPtr value) {
    if (value) grow(call, value->height);
    call.named.emplace_back(name, std::move(value));
  }

  ExprPtr parse_filter(ExprPtr input) {
    ExprPtr e = tree(EK::filter, std::move(input));
    e->name = expect_identifier();
    if (is_op("(")) parse_arguments(*e);
    return e;
  }
  // `f | g(x)` of a filter block, `| f | g(x)` of a set block.
  ExprPtr parse_filter_chain(ExprPtr input, bool first_is_bare) {
    ExprPtr e = first_is_bare ? parse_filter(std::move(input)) : std::move(input);
    while (error_.empty() && take_op("|")) e = parse_filter(std::move(e));
    return e;
  }

  ExprPtr parse_filters_and_tests(ExprPtr e) {
    while (error_.empty()) {
      if (take_op("|")) {
        e = parse_filter(std::move(e));
      } else if (take_name("is")) {
        e = parse_test(std::move(e));
      } else if (is_op("(")) {
        e = tree(EK::call, std::move(e));
        parse_arguments(*e);
      } else {
        break;
      }
    }
    return e;
  }

  ExprPtr parse_test(ExprPtr input) {
    const bool negated = take_name("not");
    ExprPtr e = tree(EK::test, std::move(input));
    static constexpr std::string_view kSymbols[] = {"==", "!=", "<", "<=", ">", ">="};
    const Token& t = peek();
    if (t.kind == TK::op &&
        std::find(std::begin(kSymbols), std::end(kSymbols), t.text) != std::end(kSymbols)) {
      e->name = next().text;
    } else {
      e->name = expect_identifier();
    }
    if (is_op("(")) {
      parse_arguments(*e);
    } else if (starts_test_argument()) {
      adopt(*e, parse_postfix(parse_primary()));
    }
    return negated ? tree(EK::logical_not, std::move(e)) : std::move(e);
  }
  // `x is divisibleby 3`: one argument without parentheses.
  bool starts_test_argument() const {
    const Token& t = peek();
    if (t.kind == TK::string || t.kind == TK::integer || t.kind == TK::real) return true;
    if (t.kind == TK::op) return t.text == "[" || t.text == "{";
    if (t.kind != TK::name) return false;
    for (std::string_view word : {"else", "or", "and", "is", "if", "in", "not", "recursive"})
      if (t.text == word) return false;
    return true;
  }

  Program& program_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
  std::string error_;
  int error_line_ = 0;
};

std::string normalise_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();  // keep_trailing_newline is off
  return out;
}

}  // namespace

Result<std::unique_ptr<const Program>> parse_program(std::string_view source) {
  if (source.size() > kMaxSource)
    return Error{Errc::invalid_argument,
                 fmt::format("the template has {} bytes, more than {}", source.size(), kMaxSource)};
  auto program = std::make_unique<Program>();
  program->source = normalise_newlines(source);
  ENGINE_TRY(tokens, tokenize(*program));
  ENGINE_TRY_STATUS(Parser(*program, std::move(tokens)).run());
  return std::unique_ptr<const Program>(std::move(program));
}

}  // namespace engine::jinja
