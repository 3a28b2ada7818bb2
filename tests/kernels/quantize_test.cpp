// The definitions of a8x32 and a8x256 (kernels/types), checked on the scalar quantize_act; the others
// give the same bytes (conformance).
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "kernels/types/a8x256.h"
#include "kernels/types/a8x32.h"
#include "tests/kernels/problem.h"

namespace engine::test {
namespace {

struct Quantized {
  explicit Quantized(std::vector<float> x, DType type = DType::a8x32)
      : k(static_cast<int64_t>(x.size())), column(static_cast<size_t>(row_bytes(type, k)), 64) {
    const Registry<cpu::Ctx> registry(cpu::all_kernels());
    int32_t rows = 1;
    const QuantizeArgs args{make_tensor(reinterpret_cast<std::byte*>(x.data()), DType::f32, k),
                            make_tensor(column.data(), type, k), &rows};
    cpu::Ctx ctx;
    registry.scalar(Op::quantize_act, type, DType::f32)->run(&args, {0, 1}, ctx);
    act = act_column(column.data(), k);
    block = block_column(column.data(), k);
  }

  int64_t k;
  Guarded column;
  ActColumn act;      // of a8x32
  BlockColumn block;  // of a8x256
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
    int sum = 0;
    for (int64_t i = 32 * b; i < 32 * b + 32; ++i) {
      EXPECT_EQ(q.act.q[i], std::nearbyint(x[static_cast<size_t>(i)] * (127.0f / most))) << i;
      sum += q.act.q[i];
    }
    EXPECT_EQ(q.act.dsum[b], q.act.d[b] * static_cast<float>(sum));
    EXPECT_EQ(q.act.shift[b], -128 * sum);
  }
}

TEST(QuantizeAct, KeepsTheDefinitionOfBlocks) {
  Rng rng(6);
  std::vector<float> x(1024);
  fill_floats(x.data(), 1024, Data::outliers, rng);
  for (size_t i = 96; i < 256; ++i) x[i] *= i < 128 ? 0.3f : i < 160 ? 0.1f : 0.01f;
  std::fill(x.begin() + 256, x.begin() + 512, 3.0f);   // the largest sums
  std::fill(x.begin() + 512, x.begin() + 768, -3.0f);  // the smallest
  const Quantized q(x, DType::a8x256);
  for (int64_t b = 0; b < 4; ++b) {
    float most = 0;
    for (int64_t i = 256 * b; i < 256 * b + 256; ++i)
      most = std::max(most, std::fabs(x[static_cast<size_t>(i)]));
    EXPECT_EQ(q.block.d[b], most / 1016.0f);
    int sum16[16] = {}, sum32[8] = {}, raw16[16] = {};
    for (int64_t i = 0; i < 256; ++i) {
      const int8_t code = q.block.q[256 * b + i];
      const int lift = q.block.lift[8 * b + i / 32];
      EXPECT_EQ(code, std::nearbyint(x[static_cast<size_t>(256 * b + i)] * (1016.0f / most) /
                                     static_cast<float>(1 << lift)))
          << i;
      raw16[i / 16] += code, sum16[i / 16] += code << lift, sum32[i / 32] += code << lift;
    }
    for (int64_t s = 0; s < 8; ++s) {
      float of32 = 0;
      for (int64_t i = 32 * s; i < 32 * s + 32; ++i)
        of32 = std::max(of32, std::fabs(x[static_cast<size_t>(256 * b + i)]));
      const int lift = q.block.lift[8 * b + s];
      ASSERT_TRUE(lift >= 0 && lift <= 3);
      EXPECT_LE(of32, most / 8 * static_cast<float>(1 << lift)) << "fits";
      if (lift > 0) {
        EXPECT_GT(of32, most / 8 * static_cast<float>(1 << (lift - 1))) << "smallest";
      }
    }
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(q.block.sums[b].sum16(i), sum16[i]) << i;
      EXPECT_EQ(q.block.whole[b].of16[i], sum16[i]) << i;
      EXPECT_EQ(q.block.shift[16 * b + i], -32 * raw16[i]) << i;
    }
    EXPECT_EQ(q.block.total[b], std::accumulate(sum32, sum32 + 8, 0));
    for (int i = 0; i < 8; ++i) {
      EXPECT_EQ(q.block.sums[b].sum32(i), sum32[i]) << i;
      EXPECT_EQ(q.block.whole[b].of32[i], sum32[i]) << i;
    }
  }
  EXPECT_EQ(q.block.sums[1].sum32(0), 32 * 127 * 8);
  EXPECT_EQ(q.block.sums[2].sum32(7), -32 * 127 * 8);
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
    const Quantized wide(std::vector<float>(256, v), DType::a8x256);
    EXPECT_EQ(wide.block.d[0], 0) << v;
    for (int i = 0; i < 256; ++i) EXPECT_EQ(wide.block.q[i], 0) << v;
    for (int i = 0; i < 16; ++i) EXPECT_EQ(wide.block.sums[0].sum16(i), 0) << v;
  }
}

}  // namespace
}  // namespace engine::test
