// How a verb was asked to load models: flags that several verbs share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/run/model.h"
#include "engine/store/model_store.h"
#include "server/cli/flags.h"
#include "server/model_choice.h"

namespace engine::cli {

inline constexpr Flag kDraftFlag = {"--draft-model", "M",
                                    "smaller model of the same vocabulary that proposes tokens"};
inline constexpr Flag kNoMmapFlag = {"--no-mmap", "", "read the file instead of mapping it"};
inline constexpr Flag kNoRepackFlag = {
    "--no-repack", "", "leave the weights as they lie in the file: less memory, slower"};
inline constexpr Flag kMlockFlag = {"--mlock", "", "keep the model in memory"};
inline constexpr Flag kLoraFlag = {"--lora", "FILE,..",
                                   "LoRA adapters (GGUF) to use with the model"};
inline constexpr Flag kLoraScaledFlag = {"--lora-scaled", "FILE:S,..",
                                         "the same, each with a factor for its effect"};

struct LoadChoice {
  std::string draft;            // of its GGUF file; "": none
  bool draft_required = false;  // the flag named it, so a model that it does not fit is an error
  bool map = true, repack = true, lock = false;
  int n_ctx = 0, threads = 0, max_rows = 0;  // 0: as the environment says, or the default
  int fit_n_ctx = 0;                         // as in LoadOptions
  std::optional<DType> kv_type = {};
  ModelChoice choice;  // of the flags; its path is that of the model, once it is known

  // Whether a flag says what only the process that loads can do; a running server has its own.
  bool given() const {
    return draft_required || !map || !repack || lock || n_ctx > 0 || !choice.adapters.empty();
  }
  void apply(LoadOptions& options) const;
};

// The flags, and ENGINE_DRAFT_MODEL: a name of the store or a file. Errors: there is no such model.
Result<LoadChoice> load_choice(const Args& args);

// --lora, --lora-scaled. Errors: a file that is not there, a factor that is no number.
Result<std::vector<LoraFile>> lora_flags(const Args& args);
// What is loaded with a model: the adapters that the store has for it, then those of the flags.
Result<std::vector<LoraFile>> adapters_for(const LocatedModel& model, const Args& args);

}  // namespace engine::cli
