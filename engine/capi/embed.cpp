// Vectors of texts.
#include "engine/run/embed.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "engine/capi/border.h"
#include "engine/capi/handle.h"
#include "engine/core/check.h"

namespace engine::capi {
namespace {

Result<std::vector<std::vector<Token>>> read_texts(const Model& model, const char* const* texts,
                                                   size_t n, bool truncate) {
  std::vector<std::vector<Token>> out;
  for (size_t i = 0; i < n; ++i) {
    if (texts[i] == nullptr) return invalid_argument(fmt::format("texts[{}] is null", i));
    auto tokens = embedding_tokens(model, texts[i], truncate);
    if (!tokens)
      return Error{tokens.error().code, fmt::format("texts[{}]: {}", i, tokens.error().message)};
    out.push_back(std::move(*tokens));
  }
  return out;
}

// Other calls have their turn between the steps.
Result<EmbedResult> embed(engine_model& model, std::vector<std::vector<Token>> inputs,
                          const EmbedOptions& options) {
  Embedding work(std::move(inputs), options);
  for (bool more = true; more;) {
    ENGINE_TRY_STATUS(model.between_steps([&](Model& m) -> Status {
      ENGINE_TRY(goes_on, work.step(m));
      more = goes_on;
      return ok;
    }));
  }
  return work.take();
}

Status check_arguments(const engine_model* model, const char* const* texts, size_t n_texts,
                       uint32_t flags) {
  if (model == nullptr) return invalid_argument("model is null");
  if (texts == nullptr && n_texts > 0) return invalid_argument("texts is null");
  if (const uint32_t unknown = flags & ~uint32_t{ENGINE_EMBED_RAW | ENGINE_EMBED_TRUNCATE})
    return invalid_argument(fmt::format("unknown flags: {:#x}", unknown));
  ENGINE_TRY_STATUS(check_can_embed(model->model()));
  if (model->model().info().pooling == Pooling::rank)
    return Error{Errc::unsupported, "this model gives no vectors: it ranks documents"};
  return ok;
}

}  // namespace
}  // namespace engine::capi

using namespace engine;
using namespace engine::capi;

extern "C" engine_status engine_embed(engine_model* model, const char* const* texts, size_t n_texts,
                                      uint32_t flags, float* vectors, size_t capacity) {
  return guarded([&]() -> engine_status {
    if (const Status s = check_arguments(model, texts, n_texts, flags); !s)
      return report(s.error());
    if (vectors == nullptr) return report(invalid_argument("vectors is null"));
    const size_t n_embd = static_cast<size_t>(model->model().info().n_embd);
    if (capacity / n_embd < n_texts)
      return report(ENGINE_BUFFER_TOO_SMALL,
                    fmt::format("vectors of {} texts are {} floats, the buffer holds {}", n_texts,
                                n_texts * n_embd, capacity));
    if (n_texts == 0) return ENGINE_OK;
    auto inputs = read_texts(model->model(), texts, n_texts, (flags & ENGINE_EMBED_TRUNCATE) != 0);
    if (!inputs) return report(inputs.error());
    EmbedOptions options;
    options.normalize = (flags & ENGINE_EMBED_RAW) == 0;
    const auto result = embed(*model, std::move(*inputs), options);
    if (!result) return report(result.error());
    for (size_t i = 0; i < n_texts; ++i) {
      ENGINE_CHECK(result->vectors[i].size() == n_embd, "a vector has the width of the model");
      std::copy(result->vectors[i].begin(), result->vectors[i].end(), vectors + i * n_embd);
    }
    return ENGINE_OK;
  });
}
