// Level 1: the definition. Bytes are multiplied as integers; each block's sum is scaled once:
//   sum_i (d q_i + m) (dx x_i)  =  d dx sum_i q_i x_i  +  m dx sum_i x_i
#include <cstring>

#include "bench/levels/level.h"
#include "engine/core/half.h"

namespace engine::bench {
namespace {

float half_at(const std::byte* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return half_to_float(h);
}

float dot(const std::byte* row, const Column& x, int64_t k) {
  float sum = 0;
  for (int64_t b = 0; b < k / kBlock; ++b, row += kBlockBytes) {
    const int8_t* q = x.q + b * kBlock;
    int integer = 0;
    for (int i = 0; i < 16; ++i) {
      const int byte = static_cast<int>(row[4 + i]);
      integer += (byte & 15) * q[i] + (byte >> 4) * q[i + 16];
    }
    sum += half_at(row) * x.d[b] * static_cast<float>(integer) + half_at(row + 2) * x.dsum[b];
  }
  return sum;
}

void run(const Problem& p) {
  for (int64_t c = 0; c < p.n; ++c)
    for (int64_t r = 0; r < p.out; ++r)
      p.y[c * p.out + r] = dot(p.w + r * p.k / kBlock * kBlockBytes, column(p, c), p.k);
}

}  // namespace

extern const Level level_1{"1 scalar", "the definition", 0, 0, run};

}  // namespace engine::bench
