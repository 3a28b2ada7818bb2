// Importance: how much each column of a weight counts, from the squares of the numbers that met it in matmuls. Its files: the GGUF
// form (general.type = "imatrix") and the older .dat form; both are read, both can be written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"

namespace engine::quant {

struct ImportanceEntry {
  int64_t n_in = 0;           // columns of the weight
  std::vector<float> sums;    // [matrices][n_in] sum over tokens of the squares
  std::vector<float> counts;  // [matrices] tokens; one per expert, else one
  int64_t matrices() const { return static_cast<int64_t>(counts.size()); }
};

struct Importance {
  std::map<std::string, ImportanceEntry, std::less<>> entries;  // by the name of the weight
  std::vector<std::string> datasets;                            // names of the texts
  uint32_t chunk_count = 0, chunk_size = 0;                     // tokens of a chunk; 0: not known

  // [matrices][n_in]: means of the squares, 1 for a matrix that no token met; empty without the name.
  std::vector<float> weights(std::string_view name) const;
  // Sums and counts of another run added to this one. Errc::invalid_argument: another shape.
  Status merge(const Importance& other);
};

// The form is told by the content. Errc::corrupt names what is wrong: a list of sums without counts, sizes that do not fit, numbers
// that are not finite.
Result<Importance> read_importance(const std::string& path);

enum class ImportanceForm : uint8_t { gguf, dat };
// Written beside and renamed into place.
Status write_importance(const Importance& importance, ImportanceForm form, const std::string& path);

}  // namespace engine::quant
