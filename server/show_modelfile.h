// A model of the store as the Modelfile that would make it.
#pragma once

#include <string>

#include "engine/core/json_io.h"
#include "engine/store/model_meta.h"
#include "engine/store/model_store.h"

namespace engine {

// parameters: an object of options. system: as shown, not always that of the record.
std::string show_modelfile(const ModelRecord& record, const Json& parameters,
                           const std::string& system, const ModelMeta& meta);

}  // namespace engine
