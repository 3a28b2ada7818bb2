// Requests of /completion and /infill: everything but the prompt.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/options.h"
#include "engine/core/result.h"
#include "engine/run/constrain.h"
#include "engine/run/model.h"
#include "engine/run/request.h"
#include "server/json_fields.h"

namespace engine::llamacpp {

struct Bias {
  std::string text;  // every token of it; "": the token
  Token token = -1;
  float value = 0;  // -infinity: never
};

struct CompletionRequest {
  std::string model;  // "": the loaded one
  std::vector<Bias> bias;
  bool stream = false, ignore_eos = false, return_tokens = false;
  int n_probs = 0;                           // alternatives per token; 0: no probabilities
  std::vector<std::string> response_fields;  // of the last object; none: all
};
// What the engine cannot do is ignored when it is off by default, such as adaptive_target.
// Errc::invalid_argument: a wrong type, a number out of range.
Result<CompletionRequest> read_completion(const JsonFields& fields);
// The options under the names that native requests have.
Result<Json> read_options(const JsonFields& fields);
// What json_schema and the option grammar ask for.
Result<OutputFormat> read_format(const JsonFields& fields, const Options& options);

// What of a request needs the model: texts of biases, tokens that end the text.
Status adjust(const Model& model, const CompletionRequest& asked, Request& request);

}  // namespace engine::llamacpp
