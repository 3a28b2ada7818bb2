// Making a model of the store: layers of an existing model and of uploaded files, texts and
// parameters on top, a config and a manifest. Nothing of the store changes but for new blobs until
// the manifest is written.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/result.h"
#include "engine/store/model_meta.h"
#include "engine/store/model_store.h"
#include "engine/store/transfer_status.h"

namespace engine {

struct NamedBlob {
  std::string name;    // of the file, relative, with slashes
  std::string digest;  // of a blob of the store
};

// Empty texts and lists: not given.
struct CreateRequest {
  ModelName name;
  std::string from;  // an existing model, as the user calls it
  std::vector<NamedBlob> files, adapters, drafts;
  std::string quantize, draft_quantize;  // "q4_K_M", any case
  std::string template_text, system, renderer, parser, requires_version;
  std::vector<std::string> licenses;  // added to those of the base
  Json parameters;                    // object or null: over those of the base, key by key
  Json messages;                      // list or null: in the place of those of the base
  ModelMeta meta;                     // over that of the base
};

struct CreateEvents {
  OnTransferStatus status;  // on the thread that creates; may be empty
  std::stop_token cancel;   // looked at now and then: Errc::cancelled
};

// What other parts of the engine do for create. An empty member means that it cannot be done here;
// a request that needs it gets an error that says so.
struct CreateTools {
  using Progress = std::function<bool(int64_t done, int64_t total)>;  // bytes; false: stop
  // Fetches a model into the store. Errc::not_found: the registry has none of this name.
  std::function<Status(const ModelName& name, const CreateEvents& events)> pull;
  // type: a name of gguf/file_types.inc. out does not exist before.
  std::function<Status(const std::string& in, const std::string& out, const std::string& type,
                       const Progress& progress)>
      quantize;
  // A folder of safetensors and JSON files becomes a GGUF file.
  std::function<Status(const std::string& folder, const std::string& out, const Progress& progress)>
      convert_model;
  // The same for an adapter; base: the GGUF file of the model that it adapts.
  std::function<Status(const std::string& folder, const std::string& base, const std::string& out,
                       const Progress& progress)>
      convert_adapter;
};

// Errors of kind invalid_argument for what the request asks for; not_found for a base that is
// nowhere. The last status is "success".
Result<ModelRecord> create_model(const ModelStore& store, const CreateRequest& request,
                                 const CreateTools& tools, const CreateEvents& events);

// The name that the registry knows a model by, when it is another one (aliases.inc).
std::optional<ModelName> find_alias(const ModelName& name);

// "Q4_K_M" for "q4_k": as gguf/file_types.inc spells it. nullopt: no type.
std::optional<std::string> find_quantization(const std::string& text);

}  // namespace engine
