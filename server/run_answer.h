// Questions to a model: what generate and chat have in common (fields, checks, loading the model,
// starting the answer), and the two as the endpoints of other APIs ask them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/options.h"
#include "engine/run/constrain.h"
#include "engine/run/forced_calls.h"
#include "engine/run/prompt.h"
#include "server/answer.h"
#include "server/app.h"
#include "server/json_fields.h"
#include "server/messages.h"
#include "server/model_ref.h"
#include "server/reply.h"

namespace engine {

// What is added to the logits of single tokens, by their ids.
using LogitBias = std::vector<std::pair<Token, float>>;

// The fields that both endpoints read before they look for the model.
struct AnswerFields {
  std::string model;
  bool stream = true, debug_render = false;
  int logprobs = -1;  // alternatives per token; -1: no log-probabilities
  ThinkChoice think;
  std::optional<std::chrono::nanoseconds> keep_alive;
  PromptLimits limits;
  const Json* options = nullptr;  // into the request
  LogitBias logit_bias;
};
Result<AnswerFields> read_answer_fields(const JsonFields& fields);
// What `format` and the option `grammar` ask for.
Result<OutputFormat> read_output_format(const JsonFields& fields, const Options& options);
// Capability checks of `think`; fills in the default of the model.
Status resolve_think(const FoundModel& model, AnswerFields& answer);

// The native questions, which the endpoints of all APIs come down to:
// request is a body of /api/chat or /api/generate.
Status answer_chat(App& app, const Json& request, std::chrono::steady_clock::time_point arrival,
                   AnswerForm form, const std::shared_ptr<Reply>& reply);
Status answer_generate(App& app, const Json& request, std::chrono::steady_clock::time_point arrival,
                       AnswerForm form, const std::shared_ptr<Reply>& reply);

// The built-in defaults, the parameters of the model and the options
// of the request, each on top of the other.
Result<Options> merged_options(const ModelRecord& record, const Json* options);

struct AnswerJob {
  FoundModel model;
  Options options;
  std::optional<std::chrono::nanoseconds> keep_alive;
  AnswerInfo info;
  AnswerForm form;
  OutputFormat format;
  ToolChoice choice;  // of info.tools
  int logprobs = -1;  // as AnswerFields::logprobs
  LogitBias logit_bias;
  std::optional<std::vector<LoraFile>> adapters;  // in place of those of the model
  bool load_only = false, debug_render = false, shift = true;
  std::function<Result<Prompt>(const Model&)> prompt;  // runs on a worker once the model is there
  // Likewise, last: what of the request depends on the model; empty: nothing.
  std::function<Status(const Model&, Request&)> adjust;
};

// Loads the model if need be and answers through reply; returns at once.
void run_answer(App& app, std::shared_ptr<Reply> reply, AnswerJob job);

}  // namespace engine
