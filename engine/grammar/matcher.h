// Matcher: how far one text has got in a grammar. What may follow is a set of stacks of return
// addresses; equal sets are one state with a number, and the transitions of a state are remembered,
// so that most bytes cost one look into a table.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/grammar/program.h"

namespace engine::grammar {

class Matcher {
 public:
  using State = int32_t;
  static constexpr State kDead = -1;
  static constexpr size_t kMaxItems = 4096;       // stacks of one state
  static constexpr size_t kMaxBytes = 64u << 20;  // of all states of one matcher

  static constexpr size_t kMaxWork = 8u << 20;  // places looked at between two calls of trim()

  explicit Matcher(std::shared_ptr<const Program> program);
  const Program& program() const { return *program_; }

  State start() const { return 0; }
  State next(State state, uint8_t byte) {
    const State known = table_[static_cast<size_t>(state) * classes_ +
                               static_cast<size_t>(program_->class_of(byte))];
    return known != kUnknown ? known : compute(state, byte);
  }
  // kDead: not a beginning of the language.
  State next(State state, std::string_view bytes);
  // Through a token terminal of the grammar, and through bytes.
  State next_token(State state, Token token, std::string_view bytes);
  bool has_tokens(State state) const { return info(state).tokens; }
  // Whether a token terminal takes it here.
  bool takes(State state, Token token) const;

  bool accepts(State state) const { return info(state).accepting; }  // the text may end here
  bool ends(State state) const { return info(state).count == 0; }    // and cannot go on
  // Whether characters that stand for themselves in a JSON string (none of " \ and the control
  // characters) all lead back to this state.
  bool loops_on_text(State state);

  // Something was refused because the grammar needs too many stacks, too much memory or time.
  bool exhausted() const { return exhausted_; }
  // After a token: forgets all states but one when they take much memory; true: numbers have
  // changed.
  bool trim(State& keep);
  size_t bytes() const;

 private:
  static constexpr State kUnknown = -2;
  struct Item {
    int32_t node, stack;  // stack: index into stacks_, -1: empty
    bool operator==(const Item&) const = default;
    auto operator<=>(const Item&) const = default;
  };
  struct Stack {
    int32_t node, below;  // where to go on, and the rest
  };
  struct Info {
    size_t first = 0;
    uint32_t count = 0;
    bool accepting = false, tokens = false;
  };

  const Info& info(State state) const { return states_[static_cast<size_t>(state)]; }
  State compute(State state, uint8_t byte);
  void reach(int32_t node, int32_t stack);  // adds what lies behind to closed_
  int32_t push(int32_t node, int32_t below);
  State intern();  // the state of closed_
  State fresh(std::vector<Item> items, bool accepting);
  void clear();
  bool leads(std::vector<State>& states, uint8_t lo, uint8_t hi);

  std::shared_ptr<const Program> program_;
  size_t classes_;
  std::vector<State> table_;  // [state][class]
  std::vector<Info> states_;
  std::vector<Item> items_;  // of all states
  std::vector<Stack> stacks_;
  std::unordered_map<uint64_t, int32_t> stack_ids_;
  std::unordered_multimap<uint64_t, State> state_ids_;
  std::vector<int8_t> loops_;  // per state: -1 unknown
  // of the state that is being made
  std::vector<Item> closed_, todo_;
  std::unordered_map<uint64_t, bool> visited_;
  size_t work_ = 0;
  bool accepting_ = false, too_many_ = false, exhausted_ = false;
};

}  // namespace engine::grammar
