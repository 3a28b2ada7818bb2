// Answers and logits.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "engine/capi/border.h"
#include "engine/capi/handle.h"
#include "engine/capi/messages.h"
#include "engine/core/options.h"
#include "engine/run/logits.h"
#include "engine/run/prompt.h"

namespace engine::capi {
namespace {

static_assert(static_cast<int>(DoneReason::stop) == ENGINE_REASON_STOP &&
              static_cast<int>(DoneReason::length) == ENGINE_REASON_LENGTH &&
              static_cast<int>(DoneReason::cancelled) == ENGINE_REASON_CANCELLED);

// f(name, member, its line of engine/core/options.inc), for all that have one.
template <class F>
void for_each_number(engine_generate_options& o, Options& core, F&& f) {
  f("num_predict", o.num_predict, core.num_predict);
  f("temperature", o.temperature, core.temperature);
  f("top_k", o.top_k, core.top_k);
  f("top_p", o.top_p, core.top_p);
  f("min_p", o.min_p, core.min_p);
  f("typical_p", o.typical_p, core.typical_p);
  f("repeat_penalty", o.repeat_penalty, core.repeat_penalty);
  f("presence_penalty", o.presence_penalty, core.presence_penalty);
  f("frequency_penalty", o.frequency_penalty, core.frequency_penalty);
  f("repeat_last_n", o.repeat_last_n, core.repeat_last_n);
  f("seed", o.seed, core.seed);
}

engine_generate_options default_options() {
  Options defaults;
  engine_generate_options o = {};
  o.size = sizeof o;
  for_each_number(o, defaults, [](const char*, auto& ours, auto& core) { ours = core; });
  return o;
}

// Through JSON: the limits and the messages are then those of every other way in.
Result<Options> read_options(const engine_generate_options* given) {
  engine_generate_options o = default_options();
  ENGINE_TRY_STATUS(read(given, o));
  Options out;
  Json values;
  for_each_number(o, out, [&](const char* name, auto& ours, auto&) { values[name] = ours; });
  ENGINE_TRY_STATUS(apply_options(values, out));
  ENGINE_TRY_STATUS(check_options(out));
  if (o.stop == nullptr && o.n_stop > 0) return invalid("stop is null");
  for (size_t i = 0; i < o.n_stop; ++i) {
    if (o.stop[i] == nullptr) return invalid(fmt::format("stop[{}] is null", i));
    out.stop.emplace_back(o.stop[i]);
  }
  return out;
}

// Nothing is left out of a prompt, and an answer ends where the context does.
constexpr PromptLimits kWhole{.truncate = false, .shift = false};

struct Callback {
  engine_text_callback function;
  void* user;
};

engine_status answer(engine_model* model, const engine_generate_options* options, Callback on_text,
                     engine_generate_stats* stats,
                     const std::function<Result<Prompt>(const Model&)>& make_prompt) {
  return guarded([&]() -> Status {
    if (model == nullptr) return invalid("model is null");
    if (stats != nullptr) ENGINE_TRY_STATUS(check_size(stats->size, "stats"));
    ENGINE_TRY(chosen, read_options(options));
    ENGINE_TRY(prompt, make_prompt(model->model()));
    if (prompt.tokens.empty()) return invalid("the prompt has no tokens");
    Request request;
    request.prompt = std::move(prompt.tokens);
    request.sampling = sampler_params(chosen, model->model().info().n_ctx);
    request.stop = std::move(chosen.stop);
    request.max_tokens = std::max(-1, chosen.num_predict);
    request.shift = false;
    GenerateStats done;
    ENGINE_TRY_STATUS(model->answer(std::move(request), on_text.function, on_text.user, done));
    if (stats == nullptr) return ok;
    engine_generate_stats out = {};
    out.reason = static_cast<int32_t>(done.reason);
    out.prompt_tokens = done.prompt_tokens;
    out.cached_tokens = done.cached_tokens;
    out.output_tokens = done.output_tokens;
    out.prompt_ns = done.prompt_ns;
    out.output_ns = done.output_ns;
    fill(stats, stats->size, out);
    return ok;
  });
}

}  // namespace
}  // namespace engine::capi

using namespace engine;
using namespace engine::capi;

extern "C" {

engine_status engine_generate_options_init(engine_generate_options* options, size_t size) {
  return guarded([&]() -> Status {
    if (options == nullptr) return invalid("options is null");
    ENGINE_TRY_STATUS(check_size(size, "options"));
    fill(options, size, default_options());
    return ok;
  });
}

engine_status engine_generate(engine_model* model, const char* prompt,
                              const engine_generate_options* options, engine_text_callback on_text,
                              void* user, engine_generate_stats* stats) {
  return answer(model, options, {on_text, user}, stats, [&](const Model& m) -> Result<Prompt> {
    if (prompt == nullptr) return invalid("prompt is null");
    return raw_prompt(m, prompt, kWhole);
  });
}

engine_status engine_chat(engine_model* model, const engine_message* messages, size_t n_messages,
                          const engine_generate_options* options, engine_text_callback on_text,
                          void* user, engine_generate_stats* stats) {
  return answer(model, options, {on_text, user}, stats, [&](const Model& m) -> Result<Prompt> {
    ChatInput input;
    ENGINE_TRY(list, read_messages(messages, n_messages));
    input.messages = std::move(list);
    return chat_prompt(m, input, kWhole);
  });
}

engine_status engine_logits(engine_model* model, const engine_token* tokens, size_t n_tokens,
                            float* logits, size_t capacity) {
  return guarded([&]() -> engine_status {
    if (model == nullptr) return report(invalid("model is null"));
    if (tokens == nullptr) return report(invalid("tokens is null"));
    if (logits == nullptr) return report(invalid("logits is null"));
    const size_t n_ctx = static_cast<size_t>(model->model().info().n_ctx);
    const size_t n_vocab = static_cast<size_t>(model->model().info().n_vocab);
    if (n_tokens > n_ctx)
      return report(
          invalid(fmt::format("{} tokens do not fit into a context of {}", n_tokens, n_ctx)));
    if (capacity < n_tokens * n_vocab)
      return report(ENGINE_BUFFER_TOO_SMALL,
                    fmt::format("logits of {} tokens are {} floats, the buffer holds {}", n_tokens,
                                n_tokens * n_vocab, capacity));
    const Status status = model->between_steps([&](Model& m) {
      const auto row = [&](int index, std::span<float> from) -> Status {
        std::copy(from.begin(), from.end(), logits + static_cast<size_t>(index) * n_vocab);
        return ok;
      };
      return compute_logits(m, {tokens, n_tokens}, 0, 0, row);
    });
    return status ? ENGINE_OK : report(status.error());
  });
}

}  // extern "C"
