// Text of messages must not become control tokens.
// A rendered prompt is encoded as one text as long as no message spells one;
// else piece by piece, those of the messages without recognition of control tokens.
#include "engine/run/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/core/check.h"
#include "engine/text/output/harmony_names.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

constexpr const char* kTooLong =
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in "
    "settings, or use a model with a longer context length";

Result<const Tokenizer*> tokenizer_of(const Model& model) {
  if (const Tokenizer* t = model.tokenizer()) return t;
  return Error{Errc::unsupported, "this model has no tokenizer"};
}

std::string token_text(const Tokenizer& tokenizer, Token id) {
  return id == kNoToken ? std::string() : std::string(tokenizer.vocabulary().text(id));
}

bool spells_control(const Tokenizer& tokenizer, std::string_view text,
                    std::vector<Token>& scratch) {
  scratch.clear();
  if (!tokenizer.encode(text, {.add_special = false, .parse_special = true}, scratch)) return false;
  return std::any_of(scratch.begin(), scratch.end(),
                     [&](Token t) { return tokenizer.vocabulary().has(t, attr_control); });
}

Status encode_rendered(const Tokenizer& tokenizer, const RenderedChat& chat,
                       std::vector<Token>& out) {
  const std::string_view all = chat.text;
  const std::string_view kept = tokenizer.without_added_tokens(all);
  std::vector<Token> scratch;
  const bool safe =
      std::none_of(chat.input.begin(), chat.input.end(), [&](const RenderedChat::Range& r) {
        return spells_control(tokenizer, all.substr(r.begin, r.end - r.begin), scratch);
      });
  if (safe) return tokenizer.encode(kept, {.add_special = true, .parse_special = true}, out);

  // Begin and end tokens that the tokenizer adds: taken from the encoding of the empty text.
  size_t at = static_cast<size_t>(kept.data() - all.data());
  const size_t end = at + kept.size();
  bool first = true;
  const auto encode = [&](size_t to, bool special) -> Status {
    if (to <= at) return ok;
    const Status status = tokenizer.encode(all.substr(at, to - at),
                                           {.add_special = first, .parse_special = special}, out);
    at = to;
    first = false;
    return status;
  };
  for (const RenderedChat::Range& r : chat.input) {
    ENGINE_TRY_STATUS(encode(std::min(r.begin, end), true));
    ENGINE_TRY_STATUS(encode(std::min(r.end, end), false));
  }
  return encode(end, true);
}

const ChatTemplate& chosen(const Model& model, const ChatTemplate* chat) {
  return chat != nullptr ? *chat : chat_template_of(model);
}

// How the answers to a template are to be read.
void describe_answer(const ChatTemplate& chat, Prompt& prompt) {
  const AnswerFormat& detected = *chat.answer_format();
  prompt.call_tag = chat.call_tag();
  const bool go = !prompt.call_tag.empty();
  const bool harmony = detected.body == CallBody::harmony;
  // A Go template shows its tags itself, all but the channels of gpt-oss.
  prompt.format = go && !harmony ? listed_format(answer_formats().back()) : chat.answer_format();
  if (harmony) prompt.call_tag.clear();
  prompt.tags = go ? chat.thinking_tags()
                   : ThinkingTags{std::string(detected.think), std::string(detected.think_end)};
}

std::string size_note(size_t tokens, int context) {
  return fmt::format(" (prompt {} tokens, context {})", tokens, context);
}

// The last resort for a prompt that fills the context: its first tokens and its tail.
Status fit_tokens(const Model& model, const PromptLimits& limits, Prompt& prompt) {
  const size_t context = static_cast<size_t>(model.info().n_ctx);
  if (prompt.tokens.size() < context) return ok;
  if (!limits.truncate || !limits.shift)
    return Error{Errc::invalid_argument,
                 kTooLong + size_note(prompt.tokens.size(), model.info().n_ctx)};
  const size_t keep =
      static_cast<size_t>(effective_keep(model, limits.num_keep, prompt.tokens.size()));
  const size_t limit = context - std::max<size_t>((context - keep) / 2, 1);
  if (limit <= keep)
    return Error{Errc::invalid_argument,
                 kTooLong + size_note(prompt.tokens.size(), model.info().n_ctx)};
  const size_t dropped = prompt.tokens.size() - limit;
  const auto first = prompt.tokens.begin() + static_cast<ptrdiff_t>(keep);
  prompt.tokens.erase(first, first + static_cast<ptrdiff_t>(dropped));
  prompt.note += fmt::format(", {} tokens of the prompt left out", dropped);
  return ok;
}

Result<Prompt> render_and_encode(const Model& model, const ChatInput& input,
                                 const ChatTemplate* chat) {
  ENGINE_TRY(tokenizer, tokenizer_of(model));
  const ChatTemplate& with = chosen(model, chat);
  const bool channels = with.answer_format()->body == CallBody::harmony;
  const HarmonyInput named = channels ? harmony_input(input) : HarmonyInput();
  ENGINE_TRY(rendered, with.render(channels ? named.input : input));
  Prompt prompt;
  ENGINE_TRY_STATUS(encode_rendered(*tokenizer, rendered, prompt.tokens));
  prompt.text = std::move(rendered.text);
  const bool continues = !input.messages.empty() && input.messages.back().role == "assistant";
  describe_answer(with, prompt);
  prompt.starts_thinking = !continues && opens_thinking(prompt.text, prompt.tags.open);
  return prompt;
}

// The messages from `first` on, and all system messages in front of them.
std::vector<ChatMessage> tail_of(const std::vector<ChatMessage>& messages, size_t first) {
  std::vector<ChatMessage> out;
  for (size_t i = 0; i < messages.size(); ++i)
    if (i >= first || messages[i].role == "system") out.push_back(messages[i]);
  return out;
}

ChatInput with_tokens(const Model& model, const ChatInput& input) {
  ChatInput out = input;
  if (const Tokenizer* t = model.tokenizer()) {
    out.bos = token_text(*t, t->ids().bos);
    out.eos = token_text(*t, t->ids().eos);
  }
  return out;
}

}  // namespace

const ChatTemplate& chat_template_of(const Model& model) {
  if (const ChatTemplate* own = model.chat_template()) return *own;
  static const ChatTemplate chatml = [] {
    Result<ChatTemplate> parsed = ChatTemplate::parse("");
    ENGINE_CHECK(parsed, "the built-in template must parse");
    return *parsed;
  }();
  return chatml;
}

Result<RenderedChat> render_chat(const Model& model, const ChatInput& input,
                                 const ChatTemplate* chat) {
  return chosen(model, chat).render(with_tokens(model, input));
}

bool opens_thinking(std::string_view prompt, std::string_view tag) {
  const auto trim = [](std::string_view& s) { s = s.substr(0, s.find_last_not_of(" \n\t\r") + 1); };
  trim(prompt);
  trim(tag);
  return !tag.empty() && prompt.ends_with(tag);
}

int effective_keep(const Model& model, int num_keep, size_t prompt_tokens) {
  int64_t keep = num_keep < 0 ? static_cast<int64_t>(prompt_tokens) : num_keep;
  const Tokenizer* t = model.tokenizer();
  if (num_keep >= 0 && t && t->vocabulary().rules().add_bos) ++keep;
  return static_cast<int>(std::clamp<int64_t>(keep, 0, model.info().n_ctx - 1));
}

Result<Prompt> chat_prompt(const Model& model, const ChatInput& input, const PromptLimits& limits,
                           const ChatTemplate* chat) {
  ChatInput all = with_tokens(model, input);
  const std::vector<ChatMessage> messages = all.messages;
  const size_t context = static_cast<size_t>(model.info().n_ctx);
  ENGINE_TRY(whole, render_and_encode(model, all, chat));
  Prompt prompt = std::move(whole);
  if (limits.truncate && prompt.tokens.size() > context && messages.size() > 1) {
    // The fewest messages to drop; the length falls with every one, so halving finds it.
    size_t low = 1, high = messages.size() - 1;
    std::optional<Prompt> best;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      all.messages = tail_of(messages, middle);
      ENGINE_TRY(shorter, render_and_encode(model, all, chat));
      if (shorter.tokens.size() <= context) {
        high = middle;
        best = std::move(shorter);
      } else {
        low = middle + 1;
        best.reset();
      }
    }
    if (!best) {
      all.messages = tail_of(messages, high);
      ENGINE_TRY(shortest, render_and_encode(model, all, chat));
      best = std::move(shortest);
    }
    prompt = std::move(*best);
    prompt.note = fmt::format(", {} of {} messages left out",
                              messages.size() - tail_of(messages, high).size(), messages.size());
  }
  ENGINE_TRY_STATUS(fit_tokens(model, limits, prompt));
  return prompt;
}

Result<Prompt> completion_prompt(const Model& model, const std::string& prefix,
                                 const ChatInput& input, const PromptLimits& limits,
                                 const ChatTemplate* chat) {
  if (prefix.empty()) {
    ENGINE_TRY(prompt, render_and_encode(model, with_tokens(model, input), chat));
    ENGINE_TRY_STATUS(fit_tokens(model, limits, prompt));
    return std::move(prompt);
  }
  ENGINE_TRY(tokenizer, tokenizer_of(model));
  ENGINE_TRY(rendered, render_chat(model, input, chat));
  Prompt prompt;
  RenderedChat joined;
  const std::string_view added = tokenizer->without_added_tokens(rendered.text);
  joined.text = prefix + std::string(added);
  const size_t left = static_cast<size_t>(added.data() - rendered.text.data());  // bytes left out
  for (const RenderedChat::Range& r : rendered.input)
    if (r.begin >= left)
      joined.input.push_back({r.begin - left + prefix.size(), r.end - left + prefix.size()});
  describe_answer(chosen(model, chat), prompt);
  prompt.starts_thinking = opens_thinking(rendered.text, prompt.tags.open);
  ENGINE_TRY_STATUS(encode_rendered(*tokenizer, joined, prompt.tokens));
  prompt.text = std::move(joined.text);
  ENGINE_TRY_STATUS(fit_tokens(model, limits, prompt));
  return prompt;
}

Result<Prompt> raw_prompt(const Model& model, const std::string& text, const PromptLimits& limits) {
  ENGINE_TRY(tokenizer, tokenizer_of(model));
  Prompt prompt;
  prompt.text = text;
  ENGINE_TRY_STATUS(
      tokenizer->encode(text, {.add_special = true, .parse_special = true}, prompt.tokens));
  ENGINE_TRY_STATUS(fit_tokens(model, limits, prompt));
  return prompt;
}

}  // namespace engine
