// Walks over the tree in the order of the document.
#include "engine/text/gotemplate/analysis.h"

#include <algorithm>
#include <climits>

namespace engine::gotemplate {
namespace {

using EK = Expr::Kind;
using NK = Node::Kind;

std::string_view trimmed(std::string_view s) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = std::min(s.find_first_not_of(kBlank), s.size());
  s.remove_prefix(begin);
  return s.substr(0, s.find_last_not_of(kBlank) + 1);
}

template <class Visit>
void for_each_word(const Pipeline& pipe, const Visit& visit);

template <class Visit>
void visit_word(const Expr& e, const Visit& visit) {
  visit(e);
  if (e.pipe) for_each_word(*e.pipe, visit);
  if (e.base) visit_word(*e.base, visit);
}

template <class Visit>
void for_each_word(const Pipeline& pipe, const Visit& visit) {
  for (const Command& c : pipe.commands)
    for (const Expr& e : c.words) visit_word(e, visit);
}

bool field_begins(const Pipeline& pipe, std::string_view name) {
  bool found = false;
  for_each_word(pipe, [&](const Expr& e) {
    found = found || (e.kind == EK::field && e.names.front() == name);
  });
  return found;
}

bool mentions_field(const Pipeline& pipe, std::string_view name) {
  bool found = false;
  for_each_word(pipe, [&](const Expr& e) {
    found = found || std::find(e.names.begin(), e.names.end(), name) != e.names.end();
  });
  return found;
}

void find_response(const std::vector<Node>& body, int& order) {
  for (const Node& n : body) {
    if (order != INT_MAX) return;
    if (n.kind == NK::action && field_begins(n.pipe, "Response")) order = n.order;
    find_response(n.body, order);
    find_response(n.otherwise, order);
  }
}

void find_thinking(const std::vector<Node>& list, bool in_messages, ThinkingTags& tags) {
  for (const Node& n : list) {
    if (in_messages && field_begins(n.pipe, "Thinking")) {
      tags = {};
      const Node &first = list.front(), &last = list.back();
      if (first.kind == NK::text) tags.open = trimmed(first.text);
      if (last.kind == NK::text) tags.close = trimmed(last.text);
    }
    const bool inside = in_messages || (n.kind == NK::range && mentions_field(n.pipe, "Messages"));
    find_thinking(n.body, inside, tags);
    find_thinking(n.otherwise, inside, tags);
  }
}

const Node* find_calls(const std::vector<Node>& body) {
  for (const Node& n : body) {
    if (n.kind == NK::branch && mentions_field(n.pipe, "ToolCalls")) return &n;
    if (const Node* found = find_calls(n.body)) return found;
    if (const Node* found = find_calls(n.otherwise)) return found;
  }
  return nullptr;
}

// true: the search is over.
bool first_text(const std::vector<Node>& body, std::string_view* out) {
  for (const Node& n : body) {
    if (n.kind == NK::text) {
      *out = trimmed(n.text);
      if (!out->empty()) return true;
    }
    if (n.kind == NK::action && n.pipe.declared.empty()) return true;
    if (first_text(n.body, out) || first_text(n.otherwise, out)) return true;
  }
  return false;
}

}  // namespace

bool mentions(const Program& program, std::string_view name) {
  return program.mentions.contains(std::string(name));
}

int response_order(const Program& program) {
  int order = INT_MAX;
  find_response(program.trees.front().body, order);
  return order;
}

ThinkingTags thinking_tags(const Program& program) {
  ThinkingTags tags;
  for (const Tree& t : program.trees) find_thinking(t.body, false, tags);
  if (tags.open.empty() || tags.close.empty()) return {};
  return tags;
}

std::string tool_call_tag(const Program& program) {
  for (const Tree& t : program.trees) {
    const Node* calls = find_calls(t.body);
    if (calls == nullptr) continue;
    std::string_view text;
    first_text(calls->body, &text);
    text = trimmed(text.substr(0, text.find('{')));
    return text.empty() ? "{" : std::string(text);
  }
  return "{";
}

bool has_tool_round_trip(const Program& program) {
  const std::string& s = program.source;
  const auto has = [&s](std::string_view what) { return s.find(what) != s.npos; };
  return mentions(program, "tools") && mentions(program, "toolcalls") &&
         (has("eq .Role \"tool\"") || has("tool_response") || has("TOOL_RESULTS"));
}

}  // namespace engine::gotemplate
