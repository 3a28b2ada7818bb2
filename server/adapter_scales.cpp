#include "server/adapter_scales.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "server/json_fields.h"
#include "server/use_model.h"

namespace engine {

void AdapterScales::set(const std::string& digest, std::vector<float> scales) {
  const std::lock_guard lock(mutex_);
  scales_[digest] = std::move(scales);
}

void AdapterScales::apply(const std::string& digest, std::vector<LoraFile>& adapters) const {
  const std::lock_guard lock(mutex_);
  const auto it = scales_.find(digest);
  if (it == scales_.end()) return;
  for (size_t i = 0; i < adapters.size() && i < it->second.size(); ++i)
    adapters[i].scale = it->second[i];
}

Result<std::vector<float>> read_adapter_scales(const Json& list, size_t n_adapters,
                                               const std::string& field) {
  std::vector<float> out(n_adapters, 0);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", field, i);
    if (!list[i].is_object())
      return invalid_argument(fmt::format("field \"{}\": expected object", path));
    const JsonFields fields(list[i], path + ".");
    ENGINE_TRY(id, fields.integer("id", -1));
    ENGINE_TRY(scale, fields.number("scale"));
    if (id < 0 || id >= static_cast<int64_t>(n_adapters))
      return invalid_argument(fmt::format(
          "field \"{}.id\": the model has {} adapters, numbered from 0", path, n_adapters));
    if (!scale || !(std::fabs(*scale) <= 1e6))
      return invalid_argument(fmt::format("field \"{}.scale\": expected number", path));
    out[static_cast<size_t>(id)] = static_cast<float>(*scale);
  }
  return out;
}

Result<std::optional<std::vector<LoraFile>>> read_adapters(const App& app,
                                                           const ModelRecord& record,
                                                           const JsonFields& fields) {
  using Adapters = std::optional<std::vector<LoraFile>>;
  ENGINE_TRY(list, fields.array("lora"));
  if (!list) return Adapters();
  std::vector<LoraFile> adapters = adapters_of(app, record);
  ENGINE_TRY(scales, read_adapter_scales(*list, adapters.size(), "lora"));
  for (size_t i = 0; i < adapters.size(); ++i) adapters[i].scale = scales[i];
  return Adapters(std::move(adapters));
}

}  // namespace engine
