// What create needs of the rest of the engine: pulling, quantizing, converting.
#pragma once

#include "engine/store/create.h"
#include "server/app.h"

namespace engine {

// app outlives what it gives.
CreateTools create_tools(App& app);

}  // namespace engine
