// The Go template language: every action, the functions, printing, errors with their place, and
// templates that want to use up the machine.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/text/gotemplate/interpreter.h"

namespace engine::gotemplate {
namespace {

const char* const kData =
    R"({"a":"x","n":null,"yes":true,"no":false,"one":1,"half":0.5,"list":["p","q","r"],"empty":[],
        "map":{"k":"v","j":"w"},"deep":{"er":{"est":"end"}},"rows":[{"id":"1"},{"id":"2"}],"é":"ü"})";

Result<Rendered> run(const std::string& source, RunOptions options = {}) {
  ENGINE_TRY(program, parse_program(source));
  const Result<Json> data = parse_json(kData);
  return Interpreter(*program, options).run(from_json(*data));
}
std::string show(const std::string& source) {
  const Result<Rendered> out = run(source);
  return out ? out->text : "error: " + out.error().message;
}

TEST(GoTemplate, TextAndTrimMarkers) {
  EXPECT_EQ(show(""), "");
  EXPECT_EQ(show("plain } }} { text"), "plain } }} { text");
  EXPECT_EQ(show("a \n {{- 1 -}} \t\r\n b"), "a1b");
  EXPECT_EQ(show("a {{-1}} b"), "a -1 b") << "without a space it is a minus";
  EXPECT_EQ(show("a {{- /* c \n d */ -}} b"), "ab");
  EXPECT_EQ(show("a {{/* c */}} b"), "a  b");
  EXPECT_EQ(show("{{1 -}}  {{- 2}}"), "12");
  EXPECT_EQ(show("{{\n print\n  1\n}}"), "1") << "newlines inside actions";
  EXPECT_EQ(show("a\r\nb"), "a\nb");
  EXPECT_EQ(show("{{ \"}}\" }}"), "}}");
}

TEST(GoTemplate, Constants) {
  EXPECT_EQ(show(R"({{ "a\n\t\"\\\x41\u00e9\101\U0001F600" }})"), "a\n\t\"\\A\u00e9A\U0001F600");
  EXPECT_EQ(show("{{ `a\\n\"` }}"), "a\\n\"");
  EXPECT_EQ(show("{{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }} {{ +3 }}"),
            "31 5 15 15 1000 3");
  EXPECT_EQ(show("{{ 1.5 }} {{ .5 }} {{ 1e3 }} {{ 1e6 }} {{ 0x1p4 }} {{ 1e-5 }}"),
            "1.5 0.5 1000 1e+06 16 1e-05");
  EXPECT_EQ(show("{{ 'a' }} {{ '\\n' }} {{ '\u00e9' }} {{ '\\'' }}"), "97 10 233 39");
  EXPECT_EQ(show("{{ true }} {{ false }}"), "true false");
}

TEST(GoTemplate, IfWithRange) {
  EXPECT_EQ(show("{{ if .a }}1{{ else }}2{{ end }}{{ if .none }}3{{ else }}4{{ end }}"), "14");
  EXPECT_EQ(show("{{ if .no }}1{{ else if .n }}2{{ else if .yes }}3{{ else }}4{{ end }}"), "3");
  EXPECT_EQ(show("{{ if .no }}1{{ else if .n }}2{{ else }}4{{ end }}!"), "4!");
  for (const char* zero : {".n", ".no", "0", "0.0", "\"\"", ".empty", ".none", "(slice .list 3)"})
    EXPECT_EQ(show(std::string("{{ if ") + zero + " }}t{{ else }}f{{ end }}"), "f") << zero;
  for (const char* some : {".yes", "1", "0.5", "\"a\"", ".list", ".map"})
    EXPECT_EQ(show(std::string("{{ if ") + some + " }}t{{ else }}f{{ end }}"), "t") << some;
  EXPECT_EQ(show("{{ with .deep }}{{ .er.est }}{{ with $.none }}x{{ else }}{{ .er.est }}{{ end }}"
                 "{{ end }}"),
            "endend");
  EXPECT_EQ(show("{{ with .none }}1{{ else with .a }}{{ . }}{{ else }}3{{ end }}"), "x");
  EXPECT_EQ(show("{{ with $v := .a }}{{ $v }}{{ . }}{{ end }}"), "xx");
  EXPECT_EQ(show("{{ range .list }}<{{ . }}>{{ end }}"), "<p><q><r>");
  EXPECT_EQ(show("{{ range $e := .list }}{{ $e }}{{ end }}"), "pqr");
  EXPECT_EQ(show("{{ range $i, $e := .list }}{{ $i }}{{ $e }}{{ . }} {{ end }}"), "0pp 1qq 2rr ");
  EXPECT_EQ(show("{{ range $k, $v := .map }}{{ $k }}={{ $v }};{{ end }}"), "j=w;k=v;");
  EXPECT_EQ(show("{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}"), "01201");
  EXPECT_EQ(show("{{ range .empty }}1{{ else }}2{{ end }}{{ range .none }}1{{ else }}2{{ end }}"),
            "22");
  EXPECT_EQ(show("{{ range .list }}{{ if eq . \"q\" }}{{ continue }}{{ end }}{{ . }}{{ end }}"),
            "pr");
  EXPECT_EQ(show("{{ range .list }}{{ if eq . \"q\" }}{{ break }}{{ end }}{{ . }}{{ end }}."),
            "p.");
  EXPECT_EQ(show("{{ range .list }}{{ range $.rows }}{{ break }}{{ end }}{{ . }}{{ end }}"), "pqr")
      << "break leaves the inner loop";
}

TEST(GoTemplate, Variables) {
  EXPECT_EQ(show("{{ $x := 1 }}{{ $x }}{{ $x = 2 }}{{ $x }}"), "12");
  EXPECT_EQ(show("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}"), "21");
  EXPECT_EQ(show("{{ $x := 1 }}{{ range .list }}{{ $x = . }}{{ end }}{{ $x }}"), "r");
  EXPECT_EQ(show("{{ $i := 9 }}{{ $e := 9 }}{{ range $i, $e = .list }}{{ end }}{{ $i }}{{ $e }}"),
            "2r");
  EXPECT_EQ(show("{{ range .list }}{{ $.a }}{{ end }}{{ $d := .deep }}{{ $d.er.est }}"), "xxxend");
  EXPECT_EQ(show("{{ if $x := .a }}{{ $x }}{{ end }}"), "x");
}

TEST(GoTemplate, Definitions) {
  EXPECT_EQ(show("{{ define \"t\" }}[{{ . }}{{ $ }}]{{ end }}a{{ template \"t\" .a }}"), "a[xx]");
  EXPECT_EQ(show("{{ template \"t\" }}{{ define \"t\" }}{{ if . }}1{{ else }}2{{ end }}{{ end }}"),
            "2")
      << "without data dot is nil";
  EXPECT_EQ(show("{{ block \"b\" .list }}{{ len . }}{{ end }}{{ template \"b\" .map }}"), "32");
  EXPECT_EQ(show("{{ define \"f\" }}{{ range . }}{{ .id }}{{ end }}{{ end }}"
                 "{{ $x := 1 }}{{ template \"f\" .rows }}{{ $x }}"),
            "121");
}

TEST(GoTemplate, PipelinesAndChains) {
  EXPECT_EQ(show("{{ .a | printf \"%s%s\" \"<\" }}"), "<x");
  EXPECT_EQ(show("{{ \"a\" | print \"b\" | len }}"), "2");
  EXPECT_EQ(show("{{ (index .rows 1).id }} {{ (.deep.er).est }} {{ .deep.er.est }}"), "2 end end");
  EXPECT_EQ(show("{{ index (index .rows 0) \"id\" }} {{ ((len .list)) }}"), "1 3");
  EXPECT_EQ(show("{{ .é }} {{ .none }} {{ .map.none }} {{ .n }}"),
            "ü <no value> <no value> <no value>");
  EXPECT_EQ(show("{{ true | not | not }} {{ .list | len | printf \"%03d\" }}"), "true 003");
}

TEST(GoTemplate, LogicAndComparison) {
  EXPECT_EQ(show("{{ and 1 \"\" 2 }}|{{ and 1 2 }}|{{ or 0 \"x\" 1 }}|{{ or \"\" 0 }}|{{ not 0 }}"),
            "|2|x|0|true");
  EXPECT_EQ(show("{{ and .none .none.x }}{{ or 1 .none.x }}"), "<no value>1") << "short-circuit";
  EXPECT_EQ(show("{{ 0 | and 1 }} {{ 2 | or 0 }}"), "0 2");
  EXPECT_EQ(show("{{ eq .a \"y\" \"x\" }} {{ eq .a \"y\" \"z\" }} {{ ne .a \"y\" }} {{ eq 1 1 }}"),
            "true false true true");
  EXPECT_EQ(show("{{ lt 1 2 }}{{ le 2 2 }}{{ gt 1 2 }}{{ ge 2 2 }}{{ lt \"a\" \"b\" }}"
                 "{{ gt 1.5 0.5 }}"),
            "truetruefalsetruetruetrue");
  EXPECT_EQ(show("{{ eq .n nil }} {{ eq .a nil }} {{ eq .none \"a\" }} {{ ne .none \"a\" }}"),
            "true false false true");
  EXPECT_EQ(show("{{ eq true .yes }} {{ eq 0.5 .half }}"), "true true");
}

TEST(GoTemplate, LookingInto) {
  EXPECT_EQ(show("{{ index .list 2 }}{{ index .map \"k\" }}{{ index .map \"none\" }}"),
            "rv<no value>");
  EXPECT_EQ(show("{{ index .rows 1 \"id\" }} {{ index \"abc\" 1 }} {{ index .list }}"),
            "2 98 [p q r]");
  EXPECT_EQ(show("{{ slice .list 1 }} {{ slice .list 1 2 }} {{ slice \"abcdef\" 2 4 }} "
                 "{{ slice .list 0 1 2 }} {{ slice .list }}"),
            "[q r] [q] cd [p] [p q r]");
  EXPECT_EQ(show("{{ len .list }}{{ len \"\u00e9\" }}{{ len .map }}"), "322");
}

TEST(GoTemplate, Printing) {
  EXPECT_EQ(show("{{ .list }} {{ .map }} {{ .deep }} {{ .one }} {{ .half }} {{ .rows }}"),
            "[p q r] map[j:w k:v] map[er:map[est:end]] 1 0.5 [map[id:1] map[id:2]]");
  EXPECT_EQ(show("{{ print 1 2 \"a\" \"b\" 3 4 }}|{{ println 1 \"a\" }}|{{ print nil }}"),
            "1 2ab3 4|1 a\n|<nil>");
  EXPECT_EQ(show("{{ json .deep }} {{ json .list }} {{ json .n }} {{ json 1234567.0 }} "
                 "{{ json \"<a&b>\\n\\u2028\\u00e9\" }} {{ json 1e21 }} {{ json 1e-7 }}"),
            "{\"er\":{\"est\":\"end\"}} [\"p\",\"q\",\"r\"] null 1234567 "
            "\"\\u003ca\\u0026b\\u003e\\n\\u2028\u00e9\" 1e+21 1e-7");
  EXPECT_EQ(show("{{ 1234567.0 }} {{ 123456.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 2.0 }}"),
            "1.234567e+06 123456 0.0001 1e-05 2");
  EXPECT_EQ(show("{{ html \"<a&'\" }} {{ js \"a'<\" }} {{ urlquery \"a b&\" }}"),
            "&lt;a&amp;&#39; a\\'\\u003C a+b%26");
}

TEST(GoTemplate, Printf) {
  const std::pair<const char*, const char*> cases[] = {
      {R"(printf "%s|%d|%v|%t" "a" 3 .list true)", "a|3|[p q r]|true"},
      {R"(printf "%5s|%-5s|%.2s|%5.1s|" "a" "b" "\u00e9\u00e9\u00e9" "xyz")",
       "    a|b    |\u00e9\u00e9|    x|"},
      {R"(printf "%q %x %X %q" "a\"b\n" "hi" "hi" 65)", R"("a\"b\n" 6869 6869 'A')"},
      {R"(printf "%5d|%-5d|%05d|%+d|% d|%x|%X|%o|%b|%c|%U" 3 3 -3 3 3 255 255 8 5 97 97)",
       "    3|3    |-0003|+3| 3|ff|FF|10|101|a|U+0061"},
      {R"(printf "%f|%.2f|%8.3f|%e|%g|%v|%06.1f" 1.5 1.255 3.14159 1500.0 0.1 1e7 -2.5)",
       "1.500000|1.25|   3.142|1.500000e+03|0.1|1e+07|-002.5"},
      {R"(printf "%d%%" 5)", "5%"},
      {R"(printf "%*d|%.*f" 4 7 1 2.55)", "   7|2.5"},
      {R"(printf "%d" "a")", "%!d(string=a)"},
      {R"(printf "%s" 1)", "%!s(int=1)"},
      {R"(printf "%s %s" "a")", "a %!s(MISSING)"},
      {R"(printf "%s" "a" 1)", "a%!(EXTRA int=1)"},
      {R"(printf "%")", "%!(NOVERB)"},
      {R"(printf "%v %s" nil nil)", "<nil> %!s(<nil>)"},
      {R"(printf "%T %T" .a 1)", "string int"},
      {R"(printf "%q" .list)", R"(["p" "q" "r"])"},
      {R"(printf "%s" .map)", "map[j:w k:v]"},
      {R"(printf "%z" 1)", "%!z(int=1)"},
      {R"(printf "%99999999d" 1)", "%!(BADWIDTH)1"},
  };
  for (const auto& [source, expected] : cases)
    EXPECT_EQ(show(std::string("{{ ") + source + " }}"), expected) << source;
}

TEST(GoTemplate, FunctionsOfChatTemplates) {
  RunOptions options;
  options.now = 1752582896;  // 15 July 2025
  const auto dates = run("{{ currentDate }} {{ currentDate \"x\" }} {{ yesterdayDate }}", options);
  ASSERT_TRUE(dates) << dates.error().message;
  EXPECT_TRUE(dates->text == "2025-07-15 2025-07-15 2025-07-14" ||
              dates->text == "2025-07-16 2025-07-16 2025-07-15")
      << dates->text;
  const auto type = [](const char* json) {
    const auto program = parse_program("{{ toTypeScriptType . }}");
    const auto out = Interpreter(**program, {}).run(from_json(*parse_json(json)));
    return out ? out->text : out.error().message;
  };
  EXPECT_EQ(type(R"({"type":"integer"})"), "number");
  EXPECT_EQ(type(R"({"type":["string","null"]})"), "string | null");
  EXPECT_EQ(type(R"({"type":"array"})"), "any[]");
  EXPECT_EQ(type(R"({"anyOf":[{"type":"object"},{"type":"boolean"}]})"),
            "Record<string, any> | boolean");
  EXPECT_EQ(type("{}"), "any");
}

TEST(GoTemplate, SyntaxErrorsNameTheLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"a\n{{ .Prompt", "template: :2: unclosed action"},
      {"{{ if", "template: :1: unclosed action"},
      {"{{ if }}x{{ end }}", "template: :1: missing value for if"},
      {"{{ if .a }}x", "template: :1: unexpected EOF"},
      {"\n\n{{ end }}", "template: :3: unexpected {{end}}"},
      {"{{ else }}", "template: :1: unexpected {{else}}"},
      {"{{ if .a }}{{ else }}{{ else }}{{ end }}", "expected end; found {{else}}"},
      {"{{ nosuch 1 }}", "template: :1: function \"nosuch\" not defined"},
      {"{{ $x }}", "undefined variable \"$x\""},
      {"{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "undefined variable \"$x\""},
      {"{{ define \"t\" }}{{ $x }}{{ end }}", "undefined variable \"$x\""},
      {"{{ break }}", "{{break}} outside {{range}}"},
      {"{{ range .l }}{{ define \"t\" }}{{ end }}{{ end }}", "unexpected {{define}}"},
      {"{{ .a | }}", "missing value for command"},
      {"{{ .a | 3 }}", "non executable command in pipeline stage 2"},
      {"{{ \"a\nb\" }}", "unterminated quoted string"},
      {"{{ \"a\\q\" }}", "invalid escape"},
      {"{{ `a }}", "unterminated raw quoted string"},
      {"{{ 'ab' }}", "malformed character constant"},
      {"{{ 1x }}", "bad number syntax"},
      {"{{ 08 }}", "bad number syntax"},
      {"{{ (.a }}", "unclosed left paren"},
      {"{{ .a) }}", "unexpected right paren"},
      {"{{ .a!b }}", "bad character"},
      {"{{ ! }}", "unrecognized character in action"},
      {"{{ .a\"b\" }}", "bad character"},
      {"{{ print .a(1) }}", "unexpected \"(\" in operand"},
      {"{{ /* a */ }}", "unrecognized character in action"},
      {"{{/* a }}", "unclosed comment"},
      {"{{/* a */ x}}", "comment ends before closing delimiter"},
      {"{{ template x }}", "unexpected \"x\" in template clause"},
      {"{{ $a, $b := 1 }}", "too many declarations"},
      {"{{ range $a, 1 := .l }}{{ end }}", "range can only initialize variables"},
      {"{{ \"a\".b }}", "unexpected . after term"},
      {"{{ define \"a\" }}{{ end }}{{ define \"a\" }}{{ end }}", "multiple definition"},
      {"{{ : }}", "expected :="},
  };
  for (const auto& [source, expected] : cases) {
    const auto program = parse_program(source);
    ASSERT_FALSE(program) << source;
    EXPECT_EQ(program.error().code, Errc::invalid_argument);
    EXPECT_EQ(program.error().message.rfind("template: :", 0), 0u) << program.error().message;
    EXPECT_NE(program.error().message.find(expected), std::string::npos)
        << source << ": " << program.error().message;
  }
}

TEST(GoTemplate, ExecutionErrorsNameThePlace) {
  EXPECT_EQ(
      show("a\nb{{ .a.b }}"),
      "error: template: :2:4: executing \"\" at <.a.b>: can't evaluate field b in type string");
  EXPECT_EQ(show("{{ define \"t\" }}{{ .x.y }}{{ end }}{{ template \"t\" .map }}"),
            "error: template: :1:19: executing \"t\" at <.x.y>: nil pointer evaluating interface "
            "{}.y");
  const std::pair<const char*, const char*> cases[] = {
      {"{{ index .list 5 }}", "error calling index: index out of range: 5"},
      {"{{ index .list -1 }}", "index out of range: -1"},
      {"{{ index .list \"a\" }}", "cannot index slice/array with type string"},
      {"{{ index .map 1 }}", "value has type int; should be string"},
      {"{{ index .none 1 }}", "index of untyped nil"},
      {"{{ slice .list 4 }}", "index out of range: 4"},
      {"{{ slice .list 2 1 }}", "invalid slice index: 2 > 1"},
      {"{{ slice \"abc\" 0 1 2 }}", "cannot 3-index slice a string"},
      {"{{ len 3 }}", "len of type int"},
      {"{{ len .none }}", "len of nil pointer"},
      {"{{ eq 1 \"a\" }}", "incompatible types for comparison"},
      {"{{ eq .one 1 }}", "incompatible types for comparison"},
      {"{{ eq .list .list }}", "non-comparable type"},
      {"{{ lt .list 1 }}", "invalid type for comparison"},
      {"{{ eq 1 }}", "missing argument for comparison"},
      {"{{ len }}", "wrong number of args for len: want 1 got 0"},
      {"{{ not 1 2 }}", "wrong number of args for not: want 1 got 2"},
      {"{{ template \"nosuch\" }}", "template \"nosuch\" not defined"},
      {"{{ range .a }}{{ end }}", "range can't iterate over"},
      {"{{ .a 1 }}", "a is not a method but has arguments"},
      {"{{ 3 4 }}", "can't give argument to non-function 3"},
      {"{{ 1 | .a }}", "a is not a method but has arguments"},
      {"{{ nil }}", "nil is not a command"},
      {"{{ printf 1 }}", "expected string"},
      {"{{ call .a }}", "non-function"},
  };
  for (const auto& [source, expected] : cases) {
    const auto out = run(source);
    ASSERT_FALSE(out) << source << ": " << out->text;
    EXPECT_EQ(out.error().code, Errc::invalid_argument);
    EXPECT_NE(out.error().message.find(expected), std::string::npos)
        << source << ": " << out.error().message;
  }
}

std::string repeated(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

TEST(GoTemplate, HostileTemplatesAreStopped) {
  const int deep = 100'000;
  EXPECT_FALSE(parse_program(repeated("{{if 1}}", deep)));
  EXPECT_FALSE(parse_program("{{" + repeated("(", deep) + "1" + repeated(")", deep) + "}}"));
  EXPECT_FALSE(parse_program("{{if 1}}" + repeated("{{else if 1}}", deep) + "{{end}}"));
  EXPECT_FALSE(parse_program(repeated("{{block \"a\" .}}", deep)));
  EXPECT_FALSE(parse_program(std::string(kMaxSource + 1, 'a')));
  EXPECT_TRUE(parse_program(std::string(kMaxSource, 'a')));
  EXPECT_TRUE(parse_program("{{" + repeated("(", 150) + "1" + repeated(")", 150) + "}}"));

  RunOptions small;
  small.limits.steps = 100'000;
  small.limits.output = 1 << 16;
  small.limits.bytes = 1 << 20;
  const std::pair<std::string, const char*> cases[] = {
      {"{{ define \"t\" }}{{ template \"t\" . }}{{ end }}{{ template \"t\" }}", "too deeply"},
      {"{{ define \"t\" }}{{ template \"t\" }}{{ template \"t\" }}{{ end }}{{ template \"t\" }}",
       "too deeply"},
      {"{{ range 1000000000 }}{{ end }}", "too many steps"},
      {"{{ range 90000 }}{{ \"\" }}{{ end }}", "too many steps"},
      {"{{ range 20000 }}0123456789{{ end }}", "output of the template is too long"},
      {"{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
       "too much memory"},
      {"{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = printf \"%s%s\" $x $x }}{{ end }}",
       "too much memory"},
      {"{{ $x := \"<\" }}{{ range 100 }}{{ $x = html $x $x }}{{ end }}", "too much memory"},
      {"{{ $x := \"<\" }}{{ range 100 }}{{ $x = json $x }}{{ end }}", "too much memory"},
      {"{{ printf \"" + repeated("%9999d", 1000) + "\"" + repeated(" 1", 1000) + " }}",
       "too much memory"},
  };
  for (const auto& [source, expected] : cases) {
    const auto out = run(source, small);
    ASSERT_FALSE(out) << source.substr(0, 60);
    EXPECT_NE(out.error().message.find(expected), std::string::npos)
        << source.substr(0, 60) << ": " << out.error().message;
  }
  Json nested;
  for (int i = 0; i < 5000; ++i) nested = Json::array({std::move(nested)});
  const auto program = parse_program("{{ . }}{{ json . }}");
  EXPECT_TRUE(Interpreter(**program, {}).run(from_json(nested)));
}

TEST(GoTemplate, InputIsMarked) {
  const auto out =
      run("<{{ .a }}|{{ printf \"%s-%3s\" .a .a }}|{{ json .map }}|{{ slice .a 0 1 }}>");
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->text, "<x|x-  x|{\"j\":\"w\",\"k\":\"v\"}|x>");
  std::string marked;
  for (const Range& r : out->input) marked += out->text.substr(r.begin, r.end - r.begin) + ";";
  EXPECT_EQ(marked, "x;x;x;{\"j\":\"w\",\"k\":\"v\"};x;");
}

}  // namespace
}  // namespace engine::gotemplate
