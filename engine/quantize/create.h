// Quantization as part of `create` (a Modelfile's model with --quantize): fewer choices, and exceptions per architecture.
#pragma once

#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/quantize/quantize.h"

namespace engine::quant {

struct CreatePlan {
  const MixInfo* mix = nullptr;
  QuantizeOptions options;     // for quantize_file
  std::string status;          // "quantizing F16 model to Q4_K_M"
  bool nothing_to_do = false;  // the model has this type
};

// path: the model, maybe the first of several parts. type: in any case, Q4_K is Q4_K_M.
// Errc::invalid_argument: "unsupported quantization type ...", or a source that is quantized.
Result<CreatePlan> plan_for_create(const std::string& path, std::string_view type);

}  // namespace engine::quant
