// Text to token ids and back. One class per algorithm behind this interface; all are immutable
// after make_tokenizer() and thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/text/partition.h"
#include "engine/text/vocabulary.h"

namespace engine {

struct EncodeFlags {
  bool add_special = true;  // begin and end tokens, as the vocabulary asks for
  // texts of control tokens become these tokens: for prompts that we rendered, not for user text
  bool parse_special = false;
};

struct DecodeFlags {
  bool remove_special = false;   // drop the begin and end tokens that encode() would have added
  bool unparse_special = false;  // show control tokens by their text
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Appends the tokens of the text. Errc::unsupported: the model has no tokenizer;
  // invalid_argument: too long, or beyond the limits of the pre-tokenizer.
  Status encode(std::string_view text, EncodeFlags flags, std::vector<Token>& out) const;

  // Appends the raw bytes of a token, which may begin or end inside a character; of a control token
  // only with `special`. Nothing for an id outside the vocabulary.
  virtual void append_piece(Token id, bool special, std::string& out) const;
  std::string piece(Token id, bool special = false) const;

  // The text of a whole sequence: unlike the pieces in a row, without the space that encode() put
  // in front, and tidied where the vocabulary wants it.
  std::string detokenize(std::span<const Token> tokens, DecodeFlags flags) const;

  // A rendered prompt without the texts of the begin and end tokens that encode() adds itself.
  std::string_view without_added_tokens(std::string_view rendered) const;

  int32_t size() const { return vocabulary_.size(); }
  // the token stored with this text, or kNoToken
  Token find(std::string_view text) const { return vocabulary_.find(text); }
  bool is_eog(Token id) const { return id >= 0 && id < size() && vocabulary_.has(id, attr_eog); }
  const SpecialIds& ids() const { return vocabulary_.ids(); }
  Token newline() const { return newline_; }  // the token of "\n", or kNoToken
  const Vocabulary& vocabulary() const { return vocabulary_; }

 protected:
  explicit Tokenizer(Vocabulary vocabulary)
      : vocabulary_(std::move(vocabulary)), partitioner_(vocabulary_) {}
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  // Text without special tokens, not empty.
  // `after_special`: it begins the text or follows a special token.
  virtual Status encode_plain(std::string_view text, bool after_special,
                              std::vector<Token>& out) const = 0;
  // The bytes of a normal token.
  virtual void append_normal(Token id, std::string& out) const = 0;

 private:
  friend Result<std::unique_ptr<Tokenizer>> make_tokenizer(const VocabData& data);

  Vocabulary vocabulary_;
  Partitioner partitioner_;
  Token newline_ = kNoToken;
};

// Nothing of `data` is kept. Errors as Vocabulary::build();
// Errc::corrupt for a BPE vocabulary without merges, a Unigram one with a broken charsmap or score.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const VocabData& data);

// The algorithms; make_tokenizer() chooses.
Result<std::unique_ptr<Tokenizer>> make_bpe_tokenizer(Vocabulary vocabulary, const VocabData& data);
std::unique_ptr<Tokenizer> make_spm_tokenizer(Vocabulary vocabulary);
std::unique_ptr<Tokenizer> make_wordpiece_tokenizer(Vocabulary vocabulary);
Result<std::unique_ptr<Tokenizer>> make_unigram_tokenizer(Vocabulary vocabulary,
                                                          const VocabData& data);
std::unique_ptr<Tokenizer> make_dummy_tokenizer(Vocabulary vocabulary);

// Appends text with every U+2581 as a space: how SentencePiece and some BPE vocabularies store it.
void append_unescaped(std::string_view text, std::string& out);
// The reverse.
void append_escaped(std::string_view text, std::string& out);

}  // namespace engine
