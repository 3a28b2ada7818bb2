// What every endpoint that answers with vectors has in common: loading the model and computing.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/options.h"
#include "engine/run/embed.h"
#include "server/app.h"
#include "server/http/http.h"
#include "server/json_fields.h"
#include "server/model_ref.h"
#include "server/reply.h"

namespace engine {

// A string, or a list of strings; absent: empty.
// Errc::invalid_argument: "invalid input type".
Result<std::vector<std::string>> read_texts(const JsonFields& fields, std::string_view key);

// Runs on a worker once the model is there.
using MakeTokens = std::function<Result<std::vector<std::vector<Token>>>(const Model&)>;
// Empty when there are no texts.
MakeTokens tokens_of(std::vector<std::string> texts, bool truncate);

struct EmbedAnswer {
  EmbedResult result;
  std::chrono::nanoseconds load{};  // from arrival until the model was available
};

struct EmbedJob {
  FoundModel model;
  Options options;
  std::optional<std::chrono::nanoseconds> keep_alive;
  std::chrono::steady_clock::time_point arrival{};
  MakeTokens tokens;  // of what is to be computed; empty: the model is loaded, and that is all
  EmbedOptions embed;
  bool ranks = false;     // the scores of a classifier are wanted instead of vectors
  bool old_form = false;  // the vectors of some models are not normalized, see keeps_raw_vectors()
  // Gives the reply, on a worker; the model is no longer in use then. Not called for a model that
  // cannot be loaded: that reply is the same everywhere.
  std::function<void(Reply&, Result<EmbedAnswer>)> answer;
};

// "dimensions", of the endpoints that cut vectors.
Status read_dimensions(const JsonFields& fields, EmbedJob& job);
// What all endpoints read alike, "options" and "keep_alive", and the model of this name.
// false: the name led nowhere, and the reply has been given.
Result<bool> read_embed_job(App& app, const HttpRequest& request, const JsonFields& fields,
                            const std::string& name, NotFoundText text, Reply& reply,
                            EmbedJob& job);

// Loads the model if need be and answers through job.answer; returns at once.
// Errc::unsupported: a model that is not for embeddings.
Status run_embed(App& app, std::shared_ptr<Reply> reply, EmbedJob job);

}  // namespace engine
