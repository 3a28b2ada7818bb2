// The sequence breakers of DRY: texts, as tokens of a vocabulary.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/core/options.h"
#include "engine/run/model.h"
#include "engine/sample/sampler.h"
#include "engine/text/tokenizer.h"

namespace engine {

// Every token that holds one of the texts, and every one that ends with the beginning of one,
// with the tokens of the rest. Goes through the whole vocabulary.
Result<std::vector<DryBreaker>> dry_breakers(const Tokenizer& tokenizer,
                                             std::span<const std::string> texts);

// Adds them to params where DRY is on and the model has a vocabulary.
Status add_dry_breakers(const Model& model, const Options& options, SamplerParams& params);

}  // namespace engine
