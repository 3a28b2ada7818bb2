// Prompt lookup: the last tokens have occurred before, so what followed them then may follow now.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "engine/run/speculate.h"

namespace engine {

// An index of all pairs of neighbours, as LZ77 coders have it: the last place of each pair and a
// chain to the places before it. A new token costs one entry, a look one walk of bounded length.
class PromptLookup : public Proposer {
 public:
  int most() const override { return kMostSpeculativeRows - 1; }
  int grade(std::span<const Token> tokens) override;
  void propose(std::span<const Token> tokens, int n, std::vector<Token>& out) override;
  void reset() override;

 private:
  void index(std::span<const Token> tokens);

  std::unordered_map<uint64_t, int32_t> last_;  // of each pair: the place of its second token
  std::vector<int32_t> before_;                 // of each place: the same pair before it, or -1
  size_t indexed_ = 0;                          // tokens whose pair is in the index
  size_t from_ = 0;  // where the best continuation begins; set by grade()
};

}  // namespace engine
