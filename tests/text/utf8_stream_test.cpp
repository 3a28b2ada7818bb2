// Whole characters out of pieces that cut them anywhere.
#include "engine/text/utf8_stream.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/core/json_io.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";

TEST(Utf8Stream, holds_a_character_until_it_is_whole) {
  Utf8Stream stream;
  std::string out;
  for (const char* byte : {"\xf0", "\x9f", "\x9a"}) {
    stream.push(byte, out);
    EXPECT_EQ(out, "");
  }
  EXPECT_EQ(stream.held_bytes(), 3u);
  stream.push("\x80!", out);
  EXPECT_EQ(out, "\xf0\x9f\x9a\x80!");
  EXPECT_EQ(stream.held_bytes(), 0u);
}

TEST(Utf8Stream, hopeless_bytes_are_not_held) {
  // A lone tail, leads that do not exist, and second bytes that make overlong forms,
  // surrogates and too large values.
  for (const char* bad : {"\x80", "\xc0", "\xff", "\xe0\x80", "\xed\xa0", "\xf0\x80", "\xf4\x90"}) {
    Utf8Stream stream;
    std::string out;
    stream.push(bad, out);
    EXPECT_EQ(stream.held_bytes(), 0u);
    EXPECT_TRUE(out.starts_with(kReplacement));
  }
}

TEST(Utf8Stream, a_new_character_ends_a_broken_one) {
  Utf8Stream stream;
  std::string out;
  stream.push("\xe4\xbd", out);
  stream.push("a\xc3\xa9", out);
  EXPECT_EQ(out, std::string(kReplacement) + kReplacement + "a\xc3\xa9");
}

TEST(Utf8Stream, the_end_releases_one_replacement) {
  Utf8Stream stream;
  std::string out;
  stream.push("x\xf0\x9f", out);
  stream.finish(out);
  EXPECT_EQ(out, std::string("x") + kReplacement);
  stream.finish(out);
  EXPECT_EQ(out, std::string("x") + kReplacement);
}

TEST(Utf8Stream, any_bytes_in_any_pieces_come_out_valid) {
  std::mt19937 random(1);
  const std::string alphabet = "a\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x9a\x80\xed\xff\xe0\xf4\x90";
  for (int round = 0; round < 2000; ++round) {
    std::string bytes, out;
    for (unsigned n = random() % 20; n > 0; --n) bytes += alphabet[random() % alphabet.size()];
    Utf8Stream stream;
    for (size_t at = 0; at < bytes.size();) {
      const size_t n = 1 + random() % 4;
      stream.push(std::string_view(bytes).substr(at, n), out);
      at += n;
    }
    stream.finish(out);
    EXPECT_TRUE(is_valid_utf8(out));
    EXPECT_EQ(out == bytes, is_valid_utf8(bytes));
  }
}

}  // namespace
}  // namespace engine
