// LoRA adapters: a file with pairs of small matrices, which are added to the products with the
// weights of a base model while it runs: y = W x + scale * B (A x). Nothing is merged, so quantized
// weights stay as they are.
//
// File: general.type "adapter", adapter.type "lora", general.architecture of the base,
// adapter.lora.alpha; of each adapted weight NAME (as in the base, with its ".weight")
//   NAME.lora_a  [in, rank]   NAME.lora_b  [rank, out]    and a third axis for experts
//   token_embd.weight.lora_a [rank, vocabulary], .lora_b [rank, embedding]: the row of token t gets
//   scale * B A[t]
#pragma once

#include <string_view>

#include "engine/core/result.h"
#include "engine/model/weights.h"
#include "gguf/reader.h"

namespace engine {

// Checks the adapter against the base, of architecture `arch`, and adds its pairs to what is there;
// base points into the mapping of the adapter from then on. scale: of the user, multiplied with
// alpha / rank (with 1 if the file has no alpha); 0: the adapter is checked and left out.
// Errors name the file and the tensor: corrupt, unsupported, invalid_argument (of another model).
Status add_adapter(const gguf::File& adapter, std::string_view arch, float scale, WeightFile& base);

}  // namespace engine
