// The vocabulary that all tokenizers share: texts, attributes, roles and rules.
// Immutable after build(); thread-safe.
#pragma once

#include <array>
#include <vector>

#include "engine/core/result.h"
#include "engine/text/text_index.h"
#include "engine/text/vocab_data.h"
#include "engine/text/vocab_rules.h"

namespace engine {

// A token has a set of attributes: its stored type to begin with,
// changed by what its text reveals (special_tokens.cpp).
// Where several apply, control and unknown decide first, then user_defined, normal, byte.
enum TokenAttr : uint16_t {
  attr_unknown = 1,
  attr_control = 2,
  attr_user_defined = 4,
  attr_normal = 8,
  attr_byte = 16,
  attr_unused = 32,
  attr_eog = 64,      // ends the generation
  attr_lstrip = 128,  // white space before it belongs to it
  attr_rstrip = 256,  // white space after it belongs to it
};

class Vocabulary {
 public:
  // Errc::corrupt: no tokens, or lists that are too short or too long; else as resolve_rules().
  static Result<Vocabulary> build(const VocabData& data);

  int32_t size() const { return static_cast<int32_t>(attrs_.size()); }
  bool has_texts() const { return index_.size() > 0; }
  std::string_view text(Token id) const { return index_.text(id); }
  Token find(std::string_view text) const { return index_.find(text); }
  const TextIndex& index() const { return index_; }

  uint16_t attrs(Token id) const { return attrs_[static_cast<size_t>(id)]; }
  bool has(Token id, uint16_t any_of) const { return (attrs(id) & any_of) != 0; }
  float score(Token id) const { return scores_.empty() ? 0.0f : scores_[static_cast<size_t>(id)]; }
  // the token "<0x0A>" and so on
  Token byte_token(uint8_t byte) const { return byte_tokens_[byte]; }

  const VocabRules& rules() const { return rules_; }
  const SpecialIds& ids() const { return rules_.ids; }
  const std::vector<Token>& eog_ids() const { return eog_ids_; }

 private:
  friend class SpecialTokenFinder;
  Vocabulary() = default;

  TextIndex index_;
  std::vector<uint16_t> attrs_;
  std::vector<float> scores_;
  std::array<Token, 256> byte_tokens_{};
  std::vector<Token> eog_ids_;
  VocabRules rules_;
};

}  // namespace engine
