// The definition of a8x32 (kernels/types/a8x32.h), checked on the scalar quantize_act; the others
// give the same bytes (conformance).
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/types/a8x32.h"
#include "tests/kernels/problem.h"

namespace engine::test {
namespace {

struct Quantized {
  explicit Quantized(std::vector<float> x)
      : k(static_cast<int64_t>(x.size())),
        column(static_cast<size_t>(row_bytes(DType::a8x32, k)), 64) {
    const Registry<cpu::Ctx> registry(cpu::all_kernels());
    int32_t rows = 1;
    const QuantizeArgs args{make_tensor(reinterpret_cast<std::byte*>(x.data()), DType::f32, k),
                            make_tensor(column.data(), DType::a8x32, k), &rows};
    cpu::Ctx ctx;
    registry.scalar(Op::quantize_act, DType::f32, DType::f32)->run(&args, {0, 1}, ctx);
    act = act_column(column.data(), k);
  }

  int64_t k;
  Guarded column;
  ActColumn act;
};

TEST(QuantizeAct, KeepsTheDefinition) {
  Rng rng(5);
  std::vector<float> x(640);
  fill_floats(x.data(), 640, Data::outliers, rng);
  const Quantized q(x);
  for (int64_t b = 0; b < 20; ++b) {
    float most = 0;
    for (int64_t i = 32 * b; i < 32 * b + 32; ++i)
      most = std::max(most, std::fabs(x[static_cast<size_t>(i)]));
    EXPECT_EQ(q.act.d[b], most / 127.0f);
    int sum[2] = {0, 0};
    for (int64_t i = 32 * b; i < 32 * b + 32; ++i) {
      EXPECT_EQ(q.act.q[i], std::nearbyint(x[static_cast<size_t>(i)] * (127.0f / most))) << i;
      sum[i / 16 % 2] += q.act.q[i];
    }
    EXPECT_EQ(q.act.dsum[b], q.act.d[b] * static_cast<float>(sum[0] + sum[1]));
    EXPECT_EQ(q.act.dsum16[2 * b], q.act.d[b] * static_cast<float>(sum[0]));
    EXPECT_EQ(q.act.dsum16[2 * b + 1], q.act.d[b] * static_cast<float>(sum[1]));
  }
}

TEST(QuantizeAct, RoundsHalvesToEven) {
  std::vector<float> x(32, 0.0f);
  x[0] = 127, x[1] = 0.5f, x[2] = 1.5f, x[3] = -2.5f, x[4] = -127, x[5] = 3.5f;
  const Quantized q(x);
  const int expected[] = {127, 0, 2, -2, -127, 4};
  for (int i = 0; i < 6; ++i) EXPECT_EQ(q.act.q[i], expected[i]) << i;
}

TEST(QuantizeAct, ZerosAndWhatCountsAsZero) {
  for (float v : {0.0f, -0.0f, 1e-40f, 1e-38f}) {
    const Quantized q(std::vector<float>(32, v));
    EXPECT_EQ(q.act.d[0], 0) << v;
    EXPECT_EQ(q.act.dsum[0], 0) << v;
    for (int i = 0; i < 32; ++i) EXPECT_EQ(q.act.q[i], 0) << v;
  }
}

}  // namespace
}  // namespace engine::test
