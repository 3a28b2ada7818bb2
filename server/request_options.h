// The `options` of a request on top of the parameters of the model.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/sample/sampler.h"

namespace engine {

struct RequestOptions {
  SamplerParams sampling;
  std::vector<std::string> stop;
  int num_predict = -1;           // negative: no limit
  int num_keep = 4;               // negative: the whole prompt
  std::optional<int> num_ctx, num_batch, num_thread;  // set: a loaded model that differs is reloaded
};

// params: JSON object of the model, "" for none; options: of the request, nullptr for none. Unknown keys are ignored with a warning.
// Errc::invalid_argument: `option "top_k" must be of type integer`.
Result<RequestOptions> read_options(const std::string& params, const Json* options);

// The sampling of a request for a context of this size: a window of -1 means the whole context.
SamplerParams sampling_for(const RequestOptions& options, int n_ctx);

}  // namespace engine
