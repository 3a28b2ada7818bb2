#include "server/cli/draft_choice.h"

#include "engine/store/model_store.h"
#include "server/cli/flags.h"

namespace engine::cli {

Result<DraftChoice> draft_choice(const Args& args) {
  DraftChoice choice;
  choice.required = args.has("--draft-model");
  const std::string model = args.text("--draft-model", env(Env::ENGINE_DRAFT_MODEL));
  if (model.empty()) return choice;
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(located, locate_model(store, model));
  choice.path = located.path;
  return choice;
}

}  // namespace engine::cli
