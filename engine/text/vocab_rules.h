// What a vocabulary does by default, resolved: defaults of the algorithm, then of the
// pre-tokenizer, then the keys of the file.
#pragma once

#include "engine/core/result.h"
#include "engine/text/vocab_data.h"

namespace engine {

enum class TokenAlgorithm : uint8_t { none, spm, bpe, wpm, ugm, test };

struct VocabRules {
  TokenAlgorithm algorithm = TokenAlgorithm::none;
  std::string pre;  // BPE only; names a line of pretokenizers.inc
  bool add_bos = false, add_eos = false, add_sep = false;
  bool add_space_prefix = false;    // SPM, Unigram: a space before each stretch of plain text
  bool clean_spaces = false;        // detokenize(): tidy the spaces around punctuation
  bool escape_whitespaces = false;  // U+0020 is stored as U+2581
  bool ignore_merges = false;       // BPE: a word that is a token needs no merging
  bool byte_encoded = false;        // BPE: texts are stored with one printable character per byte
  bool newline_words = false;  // BPE: a word of newlines alone may be a token of its own (gemma 4)
  bool lowercase = false;      // WordPiece: texts are lower-cased
  bool strip_accents = false;  // WordPiece: marks are dropped
  bool remove_extra_whitespaces = false;  // Unigram: one space before each word, and no others
  SpecialIds ids;

  // What encode() puts in front of a text and behind it; kNoToken: nothing.
  Token first_token() const { return add_bos ? ids.bos : kNoToken; }
  Token last_token() const {
    if (algorithm == TokenAlgorithm::wpm) return ids.sep;
    return add_eos ? ids.eos : kNoToken;
  }
};

// Errc::unsupported: an algorithm or pre-tokenizer that we do not have. Ids outside the vocabulary
// are dropped with a warning.
Result<VocabRules> resolve_rules(const VocabData& data);

}  // namespace engine
