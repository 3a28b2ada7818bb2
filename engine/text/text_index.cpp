#include "engine/text/text_index.h"

#include <fmt/format.h>

#include <bit>

#include "engine/core/check.h"
#include "engine/text/vocab_data.h"

namespace engine {

TextIndex::TextIndex(std::span<const std::string_view> texts) {
  ENGINE_CHECK(texts.size() < (size_t{1} << 31), "too many texts");
  size_t bytes = 0;
  for (const std::string_view t : texts) bytes += t.size();
  arena_.reserve(bytes);
  begins_.reserve(texts.size() + 1);
  for (size_t i = 0; i < texts.size(); ++i) {
    begins_.push_back(static_cast<uint32_t>(arena_.size()));
    if (texts[i].empty()) {
      fmt::format_to(std::back_inserter(arena_), "[EMPTY_{}]", i);
    } else {
      arena_.append(texts[i]);
    }
    longest_ = std::max(longest_, arena_.size() - begins_.back());
  }
  ENGINE_CHECK(arena_.size() < (size_t{1} << 32), "too many bytes of text");
  begins_.push_back(static_cast<uint32_t>(arena_.size()));

  slots_.resize(std::bit_ceil(2 * texts.size() + 2));
  mask_ = slots_.size() - 1;
  for (Token id = 0; id < size(); ++id) insert(id);
}

void TextIndex::insert(Token id) {
  const std::string_view key = text(id);
  const uint64_t hash = hash_text(key);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t at = hash & mask_;
  for (; slots_[at].id_plus != 0; at = (at + 1) & mask_) {
    if (slots_[at].tag == tag && text(static_cast<Token>(slots_[at].id_plus - 1)) == key) {
      ++duplicates_;
      break;
    }
  }
  slots_[at] = {tag, static_cast<uint32_t>(id) + 1};
}

Token TextIndex::find(std::string_view key) const {
  if (slots_.empty() || key.size() > longest_) return kNoToken;
  const uint64_t hash = hash_text(key);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask_; slots_[at].id_plus != 0; at = (at + 1) & mask_) {
    const auto id = static_cast<Token>(slots_[at].id_plus - 1);
    if (slots_[at].tag == tag && text(id) == key) return id;
  }
  return kNoToken;
}

}  // namespace engine
