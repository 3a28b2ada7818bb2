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

TEST(Base64, text_of_bytes) {
  std::string text = "> ";
  append_base64("\x01\x02\x03\xff", text);
  EXPECT_EQ(text, "> AQID/w==");
  for (const std::string bytes : {"", "a", "ab", "abc", "\xfb\xff\xbf\x80 and more"}) {
    text.clear();
    append_base64(bytes, text);
    EXPECT_EQ(decode_base64(text), Bytes(bytes.begin(), bytes.end())) << text;
  }
}

}  // namespace
}  // namespace engine
