// JSON as Ollama's store has it, so that the same content gives the same blob: no blanks, its
// escapes, its numbers, one newline at the end.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/core/json_io.h"

namespace engine {

enum class KeyOrder : uint8_t { as_given, sorted };  // sorted: by bytes, as the keys of maps are
// f32: the shortest text that reads back as the same 32-bit number, for values of a Modelfile.
enum class FloatWidth : uint8_t { f64, f32 };

std::string hash_json(const Json& value, KeyOrder order = KeyOrder::as_given,
                      FloatWidth floats = FloatWidth::f64);

}  // namespace engine
