// The replacements of a SentencePiece model, and maps that are broken.
#include "engine/text/charsmap.h"

#include <gtest/gtest.h>

#include "tests/text/charsmap_builder.h"

namespace engine {
namespace {

using Bytes = std::vector<uint8_t>;

Charsmap good(const Bytes& bytes) {
  Result<Charsmap> map = Charsmap::parse(bytes);
  EXPECT_TRUE(map) << map.error().message;
  return map ? std::move(*map) : Charsmap();
}

void expect_broken(const Bytes& bytes, const std::string& part) {
  const Result<Charsmap> map = Charsmap::parse(bytes);
  ASSERT_FALSE(map) << part;
  EXPECT_EQ(map.error().code, Errc::corrupt);
  EXPECT_NE(map.error().message.find(part), std::string::npos) << map.error().message;
}

// A map of these units and the replacement "x".
Bytes of_units(const std::vector<uint32_t>& units) {
  Bytes out;
  CharsmapBuilder::put(static_cast<uint32_t>(units.size() * 4), out);
  for (const uint32_t unit : units) CharsmapBuilder::put(unit, out);
  out.push_back('x');
  out.push_back(0);
  return out;
}

// A tree whose root is at place 256, in the second block.
std::vector<uint32_t> units_of_root() {
  std::vector<uint32_t> units(512, 0x80000000u);
  units[0] = 256u << 10;
  return units;
}

TEST(Charsmap, the_longest_sequence_is_replaced) {
  const Charsmap map =
      good(CharsmapBuilder::build({{"a", "1"}, {"abc", "3"}, {"é", "e"}, {"\t", " "}, {"z", ""}}));
  const auto found = [&](std::string_view text) {
    const Charsmap::Match m = map.longest(text);
    return std::to_string(m.bytes) + ":" + std::string(m.text);
  };
  EXPECT_EQ(found("a"), "1:1");
  EXPECT_EQ(found("abx"), "1:1") << "the way on ends nowhere";
  EXPECT_EQ(found("abcd"), "3:3");
  EXPECT_EQ(found("éé"), "2:e");
  EXPECT_EQ(found("\xc3"), "0:") << "half a character";
  EXPECT_EQ(found("\t"), "1: ");
  EXPECT_EQ(found("zz"), "1:") << "replaced by nothing";
  EXPECT_EQ(found("b"), "0:");
  EXPECT_EQ(found(""), "0:");
  EXPECT_EQ(found(std::string_view("\0a", 2)), "0:");
}

TEST(Charsmap, many_sequences) {
  std::map<std::string, std::string> replaced;
  for (int i = 0; i < 200; ++i) replaced["k" + std::to_string(i * 7919)] = std::to_string(i);
  const Charsmap map = good(CharsmapBuilder::build(replaced));
  for (const auto& [from, to] : replaced) {
    const Charsmap::Match m = map.longest(from + "!");
    EXPECT_EQ(m.bytes, from.size());
    EXPECT_EQ(m.text, to);
  }
}

TEST(Charsmap, no_bytes_replace_nothing) {
  EXPECT_EQ(good({}).longest("a").bytes, 0u);
  EXPECT_EQ(Charsmap().longest("a").bytes, 0u);
  EXPECT_EQ(good({0, 0, 0, 0, 0}).longest("a").bytes, 0u) << "a tree without units";
}

TEST(Charsmap, sizes_that_do_not_fit) {
  expect_broken({1}, "a tree of 0 bytes in 1");
  expect_broken({1, 0, 0}, "a tree of 0 bytes in 3");
  expect_broken({0, 0, 0, 0}, "a tree of 0 bytes in 4");
  expect_broken({4, 0, 0, 0, 0, 0, 0, 0}, "a tree of 4 bytes in 8");
  expect_broken({3, 0, 0, 0, 0, 0, 0, 0}, "a tree of 3 bytes in 8");
  expect_broken({255, 255, 255, 255, 0, 0, 0, 0}, "a tree of 4294967295 bytes in 8");
  expect_broken({252, 255, 255, 255, 0, 0, 0, 0}, "a tree of 4294967292 bytes in 8");
  Bytes cut = CharsmapBuilder::build({{"a", "bc"}});
  cut.pop_back();
  expect_broken(cut, "does not end");
  expect_broken(Bytes((size_t{16} << 20) + 1), "more than 16777216");
}

TEST(Charsmap, trees_with_links_to_nowhere) {
  std::vector<uint32_t> units = units_of_root();
  good(of_units(units));
  units[256 ^ 'a'] = ('a' ^ 255u) << 10 | 0x100 | 'a';  // to place 256 ^ 255
  units[256 ^ 255] = 0x80000000u;
  EXPECT_EQ(good(of_units(units)).longest("a").text, "x");

  auto broken = units;
  broken[256 ^ 255] = 0x80000000u | 2;
  expect_broken(of_units(broken), "a replacement lies outside the map");
  broken = units;
  broken[256 ^ 'a'] = 0xffu << 10 | 0x200 | 0x100 | 'a';
  expect_broken(of_units(broken), "a value lies outside the tree");
  broken[256 ^ 'a'] &= ~0x100u;
  expect_broken(of_units(broken), "a link leads out of the tree");
  broken = units;
  broken[0] = 0x1fffffu << 10;
  expect_broken(of_units(broken), "a link leads out of the tree");
  broken = units;
  broken[256 ^ 'b'] = uint32_t{'b'} << 10 | 'b';  // back to the root
  expect_broken(of_units(broken), "a circle");
  units.resize(300);  // the last block need not be whole
  EXPECT_EQ(good(of_units(units)).longest("a").bytes, 0u);
}

TEST(Charsmap, any_damage_is_found_or_does_no_harm) {
  const Bytes whole = CharsmapBuilder::build({{"a", "1"}, {"ab", "22"}, {"ba", "3"}, {"ü", "ue"}});
  uint32_t random = 1;
  for (int round = 0; round < 20000; ++round) {
    Bytes bytes = whole;
    for (int n = 0; n < 1 + round % 4; ++n) {
      random = random * 1664525 + 1013904223;
      bytes[random % bytes.size()] = static_cast<uint8_t>(random >> 24);
    }
    if (const Result<Charsmap> map = Charsmap::parse(bytes))
      for (const char* text : {"a", "abab", "ba", "ü", "\xff\xfe\x01"}) {
        const Charsmap::Match m = map->longest(text);
        ASSERT_LE(m.bytes, std::string_view(text).size());
        ASSERT_LT(m.text.size(), bytes.size());
      }
  }
}

}  // namespace
}  // namespace engine
