#include "engine/text/special_tokens.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

namespace engine {
namespace {

struct Role {
  Token SpecialIds::*id;
  std::initializer_list<std::string_view> names;
};

const Role kRoles[] = {
#define ROLE(role, ...) {&SpecialIds::role, {__VA_ARGS__}},
#define EOG(text)
#define MARKUP(text)
#include "engine/text/special_names.inc"
#undef ROLE
#undef EOG
#undef MARKUP
};

constexpr std::string_view kEogTexts[] = {
#define ROLE(role, ...)
#define EOG(text) text,
#define MARKUP(text)
#include "engine/text/special_names.inc"
#undef ROLE
#undef EOG
#undef MARKUP
};

constexpr std::string_view kMarkupTexts[] = {
#define ROLE(role, ...)
#define EOG(text)
#define MARKUP(text) text,
#include "engine/text/special_names.inc"
#undef ROLE
#undef EOG
#undef MARKUP
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

}  // namespace

void SpecialTokenFinder::run(const VocabData& data) {
  find_roles();
  mark_unused();
  collect_eog();
  repair_eog();
  for (const Token id : v_.eog_ids_) attrs(id) |= attr_eog;
  set_strip_rules(data);
}

void SpecialTokenFinder::find_roles() {
  for (const Role& role : kRoles) {
    Token& id = v_.rules_.ids.*role.id;
    for (const std::string_view name : role.names) {
      if (id != kNoToken) break;
      id = v_.find(name);
      if (id != kNoToken) attrs(id) |= attr_control;
    }
  }
}

void SpecialTokenFinder::mark_unused() {
  for (Token id = 0; id < v_.size(); ++id)
    if (v_.has(id, attr_control) && contains(v_.text(id), "unused")) attrs(id) |= attr_unused;
}

bool SpecialTokenFinder::is_eog(std::string_view text) const {
  return std::find(v_.eog_ids_.begin(), v_.eog_ids_.end(), v_.find(text)) != v_.eog_ids_.end();
}

void SpecialTokenFinder::add_eog(Token id) {
  std::vector<Token>& set = v_.eog_ids_;
  if (id != kNoToken && std::find(set.begin(), set.end(), id) == set.end()) set.push_back(id);
}

void SpecialTokenFinder::leave_eog(std::string_view text, TokenAttr becomes) {
  const Token id = v_.find(text);
  std::erase(v_.eog_ids_, id);
  attrs(id) = becomes;
}

void SpecialTokenFinder::collect_eog() {
  const SpecialIds& ids = v_.ids();
  for (const Token id : {ids.fim_pad, ids.fim_rep, ids.fim_sep}) add_eog(id);
  for (const std::string_view text : kEogTexts) {
    const Token id = v_.find(text);
    if (id == kNoToken) continue;
    add_eog(id);
    attrs(id) |= attr_control;  // bad conversions leave it a normal token
  }
  for (const std::string_view text : kMarkupTexts)
    if (const Token id = v_.find(text); id != kNoToken) attrs(id) = attr_user_defined;
  for (const Token id : {ids.eos, ids.eot, ids.eom}) add_eog(id);
}

// Models of the harmony family end a message with <|end|> and the turn with <|return|>: only the
// latter may stop them. Models that end a turn with a tool token use </s> as plain text.
void SpecialTokenFinder::repair_eog() {
  if (is_eog("<|end|>") && (is_eog("<|call|>") || is_eog("<|calls|>")) &&
      (is_eog("<|return|>") || is_eog("<|flush|>")))
    leave_eog("<|end|>", attr_user_defined);
  if ((is_eog("<|tool_response>") || is_eog("<|plamo:eos|>")) && is_eog("</s>"))
    leave_eog("</s>", attr_normal);
}

// The format does not store which tokens swallow white space beside them;
// a few families are known by name.
void SpecialTokenFinder::set_strip_rules(const VocabData& data) {
  const auto each = [this](std::initializer_list<std::string_view> texts, auto change) {
    for (const std::string_view text : texts)
      if (const Token id = v_.find(text); id != kNoToken) change(attrs(id));
  };
  const auto lstrip = [](uint16_t& a) { a |= attr_lstrip; };
  const auto rstrip = [](uint16_t& a) { a |= attr_rstrip; };
  const auto keep = [](uint16_t& a) { a &= static_cast<uint16_t>(~attr_rstrip); };
  const std::string name = lower_ascii(data.name), pre = data.pre.value_or("");

  if (contains(pre, "jina-v2-de") || contains(pre, "jina-v2-es") || contains(pre, "jina-v2-code") ||
      contains(data.arch, "nomic-bert-moe") || contains(data.arch, "jina-bert-v3")) {
    each({"<mask>"}, lstrip);
  } else if (contains(name, "phi-3") || contains(name, "phi3")) {
    for (Token id = 0; id < v_.size(); ++id)
      if (v_.has(id, attr_control | attr_user_defined | attr_unknown)) rstrip(attrs(id));
    each({"</s>"}, rstrip);
    each({"<unk>", "<s>", "<|endoftext|>"}, keep);
  } else if (contains(name, "modern-bert")) {
    each({"[MASK]"}, lstrip);
  }
}

}  // namespace engine
