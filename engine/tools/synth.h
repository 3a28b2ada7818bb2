// Models of published shapes with random weights, made in memory: a machine
// without model files can be measured.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/run/model.h"

namespace engine {

// Names of the shapes: the files of bench/shapes, built in.
std::vector<std::string> synth_shapes();

// spec: "SHAPE:TYPE", like "llama-3.1-8b:Q4_K_M"; the weights get the types that the quantizer
// would pick for TYPE. Errc::invalid_argument: an unknown shape or type, with the known ones.
Result<std::unique_ptr<Model>> load_synth(std::string_view spec, const LoadOptions& options,
                                          ThreadPool& pool);

}  // namespace engine
