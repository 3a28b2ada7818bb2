// config.json of a model directory, with the part about the text (text_config) laid over the top
// level, and checked access to its numbers.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/core/sorted_json.h"

namespace engine::convert {

using Names = std::initializer_list<const char*>;  // one meaning, several spellings: first found

class ModelConfig {
 public:
  // Errc::not_found without the file; corrupt: no JSON object; unsupported: no architecture in it.
  static Result<ModelConfig> read(const std::string& dir);
  static ModelConfig none();  // says nothing: for adapters, which have no config.json
  ModelConfig(ModelConfig&&) noexcept;
  ~ModelConfig();

  const std::string& hf_class() const { return class_; }  // "LlamaForCausalLM"
  const SortedJson& json() const { return *json_; }

  const SortedJson* find(Names names) const;  // nullptr: absent or null
  // Whole numbers from 1 (or `lowest`) to 2^31 - 1. Errc::corrupt names file and key.
  Result<uint32_t> count(Names names) const;
  Result<std::optional<uint32_t>> count_if_any(Names names, uint32_t lowest = 1) const;
  Result<uint32_t> count(Names names, uint32_t fallback) const;
  // Finite numbers.
  Result<double> number(Names names) const;
  Result<std::optional<double>> number_if_any(Names names) const;
  Result<double> number(Names names, double fallback) const;
  // As number(), from another object of the file, like rope_scaling.
  Result<double> number_of(const SortedJson& object, const char* key,
                           std::optional<double> fallback) const;
  Result<std::vector<float>> floats_of(const SortedJson& object, const char* key) const;
  bool flag(const char* name, bool fallback) const;

  Error wrong(const std::string& what) const;  // Errc::corrupt, with the path in front

 private:
  ModelConfig();
  std::string path_, class_;
  std::unique_ptr<SortedJson> json_;
};

}  // namespace engine::convert
