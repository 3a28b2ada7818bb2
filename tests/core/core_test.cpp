#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "engine/core/cpu_info.h"
#include "engine/core/dtype.h"
#include "engine/core/half.h"
#include "engine/core/json_io.h"
#include "engine/core/sha256.h"

namespace engine {
namespace {

TEST(Half, every_half_survives_the_way_through_float) {
  for (uint32_t h = 0; h < 65536; ++h) {
    const float f = half_to_float(static_cast<uint16_t>(h));
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(f))));
    } else {
      EXPECT_EQ(float_to_half(f), h);
    }
  }
}

TEST(Half, rounds_to_nearest_even) {
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f), 0x3c00);      // tie: down to even
  EXPECT_EQ(float_to_half(1.0f + 3 * 0x1p-11f), 0x3c02);  // tie: up to even
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);  // infinity
  EXPECT_EQ(float_to_half(0x1p-25f), 0x0000);  // tie of the smallest subnormal
  EXPECT_EQ(float_to_half(std::nextafterf(0x1p-25f, 1.0f)), 0x0001);
  EXPECT_EQ(float_to_half(-0.0f), 0x8000);
}

TEST(Bf16, rounds_to_nearest_even_and_keeps_nan) {
  EXPECT_EQ(float_to_bf16(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(float_to_bf16(1.0f + 3 * 0x1p-8f), 0x3f82);
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(NAN))));
}

TEST(DType, ids_and_names_lead_to_the_same_type) {
  for (int i = 0; i < static_cast<int>(DType::count_); ++i) {
    const DType t = static_cast<DType>(i);
    EXPECT_EQ(dtype_from_name(display_name(t)), t);
    if (traits(t).gguf_id >= 0) {
      EXPECT_EQ(dtype_from_gguf(static_cast<uint32_t>(traits(t).gguf_id)), t);
    }
  }
  EXPECT_EQ(dtype_from_gguf(4), DType::count_);  // Q4_2, removed
  EXPECT_EQ(dtype_from_gguf(0xffffffffu), DType::count_);
}

TEST(CpuInfo, a_cap_removes_what_lies_above_it) {
  const uint64_t all = isa::avx2 | isa::fma | isa::f16c | isa::avx512 | isa::avx512vnni;
  EXPECT_EQ(*cap_features(all, "scalar"), 0u);
  EXPECT_EQ(*cap_features(all, "avx2"), static_cast<uint64_t>(isa::avx2 | isa::fma | isa::f16c));
  EXPECT_EQ(*cap_features(all, "avx512vnni"), all);
  EXPECT_EQ(*cap_features(all, ""), all);
  // a cap adds nothing
  EXPECT_EQ(*cap_features(isa::avx2, "avx512"), static_cast<uint64_t>(isa::avx2));
  const auto bad = cap_features(all, "sse9");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("avx512vnni"), std::string::npos);
}

TEST(Json, repairs_what_is_not_unicode) {
  EXPECT_EQ((*parse_json("\"a\xff\"")).get<std::string>(), "a\xef\xbf\xbd");
  EXPECT_EQ((*parse_json(R"("\ud83d")")).get<std::string>(), "\xef\xbf\xbd");
  EXPECT_EQ((*parse_json(R"("\ud83d\ude00")")).get<std::string>(), "\xf0\x9f\x98\x80");
  // an escaped backslash, not an escape
  EXPECT_EQ((*parse_json(R"("\\ud83d")")).get<std::string>(), "\\ud83d");
}

TEST(Json, ignores_what_follows_and_takes_the_last_duplicate) {
  EXPECT_EQ((*parse_json(R"({"a":1,"a":2} trailing)"))["a"].get<int>(), 2);
}

TEST(Json, errors_have_an_offset_and_depth_is_bounded) {
  const auto bad = parse_json("{\"a\": }");
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("byte 7"), std::string::npos) << bad.error().message;
  EXPECT_FALSE(parse_json(std::string(100000, '[')));
  EXPECT_TRUE(static_cast<bool>(parse_json(std::string(500, '[') + std::string(500, ']'))));
}

TEST(Sha256, known_digest) {
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace engine
