// blocks of 32: one group at a time, portable.
#include "engine/quantize/legacy.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer q8_0_scalar{DType::q8_0, "scalar", 0, row_q8_0<Lane1>};
extern const Quantizer q4_0_scalar{DType::q4_0, "scalar", 0, row_symmetric<Lane1, 4>};
extern const Quantizer q5_0_scalar{DType::q5_0, "scalar", 0, row_symmetric<Lane1, 5>};
extern const Quantizer q4_1_scalar{DType::q4_1, "scalar", 0, row_from_min<Lane1, 4>};
extern const Quantizer q5_1_scalar{DType::q5_1, "scalar", 0, row_from_min<Lane1, 5>};

}  // namespace engine::quant
