// Models in the form of the Hugging Face hub (a directory with config.json, safetensors and the
// files of a tokenizer) as GGUF files, and PEFT adapters as GGUF adapters. families.inc lists what
// can be converted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/core/thread_pool.h"

namespace engine::convert {

// Of the matrices; vectors and norms are always F32. See out_types.inc.
enum class OutType : uint8_t {
  automatic,
#define OUT_TYPE(name, dtype, file_type) name,
#include "engine/convert/out_types.inc"
};
// "auto" or a name of out_types.inc, in any case; nullopt: none of them.
std::optional<OutType> out_type_from_name(std::string_view name);
std::string out_type_names();  // "auto, f32, ...", for messages

// Bytes written so far, of all. false calls the conversion off.
using ConvertProgress = std::function<bool(int64_t done, int64_t total)>;

struct ConvertOptions {
  OutType type = OutType::automatic;
  ThreadPool* pool = nullptr;  // computes with it; nullptr: on the calling thread
  ConvertProgress progress;    // may be empty; called on the calling thread
};

bool is_model_directory(const std::string& dir);    // has a config.json
bool is_adapter_directory(const std::string& dir);  // has an adapter_config.json

// Writes a GGUF file. It appears under `out_path` when it is complete; on failure nothing is left
// behind. The weights are read and written piece by piece: memory for some MiB and the vocabulary.
// A matrix with values that F16 cannot hold becomes BF16.
// Errc: not_found, io; unsupported (`unsupported architecture "X"`, quantized weights, ...); corrupt
// (files that contradict each other; missing or unknown tensors); cancelled.
Status convert_directory(const std::string& dir, const std::string& out_path,
                         const ConvertOptions& options = {});

// The same for adapter_config.json with adapter_model.safetensors. base_path: the GGUF file of the
// model that the adapter was trained for; its tensors must fit.
Status convert_adapter(const std::string& dir, const std::string& base_path,
                       const std::string& out_path, const ConvertOptions& options = {});

}  // namespace engine::convert
