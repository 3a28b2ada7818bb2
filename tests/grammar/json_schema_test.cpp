// JSON mode and JSON schemas: accept and reject tables per keyword, and what is refused.
#include "tests/grammar/support.h"

namespace engine::grammar {
namespace {

struct SchemaCase {
  const char* schema;
  std::vector<std::string> yes, no;
};

void check(const std::vector<SchemaCase>& cases) {
  for (const SchemaCase& c : cases) {
    const auto program = schema(c.schema);
    for (const std::string& text : c.yes)
      EXPECT_TRUE(accepts(program, text)) << c.schema << "  " << text;
    for (const std::string& text : c.no)
      EXPECT_FALSE(accepts(program, text)) << c.schema << "  " << text;
  }
}

TEST(JsonMode, AnyObject) {
  const auto program = compiled(json_grammar());
  for (const char* text :
       {"{}", "{ }", R"({"a":1})",
        "{\n\t\"a\" : [1, -2.5e+3, \"x\\n\\u00e9\\ud83d\\ude00\", true, false, null, {}]\n}",
        R"({"":{"b":[[],[{}]]}})"})
    EXPECT_TRUE(accepts(program, text)) << text;
  for (const char* text :
       {"", "[]", "1", "{", "{}x", "{} ", R"({"a"})", R"({"a":1,})", R"({"a":01})",
        "{\"a\":\"\n\"}", R"({"a":"\ud800"})", R"({"a":"\x"})", R"({a:1})", R"({"a":1 "b":2})"})
    EXPECT_FALSE(accepts(program, text)) << text;
  EXPECT_FALSE(accepts(program, "{" + std::string(21, ' ') + "}")) << "gaps are bounded";
}

TEST(JsonSchema, Types) {
  check({
      {"true", {"1", "{}", "[null]", "\"a\""}, {"", "x"}},
      {"{}", {"1", "{}"}, {"x"}},
      {R"({"type":"null"})", {"null"}, {"0"}},
      {R"({"type":"boolean"})", {"true", "false"}, {"1", "True"}},
      {R"({"type":"integer"})",
       {"0", "-12", "1234567890123456"},
       {"01", "1.0", "1e3", "-", "12345678901234567"}},
      {R"({"type":"number"})", {"0", "-1.25", "1e-9", "2E+10"}, {".5", "1.", "+1", "1e", "00"}},
      {R"({"type":"string"})",
       {R"("")", R"("a\"b")", "\"\xc3\xa9\""},
       {"a", "\"", "\"\t\"", "\"\xff\""}},
      {R"({"type":["integer","null"]})", {"1", "null"}, {"\"\"", "true"}},
      {R"({"type":"integer","nullable":true})", {"1", "null"}, {"\"\""}},
      {R"({"type":"array"})", {"[]", "[1, \"a\"]"}, {"{}", "[1,]"}},
      {R"({"type":"object"})", {"{}", R"({"a":[1]})"}, {"[]"}},
  });
}

TEST(JsonSchema, Objects) {
  check({
      {R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a","b"]})",
       {R"({"a":1,"b":"x"})", "{ \"a\": 1, \"b\": \"x\" }", "{\n  \"a\": 1,\n  \"b\": \"\"\n}"},
       {"{}", R"({"a":1})", R"({"b":"x","a":1})", R"({"a":1,"b":"x","c":2})",
        R"({"a":"1","b":"x"})"}},
      {R"({"properties":{"a":{},"b":{},"c":{}},"required":["b"]})",
       {R"({"b":1})", R"({"a":1,"b":1})", R"({"b":1,"c":1})", R"({"a":1,"b":2,"c":3})"},
       {"{}", R"({"a":1})", R"({"a":1,"c":1})", R"({"b":1,})", R"({,"b":1})"}},
      {R"({"type":"object","properties":{"a":{},"b":{}}})",
       {"{}", R"({"a":1})", R"({"b":1})", R"({"a":1,"b":1})"},
       {R"({"b":1,"a":1})", R"({"x":1})"}},
      {R"({"type":"object","additionalProperties":{"type":"integer"}})",
       {"{}", R"({"x":1,"y":2})"},
       {R"({"x":"1"})"}},
      {R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"x":1})"}},
      {R"({"type":"object","properties":{"ab":{"type":"integer"}},"required":["ab"],"additionalProperties":true})",
       {R"({"ab":1})", R"({"ab":1,"a":null,"abc":2,"x\n":[]})"},
       {R"({"ab":1,"ab":2})", R"({"x":1})", R"({"ab":1,"\u0061b":2})"}},
      {R"({"type":"object","properties":{"a":{}},"additionalProperties":{"type":"null"}})",
       {"{}", R"({"b":null})", R"({"a":1,"b":null,"c":null})"},
       {R"({"b":1})", R"({"b":null,"a":1})"}},
      {R"({"type":"object","required":["z"]})",
       {R"({"z":1})", R"({"z":1,"y":2})"},
       {"{}", R"({"y":1})"}},
      {R"({"type":"object","properties":{"q\"\u00e9":{}},"required":["q\"\u00e9"]})",
       {"{\"q\\\"\xc3\xa9\":1}"},
       {"{}"}},
      {R"({"type":"object","additionalProperties":{"type":"integer"},"minProperties":1,"maxProperties":2})",
       {R"({"a":1})", R"({"a":1,"b":2})"},
       {"{}", R"({"a":1,"b":2,"c":3})"}},
  });
}

TEST(JsonSchema, Arrays) {
  check({
      {R"({"type":"array","items":{"type":"integer"}})",
       {"[]", "[1]", "[1, 2,3]"},
       {"[\"a\"]", "[1 2]"}},
      {R"({"items":{"type":"integer"},"minItems":2,"maxItems":3})",
       {"[1,2]", "[1,2,3]"},
       {"[]", "[1]", "[1,2,3,4]"}},
      {R"({"type":"array","maxItems":0})", {"[]"}, {"[1]"}},
      {R"({"type":"array","minItems":1})", {"[1]", "[1,2]"}, {"[]"}},
      {R"({"prefixItems":[{"type":"integer"},{"type":"string"}]})",
       {R"([1,"a"])"},
       {"[1]", R"([1,"a",2])", R"(["a",1])"}},
      {R"({"prefixItems":[{"type":"integer"}],"items":{"type":"null"}})",
       {"[1]", "[1,null,null]"},
       {"[]", "[1,2]"}},
      {R"({"prefixItems":[{"type":"integer"}],"items":{"type":"null"},"minItems":2,"maxItems":3})",
       {"[1,null]", "[1,null,null]"},
       {"[1]", "[1,null,null,null]"}},
      {R"({"type":"array","items":[{"type":"integer"},{"type":"null"}]})",
       {"[1,null]"},
       {"[1]", "[]"}},
      {R"({"type":"array","items":{"type":"array","items":{"type":"boolean"}}})",
       {"[[true],[]]"},
       {"[true]"}},
      {R"({"type":"array","items":false})", {"[]"}, {"[1]"}},
  });
}

TEST(JsonSchema, ValuesAndCombinations) {
  check({
      {R"({"enum":["a","b\"c",1,null,{"x":[1]},"\u4e2d"]})",
       {"\"a\"", R"("b\"c")", "1", "null", R"({"x":[1]})", "\"\xe4\xb8\xad\""},
       {"\"b\"", "2", "\"a"}},
      {R"({"const":"x","type":"string"})", {"\"x\""}, {"\"y\""}},
      {R"({"type":"integer","enum":[1,"a",2]})", {"1", "2"}, {"\"a\""}},
      {R"({"anyOf":[{"type":"integer"},{"type":"null"}]})", {"1", "null"}, {"true"}},
      {R"({"oneOf":[{"type":"integer"},{"const":"a"}]})", {"1", "\"a\""}, {"\"b\""}},
      {R"({"type":"object","properties":{"k":{}},"required":["k"],"anyOf":[{"properties":{"a":{}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}]})",
       {R"({"k":1,"a":2})", R"({"k":1,"b":2})"},
       {R"({"k":1})", R"({"a":2})"}},
      {R"({"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"b":{"type":"null"}},"required":["b"]}]})",
       {R"({"a":1,"b":null})"},
       {R"({"a":1})", "{}"}},
      {R"({"allOf":[{"enum":[1,2,3]},{"enum":[2,3,4]}]})", {"2", "3"}, {"1", "4"}},
      {R"({"allOf":[{"type":"integer","minimum":3},{"type":"number","maximum":5}]})",
       {"3", "5"},
       {"2", "6", "3.5"}},
      {R"({"allOf":[{"type":["string","null"]},{"anyOf":[{"type":"integer"},{"type":"null"}]}]})",
       {"null"},
       {"1", "\"\""}},
      {R"({"$defs":{"n":{"type":"integer"}},"type":"array","items":{"$ref":"#/$defs/n"}})",
       {"[1,2]"},
       {"[\"a\"]"}},
      {R"({"definitions":{"a/b":{"const":1}},"$ref":"#/definitions/a~1b"})", {"1"}, {"2"}},
      {R"({"$defs":{"t":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/t"},{"type":"null"}]}},"required":["v","next"]}},"$ref":"#/$defs/t"})",
       {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":null}})"},
       {R"({"v":1})", R"({"v":1,"next":{}})"}},
      {R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"}},
      {R"({"$defs":{"a":{"properties":{"x":{}},"required":["x"]}},"$ref":"#/$defs/a","properties":{"y":{}},"required":["y"]})",
       {R"({"x":1,"y":2})"},
       {R"({"x":1})"}},
      {R"({"title":"T","description":"d","default":3,"examples":[1],"$schema":"x","type":"integer"})",
       {"1"},
       {"\"\""}},
  });
}

TEST(JsonSchema, Strings) {
  check({
      {R"({"minLength":2,"maxLength":3})",
       {"\"ab\"", "\"\xc3\xa9\xe4\xb8\xad\\n\"", R"("\ud83d\ude00b")"},
       {"\"a\"", "\"abcd\"", "\"\""}},
      {R"({"type":"string","maxLength":0})", {"\"\""}, {"\"a\""}},
      {R"({"pattern":"^[a-c]{2}\\d?$"})", {"\"ab\"", "\"cc7\""}, {"\"a\"", "\"abx\"", "\"xab\""}},
      {R"({"pattern":"ab"})", {"\"ab\"", "\"xxabyy\""}, {"\"a\"", "\"ba\""}},
      {R"({"pattern":"^a|b$"})", {"\"axx\"", "\"xxb\""}, {"\"xax\""}},
      {R"({"pattern":"^(foo|ba(?:r|z))+?$"})", {"\"foobar\"", "\"baz\""}, {"\"\"", "\"fo\""}},
      {R"({"pattern":"^\\w+@\\w+\\.com$"})", {"\"a_1@b.com\""}, {"\"a@bXcom\"", "\"@b.com\""}},
      {R"({"pattern":"^[^a]\"\\\\$"})", {R"("b\"\\")"}, {R"("a\"\\")"}},
      {R"({"pattern":"^.\\n$"})", {R"("x\n")", R"("\"\n")"}, {R"("\n\n")", "\"x\n\""}},
      {R"({"pattern":"^\\u4e2d[\\x41-\\x43]{1,2}$"})",
       {"\"\xe4\xb8\xad"
        "AC\""},
       {"\"\xe4\xb8\xad\""}},
      {R"({"format":"date"})", {"\"2026-12-31\""}, {"\"2026-13-01\"", "\"26-12-31\""}},
      {R"({"format":"time"})",
       {"\"23:59:59Z\"", "\"01:02:03.123+02:00\""},
       {"\"24:00:00Z\"", "\"01:02:03\""}},
      {R"({"type":"string","format":"date-time"})",
       {"\"2026-01-01T10:00:00Z\""},
       {"\"2026-01-01\""}},
      {R"({"format":"uuid"})", {"\"123e4567-e89b-12d3-a456-426614174000\""}, {"\"123e4567\""}},
      {R"({"format":"email"})", {"\"a.b@c.de\""}, {"\"a@b\"", "\"a b@c.de\""}},
      {R"({"format":"ipv4"})",
       {"\"127.0.0.1\"", "\"255.255.255.255\""},
       {"\"256.1.1.1\"", "\"1.1.1\""}},
      {R"({"format":"uri"})", {"\"https://a.b/c?d=e#f\""}, {"\"a b\"", "\"//x\""}},
      {R"({"type":"string","format":"something"})", {"\"x\""}, {"1"}},
      {R"({"type":"integer","format":"int32"})", {"1"}, {"\"1\""}},
  });
}

// Against the comparison itself, for bounds of several lengths and signs.
TEST(JsonSchema, IntegerRanges) {
  const int bounds[] = {-1234, -1000, -999, -100, -99, -10, -7,  -1,   0,   1,
                        5,     9,     10,   42,   99,  100, 999, 1000, 1234};
  for (const int lo : bounds)
    for (const int hi : bounds) {
      if (hi < lo) continue;
      const auto program = schema("{\"type\":\"integer\",\"minimum\":" + std::to_string(lo) +
                                  ",\"maximum\":" + std::to_string(hi) + "}");
      for (int n = -1300; n <= 1300; n += (n > -120 && n < 120) ? 1 : 7)
        ASSERT_EQ(accepts(program, std::to_string(n)), lo <= n && n <= hi)
            << lo << " " << hi << " " << n;
      for (const int n : {lo, hi, lo - 1, hi + 1})
        ASSERT_EQ(accepts(program, std::to_string(n)), lo <= n && n <= hi)
            << lo << " " << hi << " " << n;
    }
  check({
      {R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":6})", {"4", "5"}, {"3", "6"}},
      {R"({"type":"integer","minimum":0.5,"maximum":2.5})", {"1", "2"}, {"0", "3"}},
      {R"({"type":"integer","minimum":-2.5,"maximum":-0.5})", {"-1", "-2"}, {"0", "-3", "-0"}},
      {R"({"type":"integer","minimum":0})", {"0", "9999999999999999"}, {"-1"}},
      {R"({"type":"integer","maximum":-1})", {"-1", "-1000"}, {"0", "1"}},
      {R"({"type":"integer","minimum":1,"exclusiveMinimum":true})", {"2"}, {"1"}},
  });
}

TEST(JsonSchema, NumberRanges) {
  const double bounds[] = {-12.5, -10, -1.25, -0.5, -0.05, 0, 0.05, 0.5, 1, 1.25, 9.99, 10, 12.5};
  const char* texts[] = {"-100",  "-12.51", "-12.5",  "-12.500", "-12.49", "-12",  "-10.0",
                         "-9.9",  "-1.3",   "-1.25",  "-1.2",    "-1",     "-0.6", "-0.5",
                         "-0.49", "-0.05",  "-0.049", "-0.01",   "0",      "0.0",  "0.01",
                         "0.05",  "0.051",  "0.5",    "0.50",    "0.51",   "1",    "1.0",
                         "1.24",  "1.25",   "1.250",  "1.26",    "9.98",   "9.99", "9.991",
                         "10",    "10.00",  "10.01",  "12.5",    "12.51",  "13",   "99"};
  for (const double lo : bounds)
    for (const double hi : bounds)
      for (const bool open : {false, true}) {
        if (hi < lo || (open && hi == lo)) continue;
        Json s{{"type", "number"}};
        s[open ? "exclusiveMinimum" : "minimum"] = lo;
        s[open ? "exclusiveMaximum" : "maximum"] = hi;
        const auto program = schema(dump_json(s));
        for (const char* t : texts) {
          const double v = std::atof(t);
          const bool inside = open ? lo < v && v < hi : lo <= v && v <= hi;
          ASSERT_EQ(accepts(program, t), inside) << s << " " << t;
        }
      }
  check({{R"({"type":"number","minimum":0})", {"0", "0.001", "123456.75"}, {"-0.1", "1e5"}},
         {R"({"type":"number","exclusiveMinimum":0})", {"0.001", "1"}, {"0", "0.0", "-1"}},
         {R"({"minimum":2.5})", {"2.5", "3"}, {"2.4"}}});
}

TEST(JsonSchema, RefusedRatherThanIgnored) {
  for (const char* key :
       {"not", "if", "patternProperties", "propertyNames", "contains", "dependentRequired",
        "multipleOf", "unevaluatedProperties", "uniqueItems"})
    EXPECT_EQ(schema_error("{\"type\":\"object\",\"properties\":{\"a\":{\"" + std::string(key) +
                           "\":true}}}"),
              "JSON schema conversion failed:\n$.properties.a: the keyword \"" + std::string(key) +
                  "\" is not supported");
  EXPECT_EQ(schema_error(R"({"type":"array","uniqueItems":false})"), "");
  const std::pair<const char*, const char*> cases[] = {
      {"5", "JSON schema error at $: a schema must be an object or a boolean"},
      {"false", "the schema allows no value"},
      {R"({"type":"text"})", "unknown type \"text\""},
      {R"({"type":[]})", "JSON schema error at $: \"type\""},
      {R"({"properties":[]})", "\"properties\" must be an object"},
      {R"({"required":"a"})", "\"required\" must be a list of names"},
      {R"({"enum":[]})", "\"enum\" must be a list of values"},
      {R"({"type":"string","enum":[1]})", "no value of \"enum\""},
      {R"({"anyOf":[]})", "must be lists of schemas"},
      {R"({"$ref":"http://x/y"})", "Unresolved $ref http://x/y"},
      {R"({"$ref":"#/$defs/none"})", "Unresolved $ref #/$defs/none"},
      {R"({"$ref":"#"})", "left recursion"},
      {R"({"allOf":[{"$ref":"#"}]})", "too deeply"},
      {R"({"minLength":-1})", "\"minLength\" must be a whole number"},
      {R"({"minLength":3,"maxLength":2})", "\"maxLength\" is below \"minLength\""},
      {R"({"pattern":"("})", "Invalid pattern (: a '(' without its ')'"},
      {R"({"pattern":"^(?=a)$"})", "look-around"},
      {R"({"pattern":"^\\bfoo$"})", "'\\b' is not supported"},
      {R"({"pattern":"^(a)\\1$"})", "'\\1' is not supported"},
      {R"({"pattern":"a","maxLength":3})", "cannot be combined"},
      {R"({"type":"integer","minimum":3,"maximum":2})", "within the bounds"},
      {R"({"type":"integer","minimum":2.1,"maximum":2.9})", "within the bounds"},
      {R"({"properties":{"a":{}},"minLength":2})", "\"type\" is missing"},
      {R"({"type":"object","properties":{"a":{},"b":{}},"minProperties":1})", "minProperties"},
      {R"({"additionalProperties":false,"required":["a"]})", "not declared"},
      {R"({"allOf":[{"type":"string"},{"type":"integer"}]})", "the schema allows no value"},
      {R"({"allOf":[{"pattern":"a"},{"pattern":"b"}]})", "\"pattern\" cannot be combined"},
  };
  for (const auto& [text, error] : cases)
    EXPECT_NE(schema_error(text).find(error), std::string::npos) << text << "\n"
                                                                 << schema_error(text);
}

TEST(JsonSchema, HostileSchemasAreBounded) {
  std::string deep;
  for (int i = 0; i < 190; ++i) deep += R"({"type":"array","items":)";
  deep += "true" + std::string(190, '}');
  EXPECT_EQ(schema_error(deep), "");
  // Every definition uses the next one twice beside a keyword of its own: copies double.
  std::string bomb = R"({"$defs":{)";
  for (int i = 0; i < 60; ++i)
    bomb += "\"d" + std::to_string(i) + R"(":{"allOf":[{"$ref":"#/$defs/d)" +
            std::to_string(i + 1) + R"("},{"$ref":"#/$defs/d)" + std::to_string(i + 1) + R"("}]},)";
  bomb += R"("d60":{"type":"integer"}},"$ref":"#/$defs/d0"})";
  EXPECT_NE(schema_error(bomb), "");
  EXPECT_EQ(schema_error(R"({"minLength":100000,"maxLength":100000})"), "");
  EXPECT_NE(schema_error(R"({"minLength":100001})").find("too large"), std::string::npos);
}

}  // namespace
}  // namespace engine::grammar
