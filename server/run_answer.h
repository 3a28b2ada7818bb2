// What /api/generate and /api/chat have in common: fields, checks,
// loading the model, and starting the answer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "engine/core/options.h"
#include "engine/run/prompt.h"
#include "server/answer.h"
#include "server/app.h"
#include "server/json_fields.h"
#include "server/messages.h"
#include "server/model_ref.h"
#include "server/reply.h"

namespace engine {

// The fields that both endpoints read before they look for the model.
struct AnswerFields {
  std::string model;
  bool stream = true, debug_render = false, logprobs = false;
  ThinkChoice think;
  std::optional<std::chrono::nanoseconds> keep_alive;
  PromptLimits limits;
  const Json* options = nullptr;  // into the request
};
Result<AnswerFields> read_answer_fields(const JsonFields& fields);
// `format` and `logprobs` where they ask for what this server does not do:
// said clearly rather than ignored.
Status check_output_fields(const JsonFields& fields, const AnswerFields& answer);
// Capability checks of `think`; fills in the default of the model.
Status resolve_think(const FoundModel& model, AnswerFields& answer);

// The built-in defaults, the parameters of the model and the options
// of the request, each on top of the other.
Result<Options> merged_options(const ModelRecord& record, const Json* options);

struct AnswerJob {
  FoundModel model;
  Options options;
  std::optional<std::chrono::nanoseconds> keep_alive;
  AnswerInfo info;
  bool load_only = false, debug_render = false, shift = true;
  std::function<Result<Prompt>(const Model&)> prompt;  // runs on a worker once the model is there
};

// Loads the model if need be and answers through reply; returns at once.
void run_answer(App& app, std::shared_ptr<Reply> reply, AnswerJob job);

}  // namespace engine
