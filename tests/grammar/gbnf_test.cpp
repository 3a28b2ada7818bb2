// The GBNF parser and the automaton: what is accepted, what is refused, and how errors read.
#include "tests/grammar/support.h"

namespace engine::grammar {
namespace {

struct GbnfCase {
  const char* grammar;
  std::vector<const char*> yes, no;
};

TEST(Gbnf, AcceptsAndRejects) {
  const GbnfCase cases[] = {
      {"root ::= \"ab\"", {"ab"}, {"", "a", "abc", "b"}},
      {"root ::= \"a\" | \"b\" |", {"a", "b", ""}, {"ab", "c"}},
      {"root ::= [a-c]+", {"a", "abcabc"}, {"", "d", "ad"}},
      {"root ::= [^a-c]", {"d", "\xc3\xa9", "\xf0\x9f\x98\x80"}, {"a", "\xc3", "dd"}},
      {"root ::= .", {"x", "\xe4\xb8\xad", "\n"}, {"", "xx", "\xff", "\xed\xa0\x80", "\xc0\x80"}},
      {"root ::= \"x\"* \"y\"?", {"", "xxx", "y", "xy"}, {"yy", "yx"}},
      {"root ::= \"x\"{2}", {"xx"}, {"x", "xxx"}},
      {"root ::= \"x\"{2,}", {"xx", "xxxxx"}, {"x"}},
      {"root ::= \"x\"{ 1 , 3 }", {"x", "xxx"}, {"", "xxxx"}},
      {"root ::= \"x\"{0}", {""}, {"x"}},
      {"root ::= (\"a\" | \"b\" \"c\"){2}", {"aa", "abc", "bcbc"}, {"a", "bb"}},
      {"root ::= \"(\" root \")\" | \"\"", {"", "()", "((()))"}, {"(", "())"}},
      {"root ::= a\na ::= \"x\" a | \"y\"", {"y", "xxxy"}, {"x", "xx"}},
      {"# comment\nroot ::= # another\n  \"a\"\n\n\n# end", {"a"}, {"b"}},
      {"root ::= (\n \"a\"\n \"b\" |\n \"c\"\n)", {"ab", "c"}, {"a"}},
      {"root ::= \"a\" |\n  \"b\"", {"a", "b"}, {"ab"}},
      {R"(root ::= "\x41\u00e9\U0001F600\t\n\r\\\"\[\]")",
       {"A\xc3\xa9\xf0\x9f\x98\x80\t\n\r\\\"[]"},
       {"A"}},
      {R"(root ::= [\]\-\\a-b]+)", {"]-\\ab"}, {"c"}},
      {"root ::= [a-]", {"a", "-"}, {"b"}},
      {"root ::= [\xc3\xa0-\xc3\xbf]+", {"\xc3\xa0\xc3\xbf"}, {"a", "\xc3"}},
      {"root ::= [\\u0700-\\U00020000]",
       {"\xdc\x80", "\xe4\xb8\xad", "\xf0\xa0\x80\x80"},
       {"\xdb\xbf", "\xf0\xa0\x80\x81", "\xed\xa0\x80"}},
      {"root ::= (\"a\"*)*", {"", "aaaa"}, {"b"}},
      {"root ::= e e e \"x\"\ne ::= \"y\"?", {"x", "yyyx"}, {"yyyyx"}},
      {"root ::= \"ab\"{0,2000}", {"", "abab"}, {"aba"}},
  };
  for (const GbnfCase& c : cases) {
    const auto program = gbnf(c.grammar);
    for (const char* text : c.yes) EXPECT_TRUE(accepts(program, text)) << c.grammar << " " << text;
    for (const char* text : c.no) EXPECT_FALSE(accepts(program, text)) << c.grammar << " " << text;
  }
}

TEST(Gbnf, ErrorsNameThePlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "grammar: there is no rule 'root', with which the text begins"},
      {"a ::= \"x\"", "grammar: there is no rule 'root', with which the text begins"},
      {"root = \"x\"", "grammar: line 1, column 6: '::=' was expected behind the name of a rule"},
      {"root ::= b", "grammar: line 1, column 10: rule 'b' is used but not defined"},
      {"root ::= \"a\"\nroot ::= \"b\"", "grammar: line 2, column 1: rule 'root' is defined twice"},
      {"root ::= \"a", "grammar: line 1, column 10: a literal without its closing '\"'"},
      {"root ::= [a", "grammar: line 1, column 10: a class without its closing ']'"},
      {"root ::= [b-a]", "grammar: line 1, column 14: a range of a class ends before it begins"},
      {"root ::= []", "grammar: line 1, column 10: a class without characters"},
      {"root ::= (\"a\"", "grammar: line 1, column 10: a '(' without its ')'"},
      {"root ::= \"a\")", "grammar: line 1, column 13: a ')' without its '('"},
      {"root ::= *", "grammar: line 1, column 10: a repetition stands behind an item"},
      {"root ::= \"a\"{3,2}", "grammar: line 1, column 17: the maximum is below the minimum"},
      {"root ::= \"a\"{2001}",
       "grammar: line 1, column 18: 2001 repetitions are too many (at most 2000)"},
      {"root ::= \"a\"{x}", "grammar: line 1, column 14: a number was expected"},
      {"root ::= \"\\q\"",
       "grammar: line 1, column 11: unknown escape: \\x \\u \\U \\t \\r \\n \\\\ \\\" \\[ \\] \\- "
       "are known"},
      {"root ::= \"\\ud800\"", "grammar: line 1, column 11: this is no Unicode character"},
      {"root ::= \"\xff\"", "grammar: line 1, column 11: invalid UTF-8"},
      {"root ::= <think>", "grammar: line 1, column 10: <think> is no single token of this model"},
      {"root ::= root \"a\" | \"b\"",
       "the grammar has a left recursion: rule 'root' begins with itself"},
      {"root ::= a\na ::= b? a", "the grammar has a left recursion: rule 'a' begins with itself"},
  };
  for (const auto& [text, error] : cases) {
    if (std::string(text) == "root ::= a\na ::= b? a") {
      EXPECT_EQ(gbnf_error(std::string(text) + "\nb ::= \"x\""), error);
      continue;
    }
    EXPECT_EQ(gbnf_error(text), error) << text;
  }
}

TEST(Gbnf, HostileTextsAreBounded) {
  std::string nested = "root ::= ";
  for (int i = 0; i < 5000; ++i) nested += '(';
  EXPECT_NE(gbnf_error(nested).find("nested too deeply"), std::string::npos);
  EXPECT_EQ(gbnf_error("root ::= ((\"a\"{2000}){2000}){2000}"), "") << "parts are shared";
  std::string large = "root ::= r0";
  for (int i = 0; i < 600; ++i) large += "\nr" + std::to_string(i) + " ::= (\"a\" \"b\"){2000}";
  EXPECT_NE(gbnf_error(large).find("too large"), std::string::npos);
  EXPECT_NE(gbnf_error(std::string(kMaxGrammarBytes + 1, ' ')).find("too long"), std::string::npos);
  // A long chain of rules: no recursion of ours.
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 20000; ++i)
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + "?\n";
  chain += "r20000 ::= \"x\"";
  EXPECT_TRUE(accepts(gbnf(chain), "x"));
  // Every prefix can be read in exponentially many ways: refused, not computed.
  const auto program = gbnf("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"");
  Matcher m(program);
  Matcher::State s = m.start();
  for (int i = 0; i < 64 && s != Matcher::kDead; ++i) s = m.next(s, "a");
  EXPECT_EQ(s, Matcher::kDead);
  EXPECT_TRUE(m.exhausted());
}

TEST(Matcher, DeepNestingAndTrim) {
  const auto program = gbnf("root ::= \"(\" root \")\" root | \"\"");
  Matcher m(program);
  Matcher::State s = m.start();
  for (int i = 0; i < 20000; ++i) {
    s = m.next(s, "(");
    ASSERT_NE(s, Matcher::kDead) << i;
    m.trim(s);
    ASSERT_LE(m.bytes(), Matcher::kMaxBytes);
  }
  for (int i = 0; i < 20000; ++i) {
    EXPECT_FALSE(m.accepts(s));
    s = m.next(s, ")");
    m.trim(s);
  }
  EXPECT_TRUE(m.accepts(s));
}

TEST(Matcher, TextBehindThinking) {
  Grammar g = *parse_gbnf("root ::= \"{}\"");
  const auto inside = compiled(behind_thinking(g, Start::after_thinking, "<think>", "</think>"));
  for (const char* text : {"</think>{}", "a < b </think>\n\n{}", "x<</think></think>{}"})
    EXPECT_EQ(accepts(inside, text), std::string(text).find("k></t") == std::string::npos) << text;
  EXPECT_FALSE(accepts(inside, "{}"));
  const auto maybe = compiled(behind_thinking(g, Start::may_think_before, "<think>", "</think>"));
  EXPECT_TRUE(accepts(maybe, "{}"));
  EXPECT_TRUE(accepts(maybe, "<think>\nso {\"\n</think>\n\n{}"));
  EXPECT_FALSE(accepts(maybe, "so {}"));
  EXPECT_FALSE(accepts(maybe, "<think>{}"));
}

}  // namespace
}  // namespace engine::grammar
