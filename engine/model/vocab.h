// The vocabulary of a GGUF file as plain data for make_tokenizer().
#pragma once

#include "engine/core/result.h"
#include "engine/text/vocab_data.h"
#include "gguf/reader.h"

namespace engine {

// Reads the tokenizer.* keys. The texts are views into the file: they are valid while `file` lives.
// Errc::corrupt: a key of the wrong type; not_found: no tokenizer.ggml.model.
Result<VocabData> read_vocab(const gguf::File& file);

}  // namespace engine
