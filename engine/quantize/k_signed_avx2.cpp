// q3_k, q6_k: eight groups at a time.
#include "engine/core/cpu_features.h"
#include "engine/quantize/k_signed.h"
#include "engine/quantize/lanes_avx2.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer q3_k_avx2{DType::q3_k, "avx2", isa::avx2, row_q3_k<Lane8>};
extern const Quantizer q6_k_avx2{DType::q6_k, "avx2", isa::avx2, row_q6_k<Lane8>};

}  // namespace engine::quant
