// A vocabulary as the model file states it: plain data, no rule applied yet. Missing keys stay at
// "absent" (-1, nullopt, empty).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/row_output.h"

namespace engine {

inline constexpr Token kNoToken = -1;

// Ids with a role; kNoToken: the vocabulary has none.
struct SpecialIds {
  Token bos = kNoToken, eos = kNoToken, eot = kNoToken, eom = kNoToken;
  Token unk = kNoToken, sep = kNoToken, pad = kNoToken, mask = kNoToken;
  Token fim_pre = kNoToken, fim_suf = kNoToken, fim_mid = kNoToken, fim_pad = kNoToken,
        fim_rep = kNoToken, fim_sep = kNoToken;
};

struct VocabData {
  std::string model;               // tokenizer.ggml.model: which algorithm
  std::optional<std::string> pre;  // tokenizer.ggml.pre: how BPE splits words
  std::string name, arch;          // general.name, general.architecture: a few rules hang on them

  // The views need to live only until make_tokenizer() returns.
  std::vector<std::string_view> tokens, merges;
  std::vector<float> scores;   // empty: all 0
  std::vector<int32_t> types;  // empty: all normal; values of TokenType
  // number of ids of the models `none` and `no_vocab`, which store no texts
  int64_t dummy_size = 0;

  SpecialIds ids;
  std::optional<bool> add_bos, add_eos, add_sep, add_space_prefix;
  std::optional<bool> lowercase, strip_accents;  // of WordPiece
  std::optional<bool> remove_extra_whitespaces;  // of Unigram
  std::vector<uint8_t> charsmap;                 // of Unigram, see charsmap.h; empty: none
  std::vector<Token> suppressed;                 // ids that are never to be sampled

  std::string chat_template;
  std::vector<std::pair<std::string, std::string>> named_templates;  // tokenizer.chat_template.NAME
};

enum class TokenType : int32_t { undefined, normal, unknown, control, user_defined, unused, byte };

}  // namespace engine
