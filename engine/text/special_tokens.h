// Finds the tokens with a role that the file does not name, by their well-known texts,
// and the set that ends a generation.
#pragma once

#include "engine/text/vocabulary.h"

namespace engine {

class SpecialTokenFinder {
 public:
  explicit SpecialTokenFinder(Vocabulary& v) : v_(v) {}
  void run(const VocabData& data);

 private:
  void find_roles();
  void mark_unused();
  void collect_eog();
  void repair_eog();
  void set_strip_rules(const VocabData& data);

  bool is_eog(std::string_view text) const;
  void add_eog(Token id);
  void leave_eog(std::string_view text, TokenAttr becomes);
  uint16_t& attrs(Token id) { return v_.attrs_[static_cast<size_t>(id)]; }

  Vocabulary& v_;
};

}  // namespace engine
