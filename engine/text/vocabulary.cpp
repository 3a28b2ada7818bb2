#include "engine/text/vocabulary.h"

#include <fmt/format.h>

#include "engine/core/log.h"
#include "engine/text/special_tokens.h"

namespace engine {
namespace {

constexpr int64_t kMaxTokens = int64_t{1} << 26;

Status check_sizes(const VocabData& data, const VocabRules& rules) {
  const size_t n = data.tokens.size();
  if (n == 0 && rules.algorithm != TokenAlgorithm::none)
    return Error{Errc::corrupt, "cannot find tokenizer vocab in model file"};
  if (static_cast<int64_t>(n) > kMaxTokens || data.dummy_size < 0 || data.dummy_size > kMaxTokens)
    return Error{Errc::corrupt, fmt::format("a vocabulary of {} tokens is too large",
                                            std::max<int64_t>(n, data.dummy_size))};
  if (!data.scores.empty() && data.scores.size() < n)
    return Error{Errc::corrupt, fmt::format("{} scores for {} tokens", data.scores.size(), n)};
  if (!data.types.empty() && data.types.size() < n)
    return Error{Errc::corrupt, fmt::format("{} token types for {} tokens", data.types.size(), n)};
  uint64_t bytes = 0;
  for (const std::string_view t : data.tokens) bytes += t.empty() ? 32 : t.size();
  if (bytes >= uint64_t{1} << 32)
    return Error{Errc::corrupt, "the token texts are larger than 4 GiB"};
  return ok;
}

uint16_t attrs_of_type(int32_t type) {
  switch (static_cast<TokenType>(type)) {
    case TokenType::normal:
      return attr_normal;
    case TokenType::unknown:
      return attr_unknown;
    case TokenType::control:
      return attr_control;
    case TokenType::user_defined:
      return attr_user_defined;
    case TokenType::unused:
      return attr_unused;
    case TokenType::byte:
      return attr_byte;
    case TokenType::undefined:
      break;
  }
  return 0;
}

}  // namespace

Result<Vocabulary> Vocabulary::build(const VocabData& data) {
  ENGINE_TRY(rules, resolve_rules(data));
  ENGINE_TRY_STATUS(check_sizes(data, rules));
  Vocabulary v;
  v.rules_ = std::move(rules);
  if (data.tokens.empty()) {
    v.attrs_.assign(static_cast<size_t>(data.dummy_size), attr_normal);
    return v;
  }

  v.index_ = TextIndex(data.tokens);
  if (v.index_.duplicates() > 0)
    log_warn("{} texts of the vocabulary belong to two tokens", v.index_.duplicates());
  v.attrs_.assign(data.tokens.size(), attr_normal);
  for (size_t i = 0; i < data.types.size() && i < v.attrs_.size(); ++i)
    v.attrs_[i] = attrs_of_type(data.types[i]);
  if (v.rules_.algorithm == TokenAlgorithm::spm) v.scores_ = data.scores;
  for (int b = 0; b < 256; ++b)
    v.byte_tokens_[static_cast<size_t>(b)] = v.find(fmt::format("<0x{:02X}>", b));
  SpecialTokenFinder(v).run(data);
  return v;
}

}  // namespace engine
