// ModelChoice: what a command line asks for one model, beyond what the store knows of it.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/run/model.h"
#include "engine/store/model_store.h"
#include "engine/text/chat_template.h"

namespace engine {

struct App;

struct ModelChoice {
  std::string path;  // of its weights; "": no model
  // For requests of the APIs that name no model, or one that is not here; "": they fail.
  std::string name;
  std::vector<LoraFile> adapters;
  std::vector<gguf::Override> overrides;     // LoadOptions
  std::shared_ptr<const ChatTemplate> chat;  // in place of its own; null: its own
  // ---- JSON, "" for none ----
  std::string variables;  // of the template: an object; those of a request win
  // Options in front of the parameters of the model, and behind them; requests come first.
  std::string options, default_options;
  std::string think;  // of requests that do not say

  bool is(const ModelRecord& record) const { return !path.empty() && record.model_path == path; }
  // Requires: is(record).
  void apply(ModelRecord& record) const;
};

// The model for a request to `asked`: as it is, or the chosen one.
std::string model_or_chosen(const App& app, const std::string& asked);
// The same for a body with the field `model`, or without one.
void fill_in_model(const App& app, Json& body);

}  // namespace engine
