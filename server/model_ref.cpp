// Names of hosted models get 403: no code of Errc means that, so the reply is given here.
#include "server/model_ref.h"

#include <fmt/format.h>

namespace engine {

std::optional<FoundModel> find_model(App& app, Reply& reply, const std::string& raw,
                                     NotFoundText text) {
  const auto refuse = [&](const Error& e) {
    reply.fail(e);
    return std::nullopt;
  };
  const Result<ModelName> name = parse_user_name(raw);
  if (!name && name.error().code == Errc::unsupported) {
    reply.error(403, name.error().message);
    return std::nullopt;
  }
  if (!name) return refuse(name.error());
  Result<ModelRecord> record = app.store.find(*name);
  if (!record && record.error().code == Errc::not_found) {
    if (text == NotFoundText::pull)
      return refuse(
          {Errc::not_found, fmt::format("model \"{}\" not found, try pulling it first", raw)});
    const std::string shown = text == NotFoundText::as_sent ? raw : name->short_form();
    return refuse({Errc::not_found, fmt::format("model '{}' not found", shown)});
  }
  if (!record) return refuse(record.error());
  if (app.choice.is(*record)) app.choice.apply(*record);
  Result<KnownModel> known = app.cards.get(*record);
  if (!known) {
    Error e = known.error();
    // The name is known: whatever is wrong with its file is no fault of the request.
    return refuse(
        {Errc::corrupt, e.message + ": this model may be incompatible with this version"});
  }
  return FoundModel{std::move(*record), std::move(known->card), std::move(known->chat)};
}

Result<std::string> named_or_loaded(const App& app, const std::string& name) {
  if (const std::string chosen = model_or_chosen(app, name); !chosen.empty()) return chosen;
  const std::vector<PoolEntry> loaded = app.pool.list();
  if (loaded.size() == 1) return loaded.front().name;
  return Error{Errc::invalid_argument,
               fmt::format("\"model\" is required: {} models are loaded", loaded.size())};
}

Status require_capability(const FoundModel& model, const std::string& capability) {
  if (model.card->can(capability)) return ok;
  return Error{Errc::invalid_argument,
               fmt::format("{} does not support {}", model.record.name.full(), capability)};
}

}  // namespace engine
