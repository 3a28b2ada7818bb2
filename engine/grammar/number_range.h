// Numbers within bounds, as digits.
#pragma once

#include <optional>
#include <string>

#include "engine/grammar/grammar.h"

namespace engine::grammar {

struct NumberBound {
  double value = 0;
  bool exclusive = false;
};
using Bound = std::optional<NumberBound>;

// -?(0|[1-9][0-9]{0,15}) within the bounds, fractional ones rounded inwards.
// Errc::invalid_argument: no integer is.
Result<ExprId> integer_range(Grammar& g, const Bound& low, const Bound& high);
// The same with up to 16 decimals, and without an exponent.
Result<ExprId> number_range(Grammar& g, const Bound& low, const Bound& high);

}  // namespace engine::grammar
