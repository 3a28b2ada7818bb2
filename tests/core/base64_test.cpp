#include "engine/core/base64.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

using Bytes = std::vector<uint8_t>;

TEST(Base64, bytes_of_text) {
  EXPECT_EQ(decode_base64(""), Bytes{});
  EXPECT_EQ(decode_base64("AQID/w=="), (Bytes{1, 2, 3, 255}));
  EXPECT_EQ(decode_base64("AQID/w"), (Bytes{1, 2, 3, 255}));
  EXPECT_EQ(decode_base64("AQI="), (Bytes{1, 2}));
  EXPECT_EQ(decode_base64("AQID"), (Bytes{1, 2, 3}));
  EXPECT_EQ(decode_base64("+/+/"), (Bytes{0xfb, 0xff, 0xbf}));
}

TEST(Base64, what_is_none) {
  for (const char* text : {"A", "AQIDA", "AQ?D", "AQ D", "A===", "AQ==ID", "A-_B", "=AQI"})
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace engine
