// q3_k, q6_k: one group at a time, portable.
#include "engine/quantize/k_signed.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer q3_k_scalar{DType::q3_k, "scalar", 0, row_q3_k<Lane1>};
extern const Quantizer q6_k_scalar{DType::q6_k, "scalar", 0, row_q6_k<Lane1>};

}  // namespace engine::quant
