// Mix: which type each tensor of a file gets. A file type is a default type and rules for parts of the model that deserve more or
// fewer bits (mixes.inc).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/core/dtype.h"
#include "engine/core/result.h"
#include "gguf/reader.h"

namespace engine::quant {

// The file types that mixes.inc knows; numbers as in general.file_type.
enum class FileType : uint32_t {
#define FILE_TYPE(id, name, long_name) id_##id = id,
#include "gguf/file_types.inc"
};

struct MixInfo {
  FileType type;
  const char* name;  // "Q4_K_M"
  DType base;        // what most tensors get
};

// nullptr: not a type that files are quantized to.
const MixInfo* find_mix(FileType type);
// By name (any case; Q3_K, Q4_K, Q5_K are the medium ones) or number. nullptr: neither.
const MixInfo* find_mix(std::string_view name_or_number);
// Names of the types whose default type we can write, "F32, F16, ...".
std::string writable_mixes();

enum class Part : uint8_t {
  output,
  embedding,
  fused,
  latent,
  value,
  key,
  query,
  out,
  up,
  gate,
  down,
  other
};
Part part_of(std::string_view tensor);

// What the rules ask of a model.
struct MixModel {
  std::string arch;
  int64_t n_layer = 0, n_expert = 0;
  int64_t gqa = 0;      // heads per key-value head of the first layer; 0: there is none
  int64_t n_value = 0;  // tensors of the parts value, fused and latent
  bool tied = false;    // no output matrix: the embedding is one
  bool class_70b = false;

  // Errc::corrupt: a key of the wrong type.
  static Result<MixModel> read(const gguf::File& file);
};

// Whether a tensor is converted at all: matrices of weights, but not those that must stay exact.
bool is_converted(std::string_view name, const int64_t (&ne)[4], std::string_view arch);

// `type`, or what takes its place where rows of n elements are no whole blocks of it.
// Errc::unsupported: nothing can.
Result<DType> fallback_for(DType type, int64_t n);

// The rules, for one file. Tensors must be asked for in the order (layer, name): rules count.
class Mix {
 public:
  Mix(const MixInfo& info, MixModel model, bool has_matrix)
      : info_(info), model_(std::move(model)), matrix_(has_matrix) {}

  // Of a tensor that is converted; without the fallback for its shape.
  // Errc::corrupt: a model with experts, and no layer in the name.
  Result<DType> choose(std::string_view name, const int64_t (&ne)[4]);

 private:
  const MixInfo& info_;
  MixModel model_;
  bool matrix_;
  int64_t values_ = 0, downs_ = 0, ups_ = 0, gates_ = 0;
};

}  // namespace engine::quant
