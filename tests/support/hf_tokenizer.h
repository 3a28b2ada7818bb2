// The files of a tokenizer as the Hugging Face hub has them, made of the vocabulary of a GGUF file.
#pragma once

#include <string>

#include "gguf/reader.h"

namespace engine::testing {

// Byte-level BPE; split: how words are cut, as JSON of pre_tokenizer. pairs: merges as ["a", "b"].
void write_bpe_tokenizer(const gguf::File& vocab, const std::string& pre_tokenizer, bool pairs,
                         const std::string& dir);
// The same words of a SentencePiece vocabulary as BPE with byte tokens, merges by its scores.
void write_byte_fallback_tokenizer(const gguf::File& vocab, bool space_prefix,
                                   const std::string& dir);
// tokenizer.model.
void write_sentencepiece(const gguf::File& vocab, bool space_prefix, const std::string& dir);
// tokenizer.json or vocab.txt of a WordPiece vocabulary.
void write_wordpiece_tokenizer(const gguf::File& vocab, bool txt, const std::string& dir);
// tokenizer_config.json with the roles and flags of the file.
void write_tokenizer_config(const gguf::File& vocab, const std::string& dir);

}  // namespace engine::testing
