// Modelfiles: every rule of the grammar, every error, and the way back.
#include "engine/store/modelfile.h"

#include <gtest/gtest.h>

#include <random>

namespace engine {
namespace {

std::string error_of(std::string_view text) {
  const auto file = parse_modelfile(text);
  return file ? "no error" : file.error().message;
}

// The commands as "keyword:key=value@line;".
std::string shown(std::string_view text) {
  constexpr const char* kNames[] = {
#define KEYWORD(name, value) #name,
#include "engine/store/modelfile_keywords.inc"
  };
  const auto file = parse_modelfile(text);
  if (!file) return "error: " + file.error().message;
  std::string out;
  for (const ModelfileCommand& c : file->commands) {
    out += kNames[static_cast<size_t>(c.keyword)];
    if (!c.key.empty()) out += ":" + c.key;
    out += "=" + c.value + "@" + std::to_string(c.line) + ";";
  }
  return out;
}

TEST(Modelfile, Grammar) {
  struct Case {
    std::string text, expected;
  };
  const Case cases[] = {
      {"FROM m", "from=m@1;"},
      {"from m\n", "from=m@1;"},
      {"FrOm\tm\n", "from=m@1;"},
      {"# a comment\n\n  \t# another\nFROM m", "from=m@4;"},
      {"   FROM m   \n", "from=m@1;"},
      {"FROM m # no comment", "from=m # no comment@1;"},
      {"FROM m#1", "from=m#1@1;"},
      {"FROM m\r\nSYSTEM s\r\n", "from=m@1;system=s@2;"},
      {"FROM m\rSYSTEM s\r", "from=m@1;system=s@2;"},
      {"FROM m\n\r\n\rSYSTEM s", "from=m@1;system=s@4;"},
      {"SYSTEM \"two words\"\nFROM m", "system=two words@1;from=m@2;"},
      {"SYSTEM \"two\nlines\"\nFROM m", "system=two\nlines@1;from=m@3;"},
      {"SYSTEM \"two\r\nlines\"\r\nFROM m", "system=two\r\nlines@1;from=m@3;"},
      {"SYSTEM \"\"\"\n  kept \n\"\"\"\nFROM m", "system=\n  kept \n@1;from=m@4;"},
      {"SYSTEM \"\"\"one \"quoted\" word\"\"\"\nFROM m", "system=one \"quoted\" word@1;from=m@2;"},
      {"SYSTEM \"\"\"\"\"\"\nFROM m", "system=@1;from=m@2;"},
      {"SYSTEM \"\"\nFROM m", "system=@1;from=m@2;"},
      {"SYSTEM \"a\" and \"b\"\nFROM m", "system=a\" and \"b@1;from=m@2;"},
      {"SYSTEM 'single'\nFROM m", "system='single'@1;from=m@2;"},
      {"SYSTEM a \\\nFROM m", "system=a \\@1;from=m@2;"},
      {"SYSTEM a\\nb\nFROM m", "system=a\\nb@1;from=m@2;"},
      {"SYSTEM \nFROM m", "system=@1;from=m@2;"},
      {"PARAMETER temperature 0.7\nFROM m", "parameter:temperature=0.7@1;from=m@2;"},
      {"PARAMETER   temperature \t 0.7\nFROM m", "parameter:temperature=0.7@1;from=m@2;"},
      {"PARAMETER Stop_2 \"a b\"\nFROM m", "parameter:Stop_2=a b@1;from=m@2;"},
      {"MESSAGE user Hi: there\nFROM m", "message:user=Hi: there@1;from=m@2;"},
      {"MESSAGE  ASSISTANT  \"\"\"a\nb\"\"\"\nFROM m", "message:assistant=a\nb@1;from=m@3;"},
      {"FROM a\nFROM b\nLICENSE x\nLICENSE y", "from=a@1;from=b@2;license=x@3;license=y@4;"},
      {"NAME n\nDESCRIPTION \"d\"\nFROM m", "name=n@1;description=d@2;from=m@3;"},
      {"ADAPTER a\nDRAFT d\nTEMPLATE t\nRENDERER r\nPARSER p\nREQUIRES 1\nFROM m",
       "adapter=a@1;draft=d@2;template=t@3;renderer=r@4;parser=p@5;requires=1@6;from=m@7;"},
      // what is not printable vanishes: a bell, a no-break space, a zero-width space, U+3000
      {"SYSTEM a\ab\u00a0c\u200bd\u3000e\nFROM m", "system=abcde@1;from=m@2;"},
      {"SYSTEM gr\u00fc\u00df \u4e16\u754c \U0001F600\nFROM m",
       "system=gr\u00fc\u00df \u4e16\u754c \U0001F600@1;from=m@2;"},
      {"SYSTEM a\xff\nFROM m", "system=a\ufffd@1;from=m@2;"},
      {"\xef\xbb\xbf"
       "FROM m",
       "from=m@1;"},
  };
  for (const Case& c : cases) EXPECT_EQ(shown(c.text), c.expected) << c.text;
}

TEST(Modelfile, Utf16) {
  const std::u16string text = u"# \u00e4\nFROM m\r\nSYSTEM \U0001F600 \xD800x";
  std::string little = "\xff\xfe", big = "\xfe\xff";
  for (const char16_t c : text) {
    little += {static_cast<char>(c & 0xff), static_cast<char>(c >> 8)};
    big += {static_cast<char>(c >> 8), static_cast<char>(c & 0xff)};
  }
  const std::string expected = "from=m@2;system=\U0001F600 \ufffdx@3;";
  EXPECT_EQ(shown(little), expected);
  EXPECT_EQ(shown(big), expected);
  EXPECT_EQ(shown(little + "y"), "from=m@2;system=\U0001F600 \ufffdx\ufffd@3;");  // half a unit
}

constexpr const char* kUnknown =
    "command must be one of \"from\", \"license\", \"template\", \"system\", \"adapter\", "
    "\"draft\", \"renderer\", \"parser\", \"parameter\", \"message\", or \"requires\"";

TEST(Modelfile, Errors) {
  const std::string unknown = kUnknown;
  const std::string role = "message role must be one of \"system\", \"user\", or \"assistant\"";
  struct Case {
    std::string text, expected;
  };
  const Case cases[] = {
      {"", "no FROM line"},
      {"# FROM m", "no FROM line"},
      {"SYSTEM s\n", "no FROM line"},
      {"FROM m\nFOO bar\n", "(line 2): " + unknown},
      {"FROM m\n\nPARAMETERS a 1\n", "(line 3): " + unknown},
      {"FROM\nSYSTEM s", "(line 1): " + unknown},  // without a value
      {"FRO-M m", "(line 1): " + unknown},
      {"FROM m\r\nFOO bar\r\n", "(line 2): " + unknown},
      {"\"FROM\" m", "(line 1): " + unknown},
      {"FROM", "unexpected EOF"},
      {"PARAMETER", "unexpected EOF"},
      {"FROM m\nPARAMETER temp", "unexpected EOF"},
      {"FROM m\nMESSAGE user", "unexpected EOF"},
      {"FROM m\nPARAMETER temp\n", "unexpected EOF: temp"},
      {"FROM m\nPARAMETER te-mp 1\n", "unexpected EOF: te"},
      {"FROM m\nPARAMETER \n", "unexpected EOF"},
      {"FROM m\nMESSAGE user\n", "unexpected EOF: user"},
      {"FROM m\nMESSAGE us3r x\n", "unexpected EOF: us"},
      {"FROM m\nMESSAGE tool x\n", "(line 2): " + role},
      {"FROM m\nSYSTEM \"open\nFROM x", "unexpected EOF"},
      {"FROM m\nSYSTEM \"\"\"open\"\n", "unexpected EOF"},
      {"FROM m\nSYSTEM \"", "unexpected EOF"},
      {"FROM m\nSYSTEM \"\"\"\"", "unexpected EOF"},
  };
  for (const Case& c : cases) EXPECT_EQ(error_of(c.text), c.expected) << c.text;
}

TEST(Modelfile, PrintsWhatItReads) {
  for (const std::string value : {"plain",
                                  "",
                                  " blank in front",
                                  "blank behind ",
                                  "\ttab",
                                  "two\nlines",
                                  "a \"quoted\" word",
                                  "\"begins so",
                                  "ends so\"",
                                  "\"",
                                  "\"\"",
                                  "\"\"\"",
                                  "a\r\nb",
                                  "one \"and\"\ntwo",
                                  "# comment",
                                  "\u4e16 \U0001F600",
                                  "a\"\"\"b",
                                  "\n",
                                  "\n\n",
                                  "x\n \n"}) {
    Modelfile file;
    file.commands = {{Keyword::from_, "", "m"},
                     {Keyword::parameter_, "stop", value},
                     {Keyword::message_, "user", value},
                     {Keyword::system_, "", value}};
    const auto again = parse_modelfile(print_modelfile(file));
    ASSERT_TRUE(again) << value << ": " << again.error().message;
    EXPECT_EQ(again->commands, file.commands) << value;
  }
  EXPECT_EQ(print_command({Keyword::parameter_, "temperature", "0.7"}),
            "PARAMETER temperature 0.7\n");
  EXPECT_EQ(print_command({Keyword::system_, "", "a\nb"}), "SYSTEM \"a\nb\"\n");
  EXPECT_EQ(print_command({Keyword::system_, "", "a\n\"b\""}), "SYSTEM \"\"\"a\n\"b\"\"\"\"\n");
}

// Whatever can be read is printed so that it reads the same.
TEST(Modelfile, RoundTrip) {
  const std::string_view pieces[] = {"FROM ",  "from ",  "SYSTEM ",  "PARAMETER ", "stop ", "\"",
                                     "\"\"\"", "\n",     "\r\n",     " ",          "\t",    "x",
                                     "# ",     "\u4e16", "MESSAGE ", "user ",      "\xff",  ": "};
  std::mt19937 random(7);
  int read = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string text = round % 2 ? "FROM m\n" : "";
    for (int i = static_cast<int>(random() % 12); i > 0; --i)
      text += pieces[random() % std::size(pieces)];
    const auto file = parse_modelfile(text);
    if (!file) continue;
    ++read;
    const std::string printed = print_modelfile(*file);
    const auto again = parse_modelfile(printed);
    ASSERT_TRUE(again) << text << "\n---\n" << printed << "\n" << again.error().message;
    ASSERT_EQ(again->commands, file->commands) << text << "\n---\n" << printed;
  }
  EXPECT_GT(read, 1000);
}

TEST(Modelfile, LongOpenValuesTakeLinearTime) {
  const std::string text = "FROM m\nSYSTEM \"" + std::string(4 << 20, '\n');
  EXPECT_EQ(error_of(text), "unexpected EOF");
}

}  // namespace
}  // namespace engine
