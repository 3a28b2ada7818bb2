// ModelCard: what clients ask about a model before they use it, out of the GGUF file of a record;
// and the long answers of `show`, metadata and tensors as JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/store/model_store.h"

namespace engine {

struct ModelCard {
  std::string architecture, chat_template;  // chat_template: of the file, "" for none
  std::vector<std::string> capabilities;
  int64_t context_length = 0, embedding_length = 0;  // as trained; 0: the file does not say

  bool can(std::string_view capability) const;
};

// Decides which template renders the chats of a model that has a Go template, given the chat
// template of the file ("": none): what the Go template can do if it does; nullopt: the file's.
using TemplateChoice = std::function<std::optional<std::vector<std::string>>(const std::string&)>;

// Without a choice the chat template of the file is the one in use.
Result<ModelCard> read_model_card(const ModelRecord& record, const TemplateChoice& choice = {});

// All metadata by key, without general.name and the chat template, with general.parameter_count.
// Arrays that are not empty are null unless verbose.
Result<Json> metadata_json(const ModelRecord& record, bool verbose);
// The same of the first projector file; null without one.
Result<Json> projector_json(const ModelRecord& record, bool verbose);
// [{"name", "type", "shape"}], shapes as in the file.
Result<Json> tensors_json(const ModelRecord& record);

}  // namespace engine
