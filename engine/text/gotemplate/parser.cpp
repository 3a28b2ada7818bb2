// Recursive descent over the tokens; the depth of blocks and parentheses is bounded.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/text/gotemplate/functions.h"
#include "engine/text/gotemplate/lexer.h"

namespace engine::gotemplate {
namespace {

using TK = Token::Kind;
using EK = Expr::Kind;
using NK = Node::Kind;

constexpr int kMaxDepth = 200;

constexpr std::string_view kKeywords[] = {"block", "break", "continue", "define",   "else",
                                          "end",   "if",    "range",    "template", "with"};
bool is_keyword(std::string_view name) {
  return std::find(std::begin(kKeywords), std::end(kKeywords), name) != std::end(kKeywords);
}

class Parser {
 public:
  Parser(Program& program, std::vector<Token> tokens)
      : program_(program), tokens_(std::move(tokens)) {}

  Status run() {
    program_.trees.push_back({});
    Tree& main = program_.trees.front();
    Stop stop;
    parse_list(main.body, &stop);
    if (error_.empty() && stop.keyword != nullptr)
      fail(*stop.keyword, fmt::format("unexpected {{{{{}}}}}", stop.keyword->text));
    if (error_.empty()) return ok;
    return syntax_error(program_, error_at_, error_);
  }

 private:
  // What ended a list: {{end}}, {{else}}, or the end of the source (null).
  struct Stop {
    const Token* keyword = nullptr;
  };
  struct Deeper {
    explicit Deeper(Parser* p) : p(p) {
      if (++p->depth_ > kMaxDepth)
        p->fail(p->peek(), fmt::format("nested more than {} levels deep", kMaxDepth));
    }
    ~Deeper() { --p->depth_; }
    Parser* p;
  };

  bool failed() const { return !error_.empty(); }
  void fail(const Token& t, std::string message) {
    if (failed()) return;
    error_ = std::move(message);
    error_at_ = t.text.data();
  }
  void unexpected(const Token& t, std::string_view context) {
    if (t.kind == TK::end) return fail(t, "unexpected EOF");
    constexpr size_t kMost = 20;
    const std::string shown = t.kind == TK::close ? "\"}}\"" : quote(t.text.substr(0, kMost));
    fail(t, fmt::format("unexpected {} in {}", shown, context));
  }

  const Token& peek() const { return tokens_[at_]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool peek_name(std::string_view name) const {
    return peek().kind == TK::name && peek().text == name;
  }
  void expect_close(std::string_view context) {
    const Token& t = next();
    if (t.kind != TK::close) unexpected(t, context);
  }
  void mention(std::string_view name) {
    std::string lower(name);
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    program_.mentions.insert(std::move(lower));
  }

  // ---- statements ----

  Node make_node(NK kind, const Token& t) {
    Node n;
    n.kind = kind;
    n.text = t.text;
    n.order = in_definition_ ? 0 : ++program_.n_ordered;
    return n;
  }

  // Up to {{end}}, {{else}} or the end of the source. The token of the keyword is taken, the rest
  // of its action is not.
  void parse_list(std::vector<Node>& out, Stop* stop) {
    const Deeper deeper(this);
    while (!failed()) {
      const Token& t = next();
      if (t.kind == TK::end) return;
      if (t.kind == TK::text) {
        out.push_back(make_node(NK::text, t));
        continue;
      }
      if (t.kind != TK::open) return unexpected(t, "input");
      if (peek_name("end") || peek_name("else")) {
        stop->keyword = &next();
        return;
      }
      parse_action(out);
    }
  }

  void parse_action(std::vector<Node>& out) {
    const Token& t = peek();
    const std::string_view name = t.kind == TK::name ? t.text : std::string_view();
    if (!is_keyword(name)) {
      Node n = make_node(NK::action, t);
      parse_pipeline(n.pipe, "command", TK::close);
      out.push_back(std::move(n));
      return;
    }
    next();
    if (name == "define") return parse_define(t);
    if (name == "block") return parse_block(t, out);
    if (name == "template") {
      Node n = make_node(NK::call, t);
      n.name = template_name("template clause");
      if (!failed() && peek().kind == TK::close)
        next();
      else
        parse_pipeline(n.pipe, "template clause", TK::close);
      out.push_back(std::move(n));
      return;
    }
    if (name == "break" || name == "continue") {
      if (ranges_ == 0) return fail(t, fmt::format("{{{{{}}}}} outside {{{{range}}}}", name));
      out.push_back(make_node(name == "break" ? NK::leave : NK::next, t));
      return expect_close(fmt::format("{{{{{}}}}}", name));
    }
    out.push_back(Node());
    parse_control(name, t, out.back());
  }

  void parse_control(std::string_view name, const Token& t, Node& n) {
    const Deeper deeper(this);
    n = make_node(name == "if" ? NK::branch : name == "range" ? NK::range : NK::with, t);
    const size_t variables = variables_.size();
    parse_pipeline(n.pipe, name, TK::close);
    const bool loops = name == "range";
    Stop stop;
    ranges_ += loops;
    const size_t inner = variables_.size();
    if (!failed()) parse_list(n.body, &stop);
    ranges_ -= loops;
    variables_.resize(inner);
    if (!failed() && stop.keyword == nullptr) unexpected(peek(), name);
    if (failed()) return;
    if (stop.keyword->text == "else") {
      if (!loops && peek_name(name)) {  // `else if` stands for an inner `if` that ends with us
        const Token& again = next();
        n.otherwise.push_back(Node());
        parse_control(name, again, n.otherwise.back());
        variables_.resize(variables);
        return;
      }
      expect_close("else");
      Stop end;
      if (!failed()) parse_list(n.otherwise, &end);
      if (!failed() && end.keyword == nullptr) unexpected(peek(), name);
      if (!failed() && end.keyword->text != "end")
        fail(*end.keyword, "expected end; found {{else}}");
    }
    variables_.resize(std::min(variables, variables_.size()));
    expect_close("end");
  }

  std::string_view template_name(std::string_view context) {
    const Token& t = next();
    if (t.kind != TK::string) {
      unexpected(t, context);
      return {};
    }
    return program_.literals.emplace_back(t.value.str().bytes);
  }

  // The body of a definition sees no variable but $.
  void parse_definition(const Token& at, std::string_view name, std::string_view context) {
    if (program_.find(name) != nullptr)
      return fail(at, fmt::format("multiple definition of template {}", quote(name)));
    Tree& tree = program_.trees.emplace_back();
    tree.name = name;
    std::vector<std::string_view> outer = {"$"};
    std::swap(outer, variables_);
    const int ranges = std::exchange(ranges_, 0);
    const bool nested = std::exchange(in_definition_, true);
    Stop stop;
    parse_list(tree.body, &stop);
    in_definition_ = nested;
    ranges_ = ranges;
    std::swap(outer, variables_);
    if (failed()) return;
    if (stop.keyword == nullptr) return unexpected(peek(), context);
    if (stop.keyword->text != "end") return unexpected(*stop.keyword, context);
    expect_close("end");
  }

  void parse_define(const Token& t) {
    if (depth_ > 1) return fail(t, "unexpected {{define}}");
    const std::string_view name = template_name("define clause");
    expect_close("define clause");
    if (!failed()) parse_definition(t, name, "define clause");
  }

  void parse_block(const Token& t, std::vector<Node>& out) {
    Node n = make_node(NK::call, t);
    n.name = template_name("block clause");
    parse_pipeline(n.pipe, "block clause", TK::close);
    if (!failed()) parse_definition(t, n.name, "block clause");
    out.push_back(std::move(n));
  }

  // ---- pipelines ----

  void declare(Pipeline& pipe, bool assigns, const Token& v) {
    pipe.assigns = assigns;
    pipe.declared.push_back(v.text);
    mention(v.text);
    if (assigns) {
      check_variable(v);
    } else {
      variables_.push_back(v.text);
    }
  }
  void check_variable(const Token& v) {
    if (std::find(variables_.begin(), variables_.end(), v.text) == variables_.end())
      fail(v, fmt::format("undefined variable {}", quote(v.text)));
  }

  void parse_declarations(Pipeline& pipe, std::string_view context) {
    if (failed() || peek().kind != TK::variable) return;
    const Token& first = peek();
    const TK after = tokens_[at_ + 1].kind;  // there is an end token
    if (after == TK::declare || after == TK::assign) {
      next(), next();
      return declare(pipe, after == TK::assign, first);
    }
    if (after != TK::comma) return;
    next(), next();
    if (context != "range") return fail(first, fmt::format("too many declarations in {}", context));
    const Token& second = next();
    if (second.kind != TK::variable) return fail(second, "range can only initialize variables");
    const Token& sign = next();
    if (sign.kind == TK::comma) return fail(sign, "too many declarations in range");
    if (sign.kind != TK::declare && sign.kind != TK::assign) return unexpected(sign, "range");
    declare(pipe, sign.kind == TK::assign, first);
    declare(pipe, sign.kind == TK::assign, second);
  }

  // Takes the token that ends it.
  void parse_pipeline(Pipeline& pipe, std::string_view context, TK end) {
    const Deeper deeper(this);
    const char* begin = peek().text.data();
    parse_declarations(pipe, context);
    bool more = true;
    while (!failed()) {
      const Token& t = peek();
      if (t.kind == end) {
        if (more) return fail(t, fmt::format("missing value for {}", context));
        pipe.text = {begin, static_cast<size_t>(t.text.data() - begin)};
        while (pipe.text.ends_with(' ')) pipe.text.remove_suffix(1);
        next();
        return check_stages(pipe);
      }
      if (!more) return unexpected(t, context);
      more = parse_command(pipe.commands.emplace_back(), context);
    }
  }

  void check_stages(const Pipeline& pipe) {
    for (size_t i = 1; i < pipe.commands.size() && !failed(); ++i) {
      const Expr& first = pipe.commands[i].words.front();
      if (first.kind != EK::dot && first.kind != EK::nil && first.kind != EK::literal) continue;
      error_ = fmt::format("non executable command in pipeline stage {}", i + 1);
      error_at_ = first.text.data();
    }
  }

  // true: a `|` follows, and with it another command.
  bool parse_command(Command& command, std::string_view context) {
    while (!failed()) {
      parse_operand(command.words.emplace_back(), context);
      if (failed()) break;
      const Token& t = peek();
      if (t.kind == TK::close || t.kind == TK::right_paren) break;
      if (t.kind == TK::pipe) {
        next();
        return true;
      }
      if (!t.spaced) unexpected(t, "operand");
    }
    return false;
  }

  void parse_operand(Expr& e, std::string_view context) {
    const char* begin = peek().text.data();
    parse_term(e, context);
    while (!failed() && peek().kind == TK::field && !peek().spaced) {
      const Token& t = next();
      if (e.kind == EK::dot || e.kind == EK::nil || e.kind == EK::literal)
        return fail(t, fmt::format("unexpected . after term {}", quote(e.text)));
      if (e.kind == EK::function || e.kind == EK::pipeline) {
        auto base = std::make_unique<Expr>(std::move(e));
        e = Expr();
        e.kind = EK::chain;
        e.base = std::move(base);
      }
      e.names.push_back(t.text.substr(1));
      mention(e.names.back());
    }
    const Token& last = tokens_[at_ - 1];
    e.text = {begin, static_cast<size_t>(last.text.data() + last.text.size() - begin)};
  }

  void parse_term(Expr& e, std::string_view context) {
    const Token& t = next();
    e.text = t.text;
    switch (t.kind) {
      case TK::dot:
        e.kind = EK::dot;
        return;
      case TK::field:
        e.kind = EK::field;
        e.names.push_back(t.text.substr(1));
        return mention(e.names.back());
      case TK::variable:
        e.kind = EK::variable;
        e.name = t.text;
        mention(t.text);
        return check_variable(t);
      case TK::string:
      case TK::number:
        e.kind = EK::literal;
        e.value = t.value;
        return;
      case TK::left_paren:
        e.kind = EK::pipeline;
        e.pipe = std::make_unique<Pipeline>();
        return parse_pipeline(*e.pipe, "parenthesized pipeline", TK::right_paren);
      case TK::name:
        return parse_word(e, t, context);
      default:
        return unexpected(t, context);
    }
  }

  void parse_word(Expr& e, const Token& t, std::string_view context) {
    if (t.text == "nil") {
      e.kind = EK::nil;
    } else if (t.text == "true" || t.text == "false") {
      e.kind = EK::literal;
      e.value = Value(t.text == "true");
    } else if (is_keyword(t.text)) {
      unexpected(t, context);
    } else {
      e.kind = EK::function;
      e.name = t.text;
      e.function = find_function(t.text);
      if (e.function == nullptr) fail(t, fmt::format("function {} not defined", quote(t.text)));
    }
  }

  Program& program_;
  const std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, ranges_ = 0;
  bool in_definition_ = false;
  std::vector<std::string_view> variables_ = {"$"};
  std::string error_;
  const char* error_at_ = nullptr;
};

}  // namespace

const Tree* Program::find(std::string_view name) const {
  for (const Tree& t : trees)
    if (t.name == name) return &t;
  return nullptr;
}

Result<std::unique_ptr<Program>> parse_program(std::string_view source) {
  if (source.size() > kMaxSource)
    return Error{Errc::invalid_argument,
                 fmt::format("template: :1: {} bytes long; at most {} are allowed", source.size(),
                             kMaxSource)};
  auto program = std::make_unique<Program>();
  program->source.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i)
    if (source[i] != '\r' || i + 1 == source.size() || source[i + 1] != '\n')
      program->source += source[i];
  ENGINE_TRY(tokens, tokenize(*program));
  ENGINE_TRY_STATUS(Parser(*program, std::move(tokens)).run());
  return program;
}

void append_field(Program& program, std::string_view literal) {
  Expr field;
  field.kind = EK::field;
  field.names.push_back(literal);
  Node n;
  n.kind = NK::action;
  n.order = ++program.n_ordered;
  n.pipe.commands.emplace_back().words.push_back(std::move(field));
  program.trees.front().body.push_back(std::move(n));
  program.mentions.insert(jinja::to_lower(literal));
}

}  // namespace engine::gotemplate
