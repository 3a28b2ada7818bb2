#include "engine/run/prompt_lookup.h"

#include <algorithm>

namespace engine {
namespace {

constexpr int kMostPlaces = 32;    // looked at, latest first
constexpr size_t kLongMatch = 16;  // more equal tokens say nothing new

uint64_t pair_at(std::span<const Token> tokens, size_t i) {  // tokens i-1 and i
  return uint64_t{static_cast<uint32_t>(tokens[i - 1])} << 32 | static_cast<uint32_t>(tokens[i]);
}

int grade_of(size_t match) {
  return match < 2 ? -1 : match == 2 ? 0 : match == 3 ? 1 : match < 6 ? 2 : match < 10 ? 3 : 4;
}

}  // namespace

// The last token stays out: its pair is the one that is looked for.
void PromptLookup::index(std::span<const Token> tokens) {
  before_.resize(tokens.size(), -1);
  for (; indexed_ + 1 < tokens.size(); ++indexed_) {
    if (indexed_ == 0) continue;
    const auto [it, fresh] = last_.try_emplace(pair_at(tokens, indexed_), -1);
    before_[indexed_] = it->second;
    it->second = static_cast<int32_t>(indexed_);
  }
}

int PromptLookup::grade(std::span<const Token> tokens) {
  index(tokens);
  if (tokens.size() < 3) return -1;
  const size_t end = tokens.size() - 1;
  const auto it = last_.find(pair_at(tokens, end));
  if (it == last_.end()) return -1;
  size_t best = 0;
  int places = 0;
  for (int32_t at = it->second; at >= 0 && places < kMostPlaces && best < kLongMatch;
       at = before_[static_cast<size_t>(at)], ++places) {
    const size_t place = static_cast<size_t>(at);
    size_t match = 2;
    while (match < kLongMatch && match <= place && tokens[place - match] == tokens[end - match])
      ++match;
    if (match > best) best = match, from_ = place + 1;
  }
  return grade_of(best);
}

void PromptLookup::propose(std::span<const Token> tokens, int n, std::vector<Token>& out) {
  const size_t begin = out.size();
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {  // behind the end: what was just proposed
    const size_t at = from_ + i;
    out.push_back(at < tokens.size() ? tokens[at] : out[begin + at - tokens.size()]);
  }
}

void PromptLookup::reset() {
  last_.clear(), before_.clear();
  indexed_ = 0;
}

}  // namespace engine
