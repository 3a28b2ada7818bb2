// The texts become tokens on a worker; the model thread computes them step by step.
#include "server/run_embed.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "server/duration.h"
#include "server/run_answer.h"
#include "server/use_model.h"

namespace engine {
namespace {

struct Running {
  EmbedJob job;
  std::shared_ptr<Reply> reply;
  std::shared_ptr<ModelUse> use;
  EmbedAnswer done;
  std::optional<Embedding> work;
  std::atomic<bool> cancelled = false;
};

void finish(Running& r, Result<EmbedAnswer> result) {
  r.use->release();  // before the reply: what the client asks next finds the model idle
  r.job.answer(*r.reply, std::move(result));
}

Result<std::vector<std::vector<Token>>> all_tokens(const Model& model, const EmbedJob& job) {
  ENGINE_TRY_STATUS(job.ranks ? check_can_rank(model) : check_can_embed(model));
  if (!job.ranks && model.info().pooling == Pooling::rank)
    return Error{Errc::unsupported,
                 "this model does not support embeddings: it ranks documents, see /rerank"};
  return job.tokens(model);
}

// On a worker, with the model there.
void start(Runtime& runtime, const std::shared_ptr<Running>& r) {
  const Model& model = r->use->model();
  r->done.load = std::chrono::steady_clock::now() - r->job.arrival;
  if (!r->job.tokens) return finish(*r, std::move(r->done));
  auto tokens = all_tokens(model, r->job);
  if (!tokens) return finish(*r, std::move(tokens.error()));
  EmbedOptions options = r->job.embed;
  if (r->job.old_form && keeps_raw_vectors(model)) options.normalize = false;
  r->work.emplace(std::move(*tokens), options);
  r->reply->on_disconnect([r = std::weak_ptr(r)] {
    if (const auto running = r.lock()) running->cancelled = true;
  });
  r->use->scheduler().post([&runtime, r](Model& m) {
    if (r->cancelled) {
      r->work->abandon(m);
      r->use->release();
      return false;
    }
    Result<bool> more = r->work->step(m);
    if (more && *more) return true;
    r->done.result = r->work->take();
    runtime.post_work([r, error = more ? std::optional<Error>() : more.error()] {
      finish(*r, error ? Result<EmbedAnswer>(*error) : Result<EmbedAnswer>(std::move(r->done)));
    });
    return false;
  });
}

}  // namespace

Result<std::vector<std::string>> read_texts(const JsonFields& fields, std::string_view key) {
  std::vector<std::string> out;
  const Json* value = fields.get(key);
  if (value == nullptr) return out;
  const Error wrong{Errc::invalid_argument, "invalid input type"};
  if (value->is_string()) {
    out.push_back(value->get<std::string>());
  } else if (value->is_array()) {
    for (const Json& text : *value) {
      if (!text.is_string()) return wrong;
      out.push_back(text.get<std::string>());
    }
  } else {
    return wrong;
  }
  return out;
}

MakeTokens tokens_of(std::vector<std::string> texts, bool truncate) {
  if (texts.empty()) return {};
  return [texts = std::move(texts),
          truncate](const Model& model) -> Result<std::vector<std::vector<Token>>> {
    std::vector<std::vector<Token>> out;
    for (const std::string& text : texts) {
      ENGINE_TRY(tokens, embedding_tokens(model, text, truncate));
      out.push_back(std::move(tokens));
    }
    return out;
  };
}

Status read_dimensions(const JsonFields& fields, EmbedJob& job) {
  ENGINE_TRY(dimensions, fields.integer("dimensions", 0));
  job.embed.dimensions = static_cast<int>(std::clamp<int64_t>(dimensions, 0, INT32_MAX));
  return ok;
}

Result<bool> read_embed_job(App& app, const HttpRequest& request, const JsonFields& fields,
                            const std::string& name, NotFoundText text, Reply& reply,
                            EmbedJob& job) {
  ENGINE_TRY(options, fields.object("options"));
  ENGINE_TRY(keep_alive, parse_keep_alive(fields.get("keep_alive")));
  std::optional<FoundModel> found = find_model(app, reply, name, text);
  if (!found) return false;
  ENGINE_TRY(merged, merged_options(found->record, options));
  job.model = std::move(*found);
  job.options = std::move(merged);
  job.keep_alive = keep_alive;
  job.arrival = request.arrival;
  return true;
}

Status run_embed(App& app, std::shared_ptr<Reply> reply, EmbedJob job) {
  if (job.tokens && !job.model.card->can("embedding"))
    return Error{Errc::unsupported, job.ranks ? "this model does not support reranking"
                                              : "this model does not support embeddings"};
  auto running = std::make_shared<Running>();
  running->job = std::move(job);
  running->reply = reply;
  use_model(
      app, reply, running->job.model.record, running->job.options, running->job.keep_alive,
      [&runtime = app.runtime, running](std::shared_ptr<ModelUse> use) {
        running->use = std::move(use);
        start(runtime, running);
      },
      running->job.model.card->can("embedding") ? Draft::none : Draft::as_configured);
  return ok;
}

}  // namespace engine
