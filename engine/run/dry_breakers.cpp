#include "engine/run/dry_breakers.h"

#include <algorithm>

namespace engine {
namespace {

constexpr size_t kLongestText = 40;  // bytes
constexpr size_t kLongestTail = 20;  // tokens

struct Beginning {
  std::string_view text;
  std::vector<Token> rest;
};

}  // namespace

Result<std::vector<DryBreaker>> dry_breakers(const Tokenizer& tokenizer,
                                             std::span<const std::string> texts) {
  std::vector<std::string_view> whole;
  std::vector<Beginning> beginnings;
  for (const std::string& text : texts) {
    const std::string_view breaker = std::string_view(text).substr(0, kLongestText);
    if (breaker.empty()) continue;
    whole.push_back(breaker);
    for (size_t n = 1; n < breaker.size(); ++n) {
      Beginning b{breaker.substr(0, n), {}};
      ENGINE_TRY_STATUS(tokenizer.encode(breaker.substr(n),
                                         {.add_special = false, .parse_special = false}, b.rest));
      b.rest.resize(std::min(b.rest.size(), kLongestTail));
      if (!b.rest.empty()) beginnings.push_back(std::move(b));
    }
  }
  std::vector<DryBreaker> out;
  for (Token id = 0; id < tokenizer.size(); ++id) {
    const std::string piece = tokenizer.piece(id, true);
    const bool holds = std::any_of(whole.begin(), whole.end(), [&](std::string_view breaker) {
      return piece.find(breaker) != std::string::npos;
    });
    if (holds) out.push_back({id, {}});
    for (const Beginning& b : beginnings)
      if (piece.ends_with(b.text)) out.push_back({id, b.rest});
  }
  return out;
}

Status add_dry_breakers(const Model& model, const Options& options, SamplerParams& params) {
  const Tokenizer* tokenizer = model.tokenizer();
  if (!params.dry.on() || params.mirostat != 0 || tokenizer == nullptr) return ok;
  ENGINE_TRY(breakers, dry_breakers(*tokenizer, options.dry_sequence_breakers));
  params.dry.breakers = std::move(breakers);
  return ok;
}

}  // namespace engine
