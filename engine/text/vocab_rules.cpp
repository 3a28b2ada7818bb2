#include "engine/text/vocab_rules.h"

#include <fmt/format.h>

#include <array>

#include "engine/core/log.h"
#include "engine/text/pretokenize.h"

namespace engine {
namespace {

struct ModelDefaults {
  std::string_view name;
  TokenAlgorithm algorithm;
  Token bos, eos, unk;
  bool add_bos, add_space_prefix, clean_spaces, escape_whitespaces;
};

constexpr ModelDefaults kModels[] = {
#define MODEL(name, algorithm, ...) {name, TokenAlgorithm::algorithm, __VA_ARGS__},
#include "engine/text/tokenizer_models.inc"
#undef MODEL
};

// Known to the format, not to this build: named so that the message tells the user what is missing.
constexpr std::string_view kLater[] = {"rwkv", "plamo2", "hybriddna", "whitespace"};

constexpr Token SpecialIds::*kSpecialIds[] = {
    &SpecialIds::bos,     &SpecialIds::eos,     &SpecialIds::eot,     &SpecialIds::eom,
    &SpecialIds::unk,     &SpecialIds::sep,     &SpecialIds::pad,     &SpecialIds::mask,
    &SpecialIds::fim_pre, &SpecialIds::fim_suf, &SpecialIds::fim_mid, &SpecialIds::fim_pad,
    &SpecialIds::fim_rep, &SpecialIds::fim_sep};

Status apply_pre(const VocabData& data, bool gemma4, VocabRules& rules) {
  if (!gemma4 && !data.pre)
    log_warn("the model file names no pre-tokenizer (tokenizer.ggml.pre); text may be split badly");
  rules.pre = gemma4 ? "gemma4" : data.pre.value_or("default");
  const PreFlags* flags = find_pre(rules.pre);
  if (flags == nullptr)
    return Error{Errc::unsupported, fmt::format("unknown pre-tokenizer type: '{}'", rules.pre)};
  rules.ignore_merges = flags->ignore_merges;
  rules.add_bos |= flags->add_bos;
  rules.add_sep |= flags->add_sep;
  rules.clean_spaces &= !flags->keep_spaces;
  rules.byte_encoded = !flags->plain;
  rules.escape_whitespaces = flags->plain;
  rules.newline_words = flags->gemma4;
  if (flags->no_bos) rules.ids.bos = kNoToken;
  return ok;
}

void apply_ids(const VocabData& data, VocabRules& rules) {
  const int64_t n =
      data.tokens.empty() ? data.dummy_size : static_cast<int64_t>(data.tokens.size());
  for (Token SpecialIds::*role : kSpecialIds) {
    const Token given = data.ids.*role;
    Token& id = rules.ids.*role;
    if (id >= n) id = kNoToken;
    if (given >= 0 && given < n) {
      id = given;
    } else if (given != kNoToken) {
      log_warn("special token id {} lies outside the vocabulary of {}; ignored", given, n);
    }
  }
}

}  // namespace

Result<VocabRules> resolve_rules(const VocabData& data) {
  const ModelDefaults* model = nullptr;
  for (const ModelDefaults& m : kModels)
    if (m.name == data.model) model = &m;
  for (const std::string_view name : kLater)
    if (name == data.model)
      return Error{Errc::unsupported, fmt::format("tokenizer '{}' is not supported yet", name)};
  if (model == nullptr)
    return Error{Errc::unsupported, fmt::format("unknown tokenizer: '{}'", data.model)};

  VocabRules rules;
  rules.algorithm = model->algorithm;
  rules.ids.bos = model->bos;
  rules.ids.eos = model->eos;
  rules.ids.unk = model->unk;
  rules.add_bos = model->add_bos;
  rules.add_space_prefix = model->add_space_prefix;
  rules.clean_spaces = model->clean_spaces;
  rules.escape_whitespaces = model->escape_whitespaces;
  if (rules.algorithm == TokenAlgorithm::bpe)
    ENGINE_TRY_STATUS(apply_pre(data, data.model == "gemma4", rules));

  const bool wordpiece = rules.algorithm == TokenAlgorithm::wpm;
  if (wordpiece) rules.ids.sep = 102, rules.ids.pad = 0, rules.ids.mask = 103, rules.add_sep = true;

  const bool unigram = rules.algorithm == TokenAlgorithm::ugm;
  if (unigram) rules.ids.pad = 0, rules.add_eos = true;

  apply_ids(data, rules);
  rules.add_bos = data.add_bos.value_or(rules.add_bos);
  rules.add_eos = data.add_eos.value_or(rules.add_eos);
  rules.add_sep = data.add_sep.value_or(rules.add_sep);
  rules.add_space_prefix = data.add_space_prefix.value_or(rules.add_space_prefix);
  if (rules.newline_words) rules.add_bos = true;  // old conversions of gemma 4 wrote a wrong key
  if (wordpiece) {
    rules.add_bos = true;  // whatever the keys say
    rules.lowercase = data.lowercase.value_or(true);
    rules.strip_accents = data.strip_accents.value_or(rules.lowercase);
  }
  if (unigram) rules.remove_extra_whitespaces = data.remove_extra_whitespaces.value_or(false);
  if (rules.algorithm == TokenAlgorithm::test) rules.add_bos = rules.add_eos = false;
  return rules;
}

}  // namespace engine
