#include "engine/quantize/quantizer.h"

namespace engine::quant {

#define QUANTIZER(object) extern const Quantizer object;
#define WIDENER(object) extern const Widener object;
#include "engine/quantize/quantizers.inc"

std::span<const Quantizer* const> all_quantizers() {
  static constexpr const Quantizer* kAll[] = {
#define QUANTIZER(object) &object,
#define WIDENER(object)
#include "engine/quantize/quantizers.inc"
  };
  return kAll;
}

std::span<const Widener* const> all_wideners() {
  static constexpr const Widener* kAll[] = {
#define QUANTIZER(object)
#define WIDENER(object) &object,
#include "engine/quantize/quantizers.inc"
  };
  return kAll;
}

namespace {
template <class T>
const T* best_of(std::span<const T* const> all, DType type, uint64_t features) {
  const T* best = nullptr;
  for (const T* one : all)
    if (one->type == type && (one->needs & ~features) == 0) best = one;
  return best;
}
}  // namespace

const Quantizer* find_quantizer(DType type, uint64_t features) {
  return best_of(all_quantizers(), type, features);
}
const Widener* find_widener(DType type, uint64_t features) {
  return best_of(all_wideners(), type, features);
}

}  // namespace engine::quant
