// A model for a request: loaded if need be, on a worker when it is there.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/core/options.h"
#include "server/app.h"
#include "server/model_ref.h"
#include "server/reply.h"

namespace engine {

enum class Draft : uint8_t { as_configured, none };

// What is loaded with the weights of the model: the adapters of the store, then those of the command
// line, with the factors that clients set.
std::vector<LoraFile> adapters_of(const App& app, const ModelRecord& record);

// adapters: in place of adapters_of(). Returns at once. `then` runs on a worker; when the model cannot be had, the reply says why.
void use_model(App& app, const std::shared_ptr<Reply>& reply, const ModelRecord& record,
               const Options& options, std::optional<std::chrono::nanoseconds> keep_alive,
               std::function<void(std::shared_ptr<ModelUse>)> then,
               Draft draft = Draft::as_configured,
               const std::optional<std::vector<LoraFile>>& adapters = std::nullopt);

}  // namespace engine
