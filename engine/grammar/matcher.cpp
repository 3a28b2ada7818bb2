#include "engine/grammar/matcher.h"

#include <algorithm>
#include <utility>

namespace engine::grammar {
namespace {

uint64_t key_of(int32_t a, int32_t b) {
  return static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32 | static_cast<uint32_t>(b);
}

constexpr size_t kMaxVisited = 1 << 16;  // places looked at to make one state

}  // namespace

Matcher::Matcher(std::shared_ptr<const Program> program)
    : program_(std::move(program)), classes_(static_cast<size_t>(program_->classes())) {
  clear();
  reach(program_->start(), -1);
  intern();
}

void Matcher::clear() {
  table_.clear(), states_.clear(), items_.clear(), stacks_.clear(), loops_.clear();
  stack_ids_.clear(), state_ids_.clear();
}

size_t Matcher::bytes() const {
  return table_.size() * sizeof(State) + states_.size() * 64 + items_.size() * sizeof(Item) +
         stacks_.size() * 48;
}

int32_t Matcher::push(int32_t node, int32_t below) {
  const auto [it, fresh] =
      stack_ids_.try_emplace(key_of(node, below), static_cast<int32_t>(stacks_.size()));
  if (fresh) stacks_.push_back({node, below});
  return it->second;
}

void Matcher::reach(int32_t node, int32_t stack) {
  todo_.push_back({node, stack});
  while (!todo_.empty()) {
    const Item at = todo_.back();
    todo_.pop_back();
    if (++work_ > kMaxWork || closed_.size() > kMaxItems || visited_.size() > kMaxVisited ||
        bytes() > kMaxBytes)
      return too_many_ = true, todo_.clear();
    const Node& n = program_->node(at.node);
    if (n.kind == Node::bytes && n.a + 1 == n.b) {  // the most common: no need to remember it
      closed_.push_back(at);
      continue;
    }
    if (!visited_.try_emplace(key_of(at.node, at.stack), true).second) continue;
    switch (n.kind) {
      case Node::bytes:
      case Node::token:
        closed_.push_back(at);
        break;
      case Node::split:
        for (const int32_t t : program_->targets(n)) todo_.push_back({t, at.stack});
        break;
      case Node::call: {
        const bool last = program_->node(n.b).kind == Node::end;
        todo_.push_back({program_->entry(n.a), last ? at.stack : push(n.b, at.stack)});
        break;
      }
      case Node::end:
        if (at.stack < 0) {
          accepting_ = true;
        } else {
          const Stack top = stacks_[static_cast<size_t>(at.stack)];
          todo_.push_back({top.node, top.below});
        }
        break;
    }
  }
}

Matcher::State Matcher::fresh(std::vector<Item> items, bool accepting) {
  Info info;
  info.first = items_.size(), info.count = static_cast<uint32_t>(items.size());
  info.accepting = accepting;
  for (const Item& i : items) info.tokens |= program_->node(i.node).kind == Node::token;
  items_.insert(items_.end(), items.begin(), items.end());
  states_.push_back(info);
  loops_.push_back(-1);
  table_.resize(table_.size() + classes_, kUnknown);
  return static_cast<State>(states_.size()) - 1;
}

Matcher::State Matcher::intern() {
  std::vector<Item> items = std::move(closed_);
  closed_.clear(), visited_.clear();
  const bool accepting = std::exchange(accepting_, false);
  if (std::exchange(too_many_, false)) {
    exhausted_ = true;
    if (!states_.empty()) return kDead;
    items.clear();  // the start: nothing is allowed
  }
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  if (items.empty() && !accepting && !states_.empty()) return kDead;
  uint64_t hash = accepting ? 1 : 0;
  for (const Item& i : items)
    hash = (hash ^ key_of(i.node, i.stack)) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
  const auto [begin, end] = state_ids_.equal_range(hash);
  for (auto it = begin; it != end; ++it) {
    const Info& known = info(it->second);
    const auto first = items_.begin() + static_cast<std::ptrdiff_t>(known.first);
    if (known.accepting == accepting && known.count == items.size() &&
        std::equal(items.begin(), items.end(), first))
      return it->second;
  }
  const State made = fresh(std::move(items), accepting);
  state_ids_.emplace(hash, made);
  return made;
}

Matcher::State Matcher::compute(State state, uint8_t byte) {
  const Info from = info(state);
  for (uint32_t i = 0; i < from.count; ++i) {
    const Item item = items_[from.first + i];
    const Node& n = program_->node(item.node);
    if (n.kind != Node::bytes) continue;
    for (const Edge& e : program_->edges(n))
      if (e.lo <= byte && byte <= e.hi) reach(e.to, item.stack);
  }
  const State to = intern();
  table_[static_cast<size_t>(state) * classes_ + static_cast<size_t>(program_->class_of(byte))] =
      to;
  return to;
}

Matcher::State Matcher::next(State state, std::string_view bytes) {
  for (const char c : bytes) {
    if (state == kDead) break;
    state = next(state, static_cast<uint8_t>(c));
  }
  return state;
}

bool Matcher::takes(State state, Token token) const {
  const Info& from = info(state);
  for (uint32_t i = 0; i < from.count; ++i) {
    const Node& n = program_->node(items_[from.first + i].node);
    if (n.kind == Node::token && (n.a == token) != n.negated) return true;
  }
  return false;
}

Matcher::State Matcher::next_token(State state, Token token, std::string_view bytes) {
  const State by_bytes = bytes.empty() ? kDead : next(state, bytes);
  if (!has_tokens(state)) return by_bytes;
  const Info from = info(state);
  for (uint32_t i = 0; i < from.count; ++i) {
    const Item item = items_[from.first + i];
    const Node& n = program_->node(item.node);
    if (n.kind == Node::token && (n.a == token) != n.negated) reach(n.b, item.stack);
  }
  if (by_bytes != kDead) {
    const Info other = info(by_bytes);
    for (uint32_t i = 0; i < other.count; ++i) closed_.push_back(items_[other.first + i]);
    accepting_ |= other.accepting;
  }
  return intern();
}

// The states behind all bytes lo to hi of all these states; false: one of them is a dead end.
bool Matcher::leads(std::vector<State>& states, uint8_t lo, uint8_t hi) {
  std::vector<State> out;
  for (const State s : states)
    for (int b = lo, last = -1; b <= hi; ++b) {
      const int here = program_->class_of(static_cast<uint8_t>(b));
      if (std::exchange(last, here) == here) continue;
      const State to = next(s, static_cast<uint8_t>(b));
      if (to == kDead) return false;
      if (std::find(out.begin(), out.end(), to) == out.end()) out.push_back(to);
    }
  states = std::move(out);
  return states.size() <= 16;
}

bool Matcher::loops_on_text(State state) {
  if (loops_[static_cast<size_t>(state)] >= 0) return loops_[static_cast<size_t>(state)] != 0;
  struct Form {
    uint8_t bytes[4][2];
    int length;
  };
  // The well-formed sequences of UTF-8, without what a JSON string must escape.
  constexpr Form kForms[] = {{{{' ', '!'}}, 1},
                             {{{'#', '['}}, 1},
                             {{{']', '~'}}, 1},
                             {{{0xc2, 0xdf}, {0x80, 0xbf}}, 2},
                             {{{0xe0, 0xe0}, {0xa0, 0xbf}, {0x80, 0xbf}}, 3},
                             {{{0xe1, 0xec}, {0x80, 0xbf}, {0x80, 0xbf}}, 3},
                             {{{0xed, 0xed}, {0x80, 0x9f}, {0x80, 0xbf}}, 3},
                             {{{0xee, 0xef}, {0x80, 0xbf}, {0x80, 0xbf}}, 3},
                             {{{0xf0, 0xf0}, {0x90, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}, 4},
                             {{{0xf1, 0xf3}, {0x80, 0xbf}, {0x80, 0xbf}, {0x80, 0xbf}}, 4},
                             {{{0xf4, 0xf4}, {0x80, 0x8f}, {0x80, 0xbf}, {0x80, 0xbf}}, 4}};
  bool all = true;
  for (const Form& form : kForms) {
    std::vector<State> states = {state};
    for (int i = 0; i < form.length && all; ++i)
      all = leads(states, form.bytes[i][0], form.bytes[i][1]);
    all = all && states == std::vector<State>{state};
    if (!all) break;
  }
  loops_[static_cast<size_t>(state)] = all;
  return all;
}

bool Matcher::trim(State& keep) {
  work_ = 0;
  if (bytes() < kMaxBytes / 4) return false;
  const Info from = info(keep);
  struct Kept {
    int32_t node;
    std::vector<int32_t> stack;  // from the bottom
  };
  std::vector<Kept> kept;
  for (uint32_t i = 0; i < from.count; ++i) {
    const Item item = items_[from.first + i];
    Kept k{item.node, {}};
    for (int32_t s = item.stack; s >= 0; s = stacks_[static_cast<size_t>(s)].below)
      k.stack.push_back(stacks_[static_cast<size_t>(s)].node);
    std::reverse(k.stack.begin(), k.stack.end());
    kept.push_back(std::move(k));
  }
  clear();
  reach(program_->start(), -1);
  intern();  // the start keeps its number
  for (const Kept& k : kept) {
    int32_t stack = -1;
    for (const int32_t node : k.stack) stack = push(node, stack);
    closed_.push_back({k.node, stack});
  }
  accepting_ = from.accepting;
  keep = intern();
  return true;
}

}  // namespace engine::grammar
