// Rows of numbers to blocks: the bytes that other quantizers of these formats give (digests), equal bytes from all twins, errors
// within what the formats allow.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "engine/core/cpu_info.h"
#include "engine/core/sha256.h"
#include "engine/quantize/quantizer.h"
#include "kernels/types/codec.h"
#include "tests/support/random.h"

namespace engine::quant {
namespace {

std::vector<std::byte> quantized(const Quantizer& q, const std::vector<float>& x,
                                 const float* importance, int64_t n) {
  const int64_t rows = static_cast<int64_t>(x.size()) / n, bytes = row_bytes(q.type, n);
  std::vector<std::byte> out(static_cast<size_t>(rows * bytes));
  for (int64_t r = 0; r < rows; ++r) q.row(x.data() + r * n, importance, out.data() + r * bytes, n);
  return out;
}

bool can_run(const Quantizer& q) {
  return (q.needs & ~cpu_features()) == 0;
}

// 24 hex digits of the digest.
struct Digest {
  DType type;
  const char *plain, *weighted;
};
constexpr Digest kDigests[] = {
    {DType::f16, "fa186dc45e271b7769cd58f8", "fa186dc45e271b7769cd58f8"},
    {DType::bf16, "82ac311bc754548c9c4e2356", "82ac311bc754548c9c4e2356"},
    {DType::q4_0, "32e933c3a77ed0af9a538fb0", "6d8646d509c4803c796e855c"},
    {DType::q4_1, "75038a1699fd8aaff2c4ee9b", "04b31cc6594b960d1ebb77ec"},
    {DType::q5_0, "a849d34cd6638234190e2685", "099db89d75d0d2d7019f9194"},
    {DType::q5_1, "b726322dade675ecf931a0e8", "7ba1c3a9265294a5b96d2fe6"},
    {DType::q8_0, "94f8ac04d8b795e7c65a665a", "94f8ac04d8b795e7c65a665a"},
    {DType::q2_k, "4e2352e2fdce7247b7c85c49", "add899aca63ec7d86956cf90"},
    {DType::q3_k, "94f4928c4480e384193477ff", "73e7d9ec830be580e4b61614"},
    {DType::q4_k, "6e439bbca90fd2a1de36ef88", "ed46220866d38a365f48f810"},
    {DType::q5_k, "f0db8057da23ca414a1ac7ea", "941c19916deaf93e57e9fb12"},
    {DType::q6_k, "f9f12f9dd14f04d2c77f3b9b", "478f3081b6499224d83ff82f"},
    {DType::iq4_nl, "579f4abcf1d8226123c06fde", "7b27bd500cf18c791c4cb473"},
    {DType::iq4_xs, "8e00fd2238c1cf3b32e424b8", "ddb55c53c906f7fd050c2b97"}};

uint32_t lcg(uint32_t& s) {
  return s = s * 1664525u + 1013904223u;
}

TEST(QuantizeRows, GiveTheKnownBytes) {
  std::vector<float> x(1024), w(512);
  uint32_t s = 12345;
  for (float& v : x) {
    const float t = static_cast<float>(static_cast<int32_t>(lcg(s) >> 8) - 8388608) * 0x1p-23f;
    v = (t * t) * t;
  }
  s = 99;
  for (float& v : w) v = static_cast<float>((lcg(s) >> 16) + 1) * 0x1p-16f;
  size_t seen = 0;
  for (const Quantizer* q : all_quantizers()) {
    if (!can_run(*q)) continue;
    for (const Digest& d : kDigests) {
      if (d.type != q->type) continue;
      ++seen;
      const auto digest = [&](const float* importance) {
        const std::vector<std::byte> out = quantized(*q, x, importance, 512);
        return sha256_hex(std::span<const std::byte>(out)).substr(0, 24);
      };
      EXPECT_EQ(digest(nullptr), d.plain) << traits(q->type).name << " " << q->isa;
      EXPECT_EQ(digest(w.data()), d.weighted) << traits(q->type).name << " " << q->isa;
    }
  }
  EXPECT_GE(seen, std::size(kDigests));
}

enum class Shape {
  normal,
  one_sided,
  constant,
  zero,
  sparse,
  heavy,
  huge,
  tiny,
  denormal,
  steps,
  count_
};

std::vector<float> numbers(Shape shape, int64_t n, uint64_t seed) {
  test::Rng rng(seed);
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) {
    const float u = rng.uniform(-1, 1), g = (u + rng.uniform(-1, 1) + rng.uniform(-1, 1)) / 3;
    switch (shape) {
      case Shape::normal:
        v = g;
        break;
      case Shape::one_sided:
        v = std::fabs(g) + 0.5f;
        break;
      case Shape::constant:
        v = -0.75f;
        break;
      case Shape::zero:
        v = 0;
        break;
      case Shape::sparse:
        v = rng.below(37) == 0 ? u : 0;
        break;
      case Shape::heavy:
        v = g * g * g * (rng.below(50) == 0 ? 40.0f : 1.0f);
        break;
      case Shape::huge:
        v = g * 30000;
        break;
      case Shape::tiny:
        v = g * 1e-12f;
        break;
      case Shape::denormal:
        v = g * 1e-39f;
        break;
      case Shape::steps:
        v = static_cast<float>(rng.below(5)) - 2;
        break;
      case Shape::count_:
        break;
    }
  }
  return x;
}

std::string bits(const std::vector<std::byte>& b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

TEST(QuantizeRows, TwinsGiveTheSameBytes) {
  int compared = 0;
  for (const Quantizer* q : all_quantizers()) {
    if (q->needs == 0 || !can_run(*q)) continue;
    const Quantizer* scalar = find_quantizer(q->type, 0);
    ASSERT_NE(scalar, nullptr);
    ASSERT_NE(scalar, q);
    // Rows of one block, of less than a batch of eight, of a batch and more; where a block is 256, of some.
    for (const int64_t blocks : {1, 3, 8, 11}) {
      const int64_t n = blocks * std::max<int32_t>(traits(q->type).block_elems, 32);
      for (int shape = 0; shape < static_cast<int>(Shape::count_); ++shape) {
        const std::vector<float> x = numbers(static_cast<Shape>(shape), 2 * n, 3);
        std::vector<float> w = numbers(Shape::one_sided, n, 5);
        for (const float* importance :
             {static_cast<const float*>(nullptr), const_cast<const float*>(w.data())})
          EXPECT_EQ(bits(quantized(*q, x, importance, n)),
                    bits(quantized(*scalar, x, importance, n)))
              << traits(q->type).name << " " << q->isa << ", shape " << shape << ", " << n
              << (importance ? " weighted" : "");
        ++compared;
      }
    }
  }
  if (compared == 0) GTEST_SKIP() << "this machine has scalar code only";
}

TEST(QuantizeRows, WidenersReadWhatQuantizersWrote) {
  for (const Widener* w : all_wideners()) {
    if ((w->needs & ~cpu_features()) != 0) continue;
    const std::vector<float> x = numbers(Shape::heavy, 1003, 1);
    const std::vector<std::byte> b = quantized(*find_quantizer(w->type, 0), x, nullptr, 1003);
    std::vector<float> wide(x.size()), expected(x.size());
    w->row(b.data(), wide.data(), 1003);
    codec(w->type)->dequant_row(b.data(), expected.data(), 1003);
    EXPECT_EQ(wide, expected) << traits(w->type).name << " " << w->isa;
  }
}

std::vector<float> there_and_back(const Quantizer& q, const std::vector<float>& x,
                                  const float* importance, int64_t n) {
  const std::vector<std::byte> b = quantized(q, x, importance, n);
  std::vector<float> y(x.size());
  codec(q.type)->dequant_row(b.data(), y.data(), static_cast<int64_t>(x.size()));
  return y;
}

// The measure of the format's own tests: sqrt(sum of squares) / n.
TEST(QuantizeRows, ErrorsOfASmoothRowAreWithinTheBounds) {
  std::vector<float> x(4096);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.1f + 2 * std::cos(static_cast<float>(i));
  for (const Quantizer* q : all_quantizers()) {
    if (!can_run(*q)) continue;
    const std::vector<float> y = there_and_back(*q, x, nullptr, 4096);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i)
      sum += (static_cast<double>(x[i]) - static_cast<double>(y[i])) *
             (static_cast<double>(x[i]) - static_cast<double>(y[i]));
    const double bound = q->type == DType::q2_k ? 0.0075 : q->type == DType::q3_k ? 0.004 : 0.002;
    EXPECT_LT(std::sqrt(sum) / 4096, bound) << traits(q->type).name << " " << q->isa;
  }
}

// Uniform numbers in a block of range R with L levels cannot do better than R / L / sqrt(12), and should not do much worse;
// room is left for half scales and the scales of scales.
TEST(QuantizeRows, ErrorsOfUniformNumbersFollowTheNumberOfLevels) {
  struct Levels {
    DType type;
    double levels;
  };
  const std::vector<float> x = [] {
    test::Rng rng(11);
    std::vector<float> v(1 << 16);
    for (float& f : v) f = rng.uniform(-1, 1);
    return v;
  }();
  for (const Levels& l :
       {Levels{DType::q8_0, 255}, Levels{DType::q4_0, 16}, Levels{DType::q4_1, 16},
        Levels{DType::q5_0, 32}, Levels{DType::q5_1, 32}, Levels{DType::q2_k, 4},
        Levels{DType::q3_k, 8}, Levels{DType::q4_k, 16}, Levels{DType::q5_k, 32},
        Levels{DType::q6_k, 64}, Levels{DType::iq4_nl, 16}, Levels{DType::iq4_xs, 16}}) {
    const std::vector<float> y =
        there_and_back(*find_quantizer(l.type, cpu_features()), x, nullptr, 1024);
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i)
      sum += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
    const double rms = std::sqrt(sum / static_cast<double>(x.size())),
                 best = 2 / l.levels / std::sqrt(12.0);
    EXPECT_LT(rms, 1.5 * best) << traits(l.type).name;
    EXPECT_GT(rms, 0.7 * best) << traits(l.type).name;
  }
}

TEST(QuantizeRows, ImportanceLowersTheWeightedError) {
  const int64_t n = 1024;
  const std::vector<float> x = numbers(Shape::heavy, 16 * n, 21);
  std::vector<float> w = numbers(Shape::one_sided, n, 22);
  for (size_t i = 0; i < w.size(); ++i) w[i] = i % 7 == 0 ? 20 * w[i] : 0.05f * w[i];
  for (const DType type :
       {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::q2_k, DType::q3_k, DType::q4_k,
        DType::q5_k, DType::q6_k, DType::iq4_nl, DType::iq4_xs}) {
    const Quantizer& q = *find_quantizer(type, cpu_features());
    const auto error = [&](const float* importance) {
      const std::vector<float> y = there_and_back(q, x, importance, n);
      double sum = 0;
      for (size_t i = 0; i < x.size(); ++i)
        sum += static_cast<double>(w[i % w.size()]) * std::pow(static_cast<double>(x[i] - y[i]), 2);
      return sum;
    };
    EXPECT_LT(error(w.data()), 0.97 * error(nullptr)) << traits(type).name;
  }
}

TEST(QuantizeRows, DequantizedRowsKeepTheirCodes) {
  const std::vector<float> x = numbers(Shape::normal, 4096, 9);
  for (const DType type : {DType::q8_0, DType::q4_0, DType::q5_0}) {
    const Quantizer& q = *find_quantizer(type, cpu_features());
    const std::vector<float> once = there_and_back(q, x, nullptr, 1024);
    EXPECT_EQ(there_and_back(q, once, nullptr, 1024), once) << traits(type).name;
  }
}

TEST(QuantizeRows, EveryTypeOfTheListHasAScalarForm) {
  for (const Quantizer* q : all_quantizers()) EXPECT_NE(find_quantizer(q->type, 0), nullptr);
  EXPECT_EQ(find_quantizer(DType::iq2_xs, cpu_features()), nullptr);
  if (cpu_features() & isa::avx2) {
    EXPECT_STREQ(find_quantizer(DType::q4_k, cpu_features())->isa, "avx2");
  }
}

}  // namespace
}  // namespace engine::quant
