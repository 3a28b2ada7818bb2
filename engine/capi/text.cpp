// Tokens, texts, chat templates.
#include <fmt/format.h>

#include "engine/capi/border.h"
#include "engine/capi/handle.h"
#include "engine/capi/messages.h"
#include "engine/run/prompt.h"
#include "engine/text/tokenizer.h"

namespace engine::capi {
namespace {

Result<const Tokenizer*> tokenizer_of(const engine_model* model) {
  if (model == nullptr) return invalid_argument("model is null");
  if (const Tokenizer* t = model->model().tokenizer()) return t;
  return Error{Errc::unsupported, "this model has no tokenizer"};
}

Status check_flags(uint32_t flags, uint32_t known) {
  if ((flags & ~known) == 0) return ok;
  return invalid_argument(fmt::format("unknown flags: {:#x}", flags & ~known));
}

}  // namespace

}  // namespace engine::capi

using namespace engine;
using namespace engine::capi;

extern "C" {

engine_status engine_tokenize(const engine_model* model, const char* text, size_t n_bytes,
                              uint32_t flags, engine_token* tokens, size_t capacity,
                              size_t* n_tokens) {
  return guarded([&]() -> engine_status {
    std::vector<Token> out;
    const auto encode = [&]() -> Status {
      ENGINE_TRY(tokenizer, tokenizer_of(model));
      if (text == nullptr && n_bytes > 0) return invalid_argument("text is null");
      if (tokens == nullptr && n_tokens == nullptr)
        return invalid_argument("tokens and n_tokens are null");
      ENGINE_TRY_STATUS(check_flags(flags, ENGINE_ADD_SPECIAL | ENGINE_PARSE_SPECIAL));
      return tokenizer->encode({text, n_bytes},
                               {.add_special = (flags & ENGINE_ADD_SPECIAL) != 0,
                                .parse_special = (flags & ENGINE_PARSE_SPECIAL) != 0},
                               out);
    };
    if (const Status status = encode(); !status) return report(status.error());
    return copy_out(out.data(), out.size(), 0, tokens, capacity, n_tokens);
  });
}

engine_status engine_detokenize(const engine_model* model, const engine_token* tokens,
                                size_t n_tokens, uint32_t flags, char* text, size_t capacity,
                                size_t* n_bytes) {
  return guarded([&]() -> engine_status {
    std::string out;
    const auto decode = [&]() -> Status {
      ENGINE_TRY(tokenizer, tokenizer_of(model));
      if (tokens == nullptr && n_tokens > 0) return invalid_argument("tokens is null");
      if (text == nullptr && n_bytes == nullptr)
        return invalid_argument("text and n_bytes are null");
      ENGINE_TRY_STATUS(check_flags(flags, ENGINE_REMOVE_SPECIAL | ENGINE_SHOW_SPECIAL));
      for (size_t i = 0; i < n_tokens; ++i)
        if (tokens[i] < 0 || tokens[i] >= model->model().info().n_vocab)
          return invalid_argument(fmt::format("token {} is outside the vocabulary of {}", tokens[i],
                                              model->model().info().n_vocab));
      out = tokenizer->detokenize({tokens, n_tokens},
                                  {.remove_special = (flags & ENGINE_REMOVE_SPECIAL) != 0,
                                   .unparse_special = (flags & ENGINE_SHOW_SPECIAL) != 0});
      return ok;
    };
    if (const Status status = decode(); !status) return report(status.error());
    return copy_out(out.data(), out.size(), 1, text, capacity, n_bytes);
  });
}

engine_status engine_render_chat(const engine_model* model, const engine_message* messages,
                                 size_t n_messages, int add_generation_prompt, char* text,
                                 size_t capacity, size_t* n_bytes) {
  return guarded([&]() -> engine_status {
    std::string out;
    const auto render = [&]() -> Status {
      if (model == nullptr) return invalid_argument("model is null");
      if (text == nullptr && n_bytes == nullptr)
        return invalid_argument("text and n_bytes are null");
      ChatInput input;
      ENGINE_TRY(list, read_messages(messages, n_messages));
      input.messages = std::move(list);
      input.add_generation_prompt = add_generation_prompt != 0;
      ENGINE_TRY(chat, render_chat(model->model(), input));
      out = std::move(chat.text);
      return ok;
    };
    if (const Status status = render(); !status) return report(status.error());
    return copy_out(out.data(), out.size(), 1, text, capacity, n_bytes);
  });
}

}  // extern "C"
