// Masks are remembered by state. Inside a JSON string without bounds most of the vocabulary is
// allowed and leads back to the same state: those tokens are one bitset of the trie, and only the
// others are walked.
#include "engine/grammar/constraint.h"

#include "engine/core/check.h"

namespace engine::grammar {

Constraint::Constraint(std::shared_ptr<const Program> program,
                       std::shared_ptr<const TokenTrie> trie)
    : trie_(std::move(trie)),
      matcher_(std::move(program)),
      state_(matcher_.start()),
      path_(trie_->depth() + 1) {}

Matcher::State Constraint::after(Token token) {
  return matcher_.next_token(state_, token, trie_->piece(token));
}

bool Constraint::allows(Token token) {
  if (token < 0 || static_cast<size_t>(token) >= trie_->size()) return false;
  if (trie_->is_end(token)) return matcher_.accepts(state_);
  if (trie_->piece(token).size() > TokenTrie::kMaxTokenBytes) return false;
  ++counts_.checks;
  return after(token) != Matcher::kDead;
}

void Constraint::walk(std::span<const TokenTrie::Node> nodes, std::vector<uint64_t>& mask) {
  path_[0] = state_;
  for (size_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    const Matcher::State to = matcher_.next(path_[node.depth - 1u], node.byte);
    if (to == Matcher::kDead) {
      i = node.skip;
      continue;
    }
    path_[node.depth] = to;
    for (Token t = node.token; t >= 0; t = trie_->same_text(t))
      mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (t % 64);
    ++i;
  }
}

std::span<const uint64_t> Constraint::mask() {
  if (const auto known = masks_.find(state_); known != masks_.end()) return known->second;
  if (masks_.size() >= kMaxMasks) masks_.clear();
  ++counts_.masks;
  std::vector<uint64_t> mask(trie_->words());
  if (matcher_.loops_on_text(state_))
    mask.assign(trie_->text_mask().begin(), trie_->text_mask().end());
  else
    walk(trie_->text_nodes(), mask);
  walk(trie_->other_nodes(), mask);
  if (matcher_.has_tokens(state_))
    for (size_t i = 0; i < trie_->size(); ++i) {
      const auto t = static_cast<Token>(i);
      if (!trie_->is_end(t) && matcher_.takes(state_, t)) mask[i / 64] |= uint64_t{1} << (i % 64);
    }
  if (matcher_.accepts(state_))
    for (const Token t : trie_->ends())
      mask[static_cast<size_t>(t) / 64] |= uint64_t{1} << (t % 64);
  return masks_.insert_or_assign(state_, std::move(mask)).first->second;
}

void Constraint::accept(Token token) {
  if (trie_->is_end(token)) return;
  state_ = after(token);
  ENGINE_CHECK(state_ != Matcher::kDead, "a token that the grammar does not allow");
  if (matcher_.trim(state_)) masks_.clear();
}

bool Constraint::finished() const {
  return matcher_.accepts(state_) && matcher_.ends(state_);
}

std::string Constraint::why() const {
  return matcher_.exhausted()
             ? "the grammar is too ambiguous: its texts can be read in too many ways at once"
             : "the grammar allows no token of this vocabulary here";
}

}  // namespace engine::grammar
