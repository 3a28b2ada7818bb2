// What the encoders of the BERT family share.
#pragma once

#include "engine/model/metadata.h"

namespace engine {

// Sizes, norms after the residuals, attention in both directions, token types; positions and the
// feed-forward are the architecture's.
Result<Metadata> read_bert_family(const gguf::File& file, ModelSpec& spec);

}  // namespace engine
