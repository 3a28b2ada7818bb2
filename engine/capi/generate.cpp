// Answers and logits.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "engine/capi/border.h"
#include "engine/capi/handle.h"
#include "engine/capi/messages.h"
#include "engine/core/options.h"
#include "engine/run/constrain.h"
#include "engine/run/dry_breakers.h"
#include "engine/run/logits.h"
#include "engine/run/prompt.h"

namespace engine::capi {
namespace {

static_assert(static_cast<int>(DoneReason::stop) == ENGINE_REASON_STOP &&
              static_cast<int>(DoneReason::length) == ENGINE_REASON_LENGTH &&
              static_cast<int>(DoneReason::cancelled) == ENGINE_REASON_CANCELLED);

#define OPTION(name, ...) static_assert(sizeof(engine_generate_options::name) > 0);
#include "engine/core/sampling_options.inc"
#undef OPTION

// f(name, member, its line of engine/core/options.inc), for all numbers that have one.
template <class O, class F>
void for_each_number(O& o, Options& core, F&& f) {
#define OPTION(name, type, ...)       \
  if constexpr (requires { o.name; }) \
    if constexpr (std::is_arithmetic_v<OptionTypes::type>) f(#name, o.name, core.name);
#include "engine/core/options.inc"
}

engine_generate_options default_generate_options() {
  Options defaults;
  engine_generate_options o = {};
  o.size = sizeof o;
  for_each_number(o, defaults, [](const char*, auto& ours, auto& core) { ours = core; });
  return o;
}

Result<std::vector<std::string>> read_texts(std::string_view name, const char* const* texts,
                                            size_t n) {
  if (texts == nullptr && n > 0) return invalid_argument(fmt::format("{} is null", name));
  std::vector<std::string> out;
  for (size_t i = 0; i < n; ++i) {
    if (texts[i] == nullptr) return invalid_argument(fmt::format("{}[{}] is null", name, i));
    out.emplace_back(texts[i]);
  }
  return out;
}

// Through JSON: the limits and the messages are then those of every other way in.
Result<Options> read_options(const engine_generate_options* given) {
  engine_generate_options o = default_generate_options();
  ENGINE_TRY_STATUS(read(given, o));
  Options out;
  Json values;
  for_each_number(o, out, [&](const char* name, auto& ours, auto&) { values[name] = ours; });
  ENGINE_TRY_STATUS(apply_options(values, out));
  ENGINE_TRY(stop, read_texts("stop", o.stop, o.n_stop));
  out.stop = std::move(stop);
  if (o.dry_sequence_breakers != nullptr || o.n_dry_sequence_breakers > 0) {
    ENGINE_TRY(breakers, read_texts("dry_sequence_breakers", o.dry_sequence_breakers,
                                    o.n_dry_sequence_breakers));
    out.dry_sequence_breakers = std::move(breakers);
  }
  ENGINE_TRY_STATUS(check_options(out));
  return out;
}

Result<OutputFormat> read_format(const engine_generate_options* given) {
  engine_generate_options o = default_generate_options();
  ENGINE_TRY_STATUS(read(given, o));
  OutputFormat out;
  if (o.grammar != nullptr && o.json_schema != nullptr)
    return invalid_argument("grammar and json_schema cannot be used together");
  if (o.grammar != nullptr) out.gbnf = o.grammar;
  if (o.json_schema == nullptr) return out;
  auto schema = parse_json(o.json_schema);
  if (!schema) return invalid_argument(fmt::format("json_schema: {}", schema.error().message));
  return schema_format(*schema);
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
    if (model == nullptr) return invalid_argument("model is null");
    if (stats != nullptr) ENGINE_TRY_STATUS(check_size(stats->size, "stats"));
    ENGINE_TRY(chosen, read_options(options));
    ENGINE_TRY(format, read_format(options));
    ENGINE_TRY(prompt, make_prompt(model->model()));
    if (prompt.tokens.empty()) return invalid_argument("the prompt has no tokens");
    Request request;
    request.prompt = std::move(prompt.tokens);
    request.sampling = sampler_params(chosen, model->model().info().n_ctx);
    ENGINE_TRY_STATUS(add_dry_breakers(model->model(), chosen, request.sampling));
    if (format.constrains()) {
      ENGINE_TRY(constraint, make_constraint(model->model(), format, {}));
      request.constraint = std::move(constraint);
    }
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
    if (options == nullptr) return invalid_argument("options is null");
    ENGINE_TRY_STATUS(check_size(size, "options"));
    fill(options, size, default_generate_options());
    return ok;
  });
}

engine_status engine_generate(engine_model* model, const char* prompt,
                              const engine_generate_options* options, engine_text_callback on_text,
                              void* user, engine_generate_stats* stats) {
  return answer(model, options, {on_text, user}, stats, [&](const Model& m) -> Result<Prompt> {
    if (prompt == nullptr) return invalid_argument("prompt is null");
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
    if (model == nullptr) return report(invalid_argument("model is null"));
    if (tokens == nullptr) return report(invalid_argument("tokens is null"));
    if (logits == nullptr) return report(invalid_argument("logits is null"));
    const size_t n_ctx = static_cast<size_t>(model->model().info().n_ctx);
    const size_t n_vocab = static_cast<size_t>(model->model().info().n_vocab);
    if (n_tokens > n_ctx)
      return report(invalid_argument(
          fmt::format("{} tokens do not fit into a context of {}", n_tokens, n_ctx)));
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
