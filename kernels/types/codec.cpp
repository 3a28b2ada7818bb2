#include "kernels/types/codec.h"

#include "kernels/types/all.h"

namespace engine {
namespace {

template <class B>
void dequant_row(const std::byte* row, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += B::kElems, row += B::kBytes) B::dequant(row, y + i);
}

template <class B>
void quantize_row(const float* x, std::byte* row, int64_t n) {
  for (int64_t i = 0; i < n; i += B::kElems, row += B::kBytes) B::quantize(x + i, row);
}

template <class B>
void codes_block(const std::byte* block, uint8_t* code, float* scale, float* min) {
  B::codes(block, code, scale, min);
}

template <class B>
constexpr Codec make_codec() {
  Codec c{B::kSub, dequant_row<B>, nullptr, nullptr};
  if constexpr (requires(const std::byte* b, uint8_t* q, float* s) { B::codes(b, q, s, s); })
    c.codes_block = codes_block<B>;
  if constexpr (requires(const float* x, std::byte* b) { B::quantize(x, b); })
    c.quantize_row = quantize_row<B>;
  return c;
}

constexpr Codec kCodecs[] = {
#define DTYPE(name, gguf, block, bytes, act) make_codec<Block<DType::name>>(),
#define DTYPE_STORED(name, gguf, block, bytes) Codec{},
#include "engine/core/dtype.inc"
};

}  // namespace

const Codec* codec(DType type) {
  return traits(type).computable ? &kCodecs[static_cast<int>(type)] : nullptr;
}

}  // namespace engine
