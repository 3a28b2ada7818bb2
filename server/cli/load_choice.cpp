#include "server/cli/load_choice.h"

#include "engine/store/model_store.h"

namespace engine::cli {

Result<LoadChoice> load_choice(const Args& args) {
  LoadChoice choice;
  choice.map = !args.has("--no-mmap"), choice.repack = !args.has("--no-repack");
  choice.lock = args.has("--mlock");
  choice.draft_required = args.has("--draft-model");
  const std::string model = args.text("--draft-model", env(Env::ENGINE_DRAFT_MODEL));
  if (model.empty()) return choice;
  ENGINE_TRY(store, ModelStore::open_default());
  ENGINE_TRY(located, locate_model(store, model));
  choice.draft = located.path;
  return choice;
}

void LoadChoice::apply(LoadOptions& options) const {
  options.map = map, options.repack = repack, options.lock = lock;
}

}  // namespace engine::cli
