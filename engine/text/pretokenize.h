// Cuts text into the words within which BPE may merge: the patterns
// of pretokenizers.inc, run by PCRE2 with its JIT.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine {

// What a pre-tokenizer says about its vocabulary beside the patterns.
struct PreFlags {
  bool ignore_merges, add_bos, add_sep, no_bos, keep_spaces, plain, gemma4;
};

// nullptr: the name stands on no line of pretokenizers.inc.
const PreFlags* find_pre(std::string_view name);

class Pretokenizer {
 public:
  // Errc::unsupported: unknown name.
  static Result<Pretokenizer> make(std::string_view name);
  Pretokenizer(Pretokenizer&&) noexcept;
  Pretokenizer& operator=(Pretokenizer&&) noexcept;
  ~Pretokenizer();

  // Replaces `ends` by the end of each word, ascending; the words cover the text.
  // Thread-safe. Requires: valid UTF-8 of less than 2^31 bytes.
  // Errc::invalid_argument: the text drives a pattern beyond its limits.
  Status split(std::string_view text, std::vector<uint32_t>& ends) const;

 private:
  class Splitter;
  Pretokenizer() = default;

  std::string name_;
  std::vector<std::unique_ptr<Splitter>> splitters_;
};

}  // namespace engine
