// JSON schemas as grammars: the texts that match, with the keys of objects in the order of their
// `properties`.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/core/json_io.h"
#include "engine/grammar/grammar.h"

namespace engine::grammar {

// What a schema says is kept to, or refused: nothing that constrains values is skipped. Ignored are
// annotations, formats beyond formats.inc, and that only one of `oneOf` may match.
// Errc::invalid_argument: "JSON schema error at $.items: ..." for what is no schema,
// "JSON schema conversion failed:\n..." for what no grammar is made of.
Result<Grammar> schema_grammar(const Json& schema);

}  // namespace engine::grammar
