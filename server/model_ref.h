// From the name a client sends to a model of the store,
// with the replies to names that lead nowhere.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "engine/store/model_card.h"
#include "engine/store/model_store.h"
#include "server/app.h"
#include "server/reply.h"

namespace engine {

struct FoundModel {
  ModelRecord record;
  std::shared_ptr<const ModelCard> card;
  std::shared_ptr<const ChatTemplate> chat;  // see KnownModel
};

// How a name that leads nowhere is shown; pull: with the advice to pull it.
enum class NotFoundText : uint8_t { as_sent, short_form, pull };

// nullopt: the name was refused, and the reply has been given. Requires: raw is not empty.
std::optional<FoundModel> find_model(App& app, Reply& reply, const std::string& raw,
                                     NotFoundText text);

// The name of the request, or the model that the server was started for; when there is neither, the
// one model that is loaded. An error asks for a name.
Result<std::string> named_or_loaded(const App& app, const std::string& name);

// "<full name> does not support <capability>" unless the model has it.
Status require_capability(const FoundModel& model, const std::string& capability);

}  // namespace engine
