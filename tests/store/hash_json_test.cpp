// JSON that hashes the same: the forms of strings and numbers, the order of keys.
#include "engine/store/hash_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace engine {
namespace {

std::string written(const char* json, FloatWidth width = FloatWidth::f64) {
  std::string text = hash_json(*parse_json(json), KeyOrder::as_given, width);
  EXPECT_TRUE(text.ends_with('\n'));
  text.pop_back();
  return text;
}

TEST(HashJson, Numbers) {
  const struct {
    const char *given, *wanted;
  } rows[] = {{"0", "0"},
              {"-7", "-7"},
              {"18446744073709551615", "18446744073709551615"},
              {"0.0", "0"},
              {"-0.0", "-0"},
              {"1.0", "1"},
              {"0.7", "0.7"},
              {"-0.25", "-0.25"},
              {"123456.789", "123456.789"},
              {"0.000001", "0.000001"},
              {"0.00000123", "0.00000123"},
              {"0.0000001", "1e-7"},
              {"1.5e-10", "1.5e-10"},
              {"1e20", "100000000000000000000"},
              {"1e21", "1e+21"},
              {"1.25e300", "1.25e+300"},
              {"5e-324", "5e-324"},
              {"0.1000000000000000055511151231257827", "0.1"}};
  for (const auto& row : rows) EXPECT_EQ(written(row.given), row.wanted) << row.given;
}

TEST(HashJson, FloatsOfAModelfileHave32Bits) {
  EXPECT_EQ(written("0.1", FloatWidth::f32), "0.1");
  EXPECT_EQ(written("0.30000001192092896", FloatWidth::f32), "0.3");
  EXPECT_EQ(written("0.30000001192092896"), "0.30000001192092896");
  EXPECT_EQ(written("1e20", FloatWidth::f32), "100000000000000000000");
  EXPECT_EQ(written("3e-7", FloatWidth::f32), "3e-7");
  EXPECT_EQ(written("1e300", FloatWidth::f32), "null") << "what 32 bits cannot hold";
}

TEST(HashJson, Strings) {
  EXPECT_EQ(written(R"("a\"b\\c")"), R"("a\"b\\c")");
  EXPECT_EQ(written(R"("\b\f\n\r\t\u0001\u001f")"), R"("\b\f\n\r\t\u0001\u001f")");
  EXPECT_EQ(written("\"<a>&\""), R"("\u003ca\u003e\u0026")");
  EXPECT_EQ(written(R"("\u2028\u2029\u2027")"), "\"\\u2028\\u2029\xe2\x80\xa7\"");
  EXPECT_EQ(written("\"\xe6\x97\xa5/\x7f\""), "\"\xe6\x97\xa5/\x7f\"");
  EXPECT_EQ(hash_json(Json("\xff")), "\"\xef\xbf\xbd\"\n");
}

TEST(HashJson, KeysAndLists) {
  const Json json = *parse_json(R"({"b": [1, [], {}, null, true], "a": {"z": 1, "B": 2}})");
  EXPECT_EQ(hash_json(json), "{\"b\":[1,[],{},null,true],\"a\":{\"z\":1,\"B\":2}}\n");
  EXPECT_EQ(hash_json(json, KeyOrder::sorted),
            "{\"a\":{\"B\":2,\"z\":1},\"b\":[1,[],{},null,true]}\n");
}

}  // namespace
}  // namespace engine
