// UTF-8 and character classes.
#include "engine/text/unicode.h"

#include <gtest/gtest.h>

namespace engine {
namespace {

TEST(Unicode, decodes_each_length) {
  const std::string text = "a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x9a\x80";
  const int32_t values[] = {'a', 0xe9, 0x4f60, 0x1f680};
  size_t at = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    const CodePoint c = decode_utf8(text, at);
    EXPECT_EQ(c.value, values[i]);
    EXPECT_EQ(c.bytes, i + 1);
    at += c.bytes;
  }
  EXPECT_EQ(at, text.size());
}

TEST(Unicode, refuses_what_is_not_utf8) {
  // A lone tail, a lead without tail, overlong, a surrogate,
  // above U+10FFFF, a lead that does not exist.
  for (const char* bad : {"\x80", "\xc3", "\xe4\xbd", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xff"}) {
    const CodePoint c = decode_utf8(bad, 0);
    EXPECT_EQ(c.value, -1);
    EXPECT_EQ(c.bytes, 1u);
    EXPECT_FALSE(is_valid_utf8(bad));
    EXPECT_FALSE(is_valid_utf8("12345678" + std::string(bad)));
  }
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8(std::string("\0 1234567\xc3\xa9 and more text", 26)));
}

TEST(Unicode, encodes_what_it_decodes) {
  for (const int32_t c : {0, 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff}) {
    std::string text;
    append_utf8(c, text);
    EXPECT_EQ(decode_utf8(text, 0).value, c);
    EXPECT_EQ(decode_utf8(text, 0).bytes, text.size());
  }
}

TEST(Unicode, classes) {
  EXPECT_EQ(char_class('a'), CharClass::letter);
  EXPECT_EQ(char_class(0x4f60), CharClass::letter);
  EXPECT_EQ(char_class(0x301), CharClass::mark);
  EXPECT_EQ(char_class(0xbd), CharClass::number);  // one half
  EXPECT_FALSE(is_decimal_digit(0xbd));
  EXPECT_TRUE(is_decimal_digit(0x661));  // Arabic one
  EXPECT_EQ(char_class('!'), CharClass::punctuation);
  EXPECT_EQ(char_class('+'), CharClass::symbol);
  EXPECT_EQ(char_class(0xa0), CharClass::separator);
  EXPECT_EQ(char_class(0x200d), CharClass::other);
  EXPECT_EQ(char_class(0x378), CharClass::other);  // unassigned
}

TEST(Unicode, white_space_is_the_property) {
  int32_t found = 0;
  for (int32_t c = 0; c <= 0x10ffff; ++c) found += is_white_space(c);
  EXPECT_EQ(found, 25);
  for (const int32_t c :
       {0x9, 0xd, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000})
    EXPECT_TRUE(is_white_space(c));
  for (const int32_t c : {0x180e, 0x200b, 0xfeff, 0x1c}) EXPECT_FALSE(is_white_space(c));
}

}  // namespace
}  // namespace engine
