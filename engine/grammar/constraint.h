// Constraint: a grammar over the tokens of a vocabulary, for one answer.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/grammar/matcher.h"
#include "engine/grammar/token_trie.h"
#include "engine/sample/token_filter.h"

namespace engine::grammar {

class Constraint : public TokenFilter {
 public:
  Constraint(std::shared_ptr<const Program> program, std::shared_ptr<const TokenTrie> trie);

  bool allows(Token token) override;
  std::span<const uint64_t> mask() override;
  void accept(Token token) override;

  bool finished() const;  // nothing may follow but the end
  // The grammar is more than can be followed: what allows() and mask() said is not complete.
  bool exhausted() const { return matcher_.exhausted(); }
  std::string why() const;  // why the answer cannot go on, for the client

  struct Counts {
    size_t masks = 0, checks = 0;  // masks computed, single tokens checked
  };
  const Counts& counts() const { return counts_; }
  const Program& program() const { return matcher_.program(); }

 private:
  static constexpr size_t kMaxMasks = 64;  // remembered

  Matcher::State after(Token token);
  void walk(std::span<const TokenTrie::Node> nodes, std::vector<uint64_t>& mask);

  std::shared_ptr<const TokenTrie> trie_;
  Matcher matcher_;
  Matcher::State state_;
  std::unordered_map<Matcher::State, std::vector<uint64_t>> masks_;
  std::vector<Matcher::State> path_;  // states by depth of the walk
  Counts counts_;
};

}  // namespace engine::grammar
