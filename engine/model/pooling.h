// Pooling: how the rows of a sequence become the vector of a text.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/result.h"
#include "gguf/reader.h"

namespace engine {

// unspecified: no embedding model. none: a vector per token. rank: a classifier reads one row.
enum class Pooling : uint8_t { unspecified, none, mean, cls, last, rank };

// Of the file's own key; also tells whether the file is an embedding model.
// Errc::unsupported: a kind that we do not know.
Result<Pooling> read_pooling(const gguf::File& file);

// Takes the rows of one sequence, in order, and gives their vector.
class Pooler {
 public:
  // causal: the last row has seen the others, so that rank reads it, else the first.
  // Requires: kind is not unspecified, n_rows > 0.
  Pooler(Pooling kind, bool causal, int n_rows) : kind_(kind), causal_(causal), n_rows_(n_rows) {}

  bool wants(int row) const;  // others need not be computed
  void add(std::span<const float> row);
  // [n], or with none the vectors of all tokens one behind the other.
  std::vector<float> take();

 private:
  Pooling kind_;
  bool causal_;
  int n_rows_;
  std::vector<double> sum_;   // mean
  std::vector<float> value_;  // the others
};

}  // namespace engine
