#include "engine/text/merge_table.h"

#include <bit>

#include "engine/text/vocab_data.h"

namespace engine {

MergeTable::MergeTable(const TextIndex& index, std::span<const std::string_view> lines)
    : index_(&index) {
  slots_.resize(std::bit_ceil(lines.size() + lines.size() / 2 + 2));
  mask_ = slots_.size() - 1;
  std::string joined;
  for (size_t rank = 0; rank < lines.size(); ++rank) {
    const std::string_view line = lines[rank];
    const size_t space = line.find(' ', 1);  // a left part may itself be a space
    if (space == std::string_view::npos || space + 1 == line.size()) continue;
    const std::string_view a = line.substr(0, space), b = line.substr(space + 1);
    joined.assign(a).append(b);
    const uint64_t key = pair_key(symbol_or_new(a), symbol_or_new(b));
    size_t at = place(key);
    while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & mask_;
    if (slots_[at].key == kFree)
      slots_[at] = {key, {static_cast<uint32_t>(rank), symbol_or_new(joined)}};
  }
}

Token MergeTable::symbol(std::string_view text) const {
  if (const Token id = index_->find(text); id != kNoToken || extra_.empty()) return id;
  const auto it = extra_.find(std::string(text));
  return it == extra_.end() ? kNoToken : it->second;
}

Token MergeTable::symbol_or_new(std::string_view text) {
  if (const Token id = index_->find(text); id != kNoToken) return id;
  const auto next = static_cast<Token>(index_->size() + static_cast<int32_t>(extra_.size()));
  return extra_.try_emplace(std::string(text), next).first->second;
}

}  // namespace engine
