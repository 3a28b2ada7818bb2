// iq4_nl, iq4_xs: one group at a time, portable.
#include "engine/quantize/iq4.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

extern const Quantizer iq4_nl_scalar{DType::iq4_nl, "scalar", 0, row_iq4_nl<Lane1>};
extern const Quantizer iq4_xs_scalar{DType::iq4_xs, "scalar", 0, row_iq4_xs<Lane1>};

}  // namespace engine::quant
