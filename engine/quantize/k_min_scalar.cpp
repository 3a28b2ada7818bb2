// q2_k, q4_k, q5_k: one group at a time, portable.
#include "engine/quantize/k_min.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer q2_k_scalar{DType::q2_k, "scalar", 0, row_k_min<Lane1, Q2KForm>};
extern const Quantizer q4_k_scalar{DType::q4_k, "scalar", 0, row_k_min<Lane1, Q45KForm<4>>};
extern const Quantizer q5_k_scalar{DType::q5_k, "scalar", 0, row_k_min<Lane1, Q45KForm<5>>};

}  // namespace engine::quant
