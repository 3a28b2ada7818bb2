// What becomes of each tensor of a file, decided before any of them is touched.
#pragma once

#include <vector>

#include "engine/quantize/quantize.h"
#include "gguf/reader.h"

namespace engine::quant {

// In the order of the output: by layer and name; with keep_split by file and name.
// Errors as quantize_file.
Result<std::vector<TensorChoice>> choose_types(const gguf::File& file, const MixInfo& mix,
                                               const QuantizeOptions& options);

// Regular expressions for names of tensors, in the order given.
class NamePatterns {
 public:
  // Errc::invalid_argument: no regular expression.
  static Result<NamePatterns> make(const std::vector<std::pair<std::string, DType>>& patterns);
  NamePatterns(NamePatterns&&) noexcept;
  ~NamePatterns();
  // The type of the first that is found in the name; count_: none.
  DType find(const std::string& name) const;

 private:
  struct Impl;
  explicit NamePatterns(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engine::quant
