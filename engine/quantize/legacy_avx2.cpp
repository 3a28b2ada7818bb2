// blocks of 32: eight groups at a time.
#include "engine/core/cpu_features.h"
#include "engine/quantize/lanes_avx2.h"
#include "engine/quantize/legacy.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer q8_0_avx2{DType::q8_0, "avx2", isa::avx2, row_q8_0<Lane8>};
extern const Quantizer q4_0_avx2{DType::q4_0, "avx2", isa::avx2, row_symmetric<Lane8, 4>};
extern const Quantizer q5_0_avx2{DType::q5_0, "avx2", isa::avx2, row_symmetric<Lane8, 5>};
extern const Quantizer q4_1_avx2{DType::q4_1, "avx2", isa::avx2, row_from_min<Lane8, 4>};
extern const Quantizer q5_1_avx2{DType::q5_1, "avx2", isa::avx2, row_from_min<Lane8, 5>};

}  // namespace engine::quant
