// AdapterScales: the factors that clients set for the adapters of models while the server runs.
#pragma once

#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/run/model.h"

namespace engine {

struct App;
struct ModelRecord;
class JsonFields;

// Thread-safe.
class AdapterScales {
 public:
  // scales: one per adapter of the model with this digest.
  void set(const std::string& digest, std::vector<float> scales);
  // Puts the scales of the model in place of those of the list.
  void apply(const std::string& digest, std::vector<LoraFile>& adapters) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<float>> scales_;
};

// [{"id", "scale"}] for these adapters, numbered from 0; those that are not named get 0.
// Errors name the field.
Result<std::vector<float>> read_adapter_scales(const Json& list, size_t n_adapters,
                                               const std::string& field);
// The field `lora` of a request; nullopt: absent.
Result<std::optional<std::vector<LoraFile>>> read_adapters(const App& app,
                                                           const ModelRecord& record,
                                                           const JsonFields& fields);

}  // namespace engine
