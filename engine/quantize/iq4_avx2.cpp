// iq4_nl, iq4_xs: eight groups at a time.
#include "engine/core/cpu_features.h"
#include "engine/quantize/iq4.h"
#include "engine/quantize/lanes_avx2.h"
#include "engine/quantize/quantizer.h"

namespace engine::quant {

// The borders are a tree four levels deep; what a level needs of them is one number, two, or a permutation of a register.
ENGINE_LANE_FN Nearest<Lane8> nearest(Lane8 v) {
  const __m256 third =
      _mm256_setr_ps(kBorders[1], kBorders[5], kBorders[9], kBorders[13], 0, 0, 0, 0);
  const __m256 fourth = _mm256_setr_ps(kBorders[0], kBorders[2], kBorders[4], kBorders[6],
                                       kBorders[8], kBorders[10], kBorders[12], kBorders[14]);
  const __m256 low = _mm256_setr_ps(-127, -104, -83, -65, -49, -35, -22, -10);
  const __m256 high = _mm256_setr_ps(1, 13, 25, 38, 53, 69, 89, 113);
  const auto from = [&](__m256 border) {
    return _mm256_castps_si256(_mm256_cmp_ps(v.v, border, _CMP_GE_OQ));
  };
  // Each comparison is -1 or 0: index = 2 * index - comparison.
  const __m256i upper = from(_mm256_set1_ps(kBorders[7]));
  const __m256 upper_ps = _mm256_castsi256_ps(upper);
  const __m256i second =
      from(_mm256_blendv_ps(_mm256_set1_ps(kBorders[3]), _mm256_set1_ps(kBorders[11]), upper_ps));
  __m256i k = _mm256_sub_epi32(_mm256_setzero_si256(),
                               _mm256_add_epi32(_mm256_add_epi32(upper, upper), second));
  k = _mm256_sub_epi32(_mm256_add_epi32(k, k), from(_mm256_permutevar8x32_ps(third, k)));
  k = _mm256_sub_epi32(_mm256_add_epi32(k, k), from(_mm256_permutevar8x32_ps(fourth, k)));
  // A permutation reads the low three bits of an index.
  const __m256 value = _mm256_blendv_ps(_mm256_permutevar8x32_ps(low, k),
                                        _mm256_permutevar8x32_ps(high, k), upper_ps);
  return {{value}, {_mm256_cvtepi32_ps(k)}};
}

extern const Quantizer iq4_nl_avx2{DType::iq4_nl, "avx2", isa::avx2, row_iq4_nl<Lane8>};
extern const Quantizer iq4_xs_avx2{DType::iq4_xs, "avx2", isa::avx2, row_iq4_xs<Lane8>};

}  // namespace engine::quant
