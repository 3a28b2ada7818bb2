// Block<T>: dequantization bit for bit against golden files, codes() against dequantization,
// quantizers against golden digests.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/core/half.h"
#include "engine/core/sha256.h"
#include "kernels/types/codec.h"
#include "tests/support/blocks.h"
#include "tests/support/data_dirs.h"

namespace engine::test {
namespace {

std::string golden(const std::string& name) {
  return testing::shared_dir() + "/golden/quants/" + name;
}

std::vector<char> read_file(const std::string& path) {
  std::ifstream f(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(f), {}};
}

class Types : public ::testing::TestWithParam<DType> {
 protected:
  const DTypeTraits& type() const { return traits(GetParam()); }
  const Codec& c() const { return *codec(GetParam()); }
};

TEST_P(Types, DequantizesLikeTheGoldenFile) {
  if (c().codes_block == nullptr) return;  // float formats: HalfFormatsConvertEveryValue
  const std::vector<char> blocks = read_file(golden(std::string(type().name) + ".blocks"));
  const std::vector<char> values = read_file(golden(std::string(type().name) + ".f32"));
  if (blocks.empty()) GTEST_SKIP() << "no golden data at " << golden("");
  const int64_t n = static_cast<int64_t>(values.size() / 4);
  ASSERT_EQ(static_cast<int64_t>(blocks.size()), row_bytes(GetParam(), n));
  std::vector<float> y(static_cast<size_t>(n));
  c().dequant_row(reinterpret_cast<const std::byte*>(blocks.data()), y.data(), n);
  EXPECT_EQ(std::memcmp(y.data(), values.data(), values.size()), 0);
}

TEST_P(Types, CodesAreTheValuesInCanonicalForm) {
  if (c().codes_block == nullptr) return;
  Rng rng(1);
  std::vector<std::byte> block(static_cast<size_t>(type().block_bytes));
  float y[256], scale[16], min[16];
  uint8_t code[256];
  for (int i = 0; i < 200; ++i) {
    fill_weights(GetParam(), block.data(), type().block_bytes, Data::uniform, rng);
    c().dequant_row(block.data(), y, type().block_elems);
    c().codes_block(block.data(), code, scale, min);
    for (int e = 0; e < type().block_elems; ++e) {
      const double v = static_cast<double>(scale[e / c().sub]) * code[e] + min[e / c().sub];
      ASSERT_NEAR(v, y[e], 1e-6 * (std::fabs(min[e / c().sub]) + std::fabs(y[e])))
          << "element " << e;
    }
  }
}

TEST_P(Types, WritesWhatItReads) {
  if (c().quantize_row == nullptr) return;
  Rng rng(2);
  float x[256], y[256];
  std::vector<std::byte> block(static_cast<size_t>(type().block_bytes));
  for (int i = 0; i < 200; ++i) {
    fill_floats(x, type().block_elems, i % 2 ? Data::outliers : Data::uniform, rng);
    c().quantize_row(x, block.data(), type().block_elems);
    c().dequant_row(block.data(), y, type().block_elems);
    float lo = 0, hi = 0;
    for (int e = 0; e < type().block_elems; ++e) lo = std::min(lo, x[e]), hi = std::max(hi, x[e]);
    const int levels = type().block_elems == 1
                           ? 256
                           : (1 << (8 * (type().block_bytes - 2) / type().block_elems)) - 1;
    for (int e = 0; e < type().block_elems; ++e)
      ASSERT_LE(std::fabs(x[e] - y[e]), 2.1 * std::max(hi, -lo) / levels + 0.001f);
  }
}

TEST_P(Types, TakesZerosAndTinyAndHugeAndNoNumbers) {
  if (c().quantize_row == nullptr) return;
  std::vector<std::byte> block(static_cast<size_t>(type().block_bytes));
  float y[256];
  for (float v :
       {0.0f, 1e-38f, 1e-45f, -1e-40f, 3e38f, -3e38f, INFINITY, -INFINITY, std::nanf("")}) {
    std::vector<float> x(static_cast<size_t>(type().block_elems), v);
    x[0] = -x[0];
    c().quantize_row(x.data(), block.data(), type().block_elems);
    c().dequant_row(block.data(), y, type().block_elems);
    if (std::fabs(v) >= 1e-30f || v != v) continue;
    for (int e = 0; e < type().block_elems; ++e) EXPECT_NEAR(y[e], 0, 1e-7) << v;
  }
}

std::vector<DType> computable() {
  std::vector<DType> out;
  for (int t = 0; t < static_cast<int>(DType::count_); ++t) {
    if (codec(static_cast<DType>(t)) != nullptr) out.push_back(static_cast<DType>(t));
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, Types, ::testing::ValuesIn(computable()),
                         [](const ::testing::TestParamInfo<DType>& i) {
                           return std::string(traits(i.param).name);
                         });

TEST(Codec, IsThereForComputableTypesOnly) {
  for (int t = 0; t < static_cast<int>(DType::count_); ++t) {
    EXPECT_EQ(codec(static_cast<DType>(t)) != nullptr, kDTypeTraits[t].computable)
        << kDTypeTraits[t].name;
  }
}

TEST(HalfFormats, EveryValueComesBack) {
  for (DType t : {DType::f16, DType::bf16}) {
    for (uint32_t h = 0; h < 0x10000; ++h) {
      const uint16_t in = static_cast<uint16_t>(h);
      float v;
      uint16_t out;
      codec(t)->dequant_row(reinterpret_cast<const std::byte*>(&in), &v, 1);
      codec(t)->quantize_row(&v, reinterpret_cast<std::byte*>(&out), 1);
      if (std::isnan(v)) {
        float again;
        codec(t)->dequant_row(reinterpret_cast<const std::byte*>(&out), &again, 1);
        ASSERT_TRUE(std::isnan(again));
      } else {
        ASSERT_EQ(in, out);
      }
    }
  }
}

// Rows written by the reference from a fixed generator (quantization formats, golden vectors
// without importance matrix).
TEST(Quantize, WritesTheBytesOfTheReference) {
  std::vector<float> x(1024);
  uint32_t s = 12345;
  for (float& v : x) {
    s = s * 1664525u + 1013904223u;
    const float t = static_cast<float>(static_cast<int32_t>(s >> 8) - 8388608) * 0x1p-23f;
    v = (t * t) * t;
  }
  const struct {
    DType type;
    const char* digest;
  } kRows[] = {
      {DType::q4_0, "32e933c3a77ed0af9a538fb0"}, {DType::q4_1, "75038a1699fd8aaff2c4ee9b"},
      {DType::q5_0, "a849d34cd6638234190e2685"}, {DType::q5_1, "b726322dade675ecf931a0e8"},
      {DType::q8_0, "94f8ac04d8b795e7c65a665a"}, {DType::f16, "fa186dc45e271b7769cd58f8"},
      {DType::bf16, "82ac311bc754548c9c4e2356"},
  };
  for (const auto& row : kRows) {
    std::vector<std::byte> out(static_cast<size_t>(row_bytes(row.type, 1024)));
    codec(row.type)->quantize_row(x.data(), out.data(), 1024);
    EXPECT_EQ(sha256_hex(out).substr(0, 24), row.digest) << traits(row.type).name;
  }
}

}  // namespace
}  // namespace engine::test
