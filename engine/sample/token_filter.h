// TokenFilter: which tokens may come next in one answer. The sampler asks it; a grammar answers.
#pragma once

#include <cstdint>
#include <span>

#include "engine/core/row_output.h"

namespace engine {

class TokenFilter {
 public:
  virtual ~TokenFilter() = default;
  // One token: cheap.
  virtual bool allows(Token token) = 0;
  // All of them as bits, token t in word t / 64; valid until the next call of any function.
  virtual std::span<const uint64_t> mask() = 0;
  // Requires: allows(token).
  virtual void accept(Token token) = 0;
};

}  // namespace engine
