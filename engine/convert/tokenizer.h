// The tokenizer of a model directory as what a GGUF file says about it.
//
// Files, in this order: tokenizer.model (SentencePiece), tokenizer.json (byte-level BPE, BPE with
// byte tokens, WordPiece, Unigram), vocab.txt (WordPiece). added_tokens.json, tokenizer_config.json,
// special_tokens_map.json, generation_config.json and chat_template.* say the rest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/sorted_json.h"
#include "gguf/writer.h"

namespace engine::convert {

class ModelConfig;

// As in tokenizer.ggml.token_type.
enum class TokenKind : int32_t { normal = 1, unknown, control, user_defined, unused, byte };

struct TokenizerData {
  std::string model, pre;               // tokenizer.ggml.model, .pre; pre "": none
  std::vector<std::string> tokens;      // by id, spelled as in GGUF files
  std::vector<TokenKind> kinds;         // as many
  std::vector<float> scores;            // as many, or none
  std::vector<std::string> merges;      // "left right"
  std::map<std::string, uint32_t> ids;  // by key of special_ids.inc
  std::vector<int32_t> eos_ids;         // all that end an answer, if there are several
  std::map<std::string, bool> flags;    // tokenizer.ggml.NAME: add_bos_token, ...
  std::vector<uint8_t> charsmap;        // tokenizer.ggml.precompiled_charsmap
  std::string begins_with, ends_with;   // special tokens around every text; "": none
  std::string parts_pair;               // the one more between the texts of a pair; "": none
  std::map<std::string, std::string> templates;  // of chats by name; "": the main one

  // Adds ids up to `size` as unused "[PAD<id>]".
  void pad_to(size_t size);
  // Forgets the ids from `size` on.
  void cut_to(size_t size);
};

// Errc: not_found (no tokenizer at all, with what to do), corrupt, unsupported.
Result<TokenizerData> read_tokenizer(const std::string& dir, const ModelConfig& config);

void write_tokenizer(const TokenizerData& data, gguf::Writer& writer);

// The parts.

// Vocabulary, kinds, scores and merges alone.
Result<TokenizerData> read_tokenizer_json(const std::string& path);
Result<TokenizerData> parse_tokenizer_json(const SortedJson& json, const std::string& path);
Result<TokenizerData> read_sentencepiece(const std::string& path);
Result<TokenizerData> parse_sentencepiece(std::string_view bytes, const std::string& path);
Result<TokenizerData> read_vocab_txt(const std::string& path);
// "##x" as "x", "x" as "▁x", "[X]" as it is: how GGUF files spell WordPiece.
std::string wordpiece_text(std::string_view piece);

// Spaces where a SentencePiece vocabulary writes U+2581.
std::string with_spaces(std::string_view piece);

// A token that was added to the vocabulary. A text that looks like markup counts as special.
struct AddedToken {
  int64_t id;
  std::string text;
  bool special;
};
// Errc::corrupt: an id that is no id, named with the path.
Status apply_added(TokenizerData& data, const AddedToken& token, const std::string& path);

// Roles, flags and templates from the smaller files.
Status read_tokenizer_settings(const std::string& dir, const ModelConfig& config,
                               TokenizerData& data);

}  // namespace engine::convert
