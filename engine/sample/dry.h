// Dry: the penalty on tokens that would carry on a repetition of what stands earlier in the
// sequence; the longer the repetition, the larger. Breakers are tokens across which none is seen.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "engine/core/row_output.h"

namespace engine {

// A token that holds a breaker, or its beginning, followed by the tokens of the rest.
struct DryBreaker {
  Token head = -1;
  std::vector<Token> tail;
};

struct DryParams {
  float multiplier = 0;        // 0: off
  float base = 1.75f;          // < 1: off
  int32_t allowed_length = 2;  // of a repetition that costs nothing if it goes on
  int32_t last_n = 64;         // tokens that are looked at
  std::vector<DryBreaker> breakers;

  bool on() const { return multiplier != 0 && base >= 1 && last_n > 0; }
};

class Dry {
 public:
  using Penalties = std::vector<std::pair<Token, float>>;  // by id; to subtract from logits

  explicit Dry(DryParams params);

  bool on() const { return params_.on(); }
  void accept(Token token);
  // Of the tokens that may come after `ahead`, were it accepted first.
  Penalties penalties(std::span<const Token> ahead = {}) const;

 private:
  std::span<const DryBreaker> breakers_of(Token head) const;
  size_t since_breaker(std::span<const Token> newest_first) const;

  DryParams params_;                // breakers sorted by head
  std::deque<Token> newest_first_;  // at most last_n
};

}  // namespace engine
