// q2_k, q4_k, q5_k: eight groups at a time.
#include "engine/core/cpu_features.h"
#include "engine/quantize/k_min.h"
#include "engine/quantize/lanes_avx2.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer q2_k_avx2{DType::q2_k, "avx2", isa::avx2, row_k_min<Lane8, Q2KForm>};
extern const Quantizer q4_k_avx2{DType::q4_k, "avx2", isa::avx2, row_k_min<Lane8, Q45KForm<4>>};
extern const Quantizer q5_k_avx2{DType::q5_k, "avx2", isa::avx2, row_k_min<Lane8, Q45KForm<5>>};

}  // namespace engine::quant
