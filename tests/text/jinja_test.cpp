// The template language: whitespace control, statements, expressions, scopes,
// built-ins, errors, limits, origin of text.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/text/jinja/interpreter.h"

namespace engine::jinja {
namespace {

const char* const kVariables = R"({
  "n": 7, "x": -2.5, "yes": true, "nothing": null, "s": "a b,c", "u": "é世界", "list": [3, 1, 2], "empty": [],
  "d": {"b": 1, "a": "z", "items": "key"}, "ws": " \t x y \n",
  "people": [{"name": "Bo", "age": 3}, {"name": "al", "age": 5}, {"name": "Cy", "age": 3}], "bos_token": "<s>"})";

Result<Rendered> run(std::string_view source, RunOptions options = {}) {
  auto program = parse_program(source);
  if (!program) return program.error();
  options.trusted = {"bos_token"};
  return Interpreter(**program, options).run(*parse_json(kVariables));
}

std::string render(std::string_view source) {
  auto out = run(source);
  return out ? out->text : "error: " + out.error().message;
}

struct JinjaCase {
  const char *source, *expected;
};

void expect_all(const std::vector<JinjaCase>& cases) {
  for (const JinjaCase& c : cases) EXPECT_EQ(render(c.source), c.expected) << c.source;
}

TEST(Jinja, WhitespaceControl) {
  expect_all({
      {"a\n", "a"},  // one trailing newline goes
      {"a\n\n", "a\n"},
      {"a\r\nb\rc", "a\nb\nc"},
      {"{% if n %}\nx\n{% endif %}\ny", "x\ny"},  // trim_blocks
      {"a\n   {% if n %}b{% endif %}", "a\nb"},   // lstrip_blocks
      {"a\n \t {{ n }}", "a\n \t 7"},             // not for output
      {"a   {% if n %}b{% endif %}", "a   b"},    // only at the start of a line
      {"  {%+ if n %}b{% endif %}", "  b"},
      {"{% if n +%}\nb{% endif %}", "\nb"},
      {"a \n {%- if n -%} \n b {%- endif -%} \n c", "abc"},
      {"a \n{{- n -}}\n b", "a7b"},
      {"a\n  {# gone #}\nb", "a\nb"},
      {"a {#- x -#} b", "ab"},
      {"{# {{ broken #}ok", "ok"},
      {"{% raw %} {{ n }} {% if %}{% endraw %}\nz", " {{ n }} {% if %}z"},
      {"{%- raw -%}  x {%- endraw %}", "x"},
      {"{{ {'a': {'b': 1}} }}", "{'a': {'b': 1}}"},  // }} inside of brackets
      {"{{-3}}", "3"},
      {"{ {% if n %}{ %}{% endif %}", "{ { %}"},
  });
}

TEST(Jinja, LiteralsAndPrinting) {
  expect_all({
      {"{{ none }} {{ true }} {{ False }} {{ nothing }} {{ unknown }}", "None True False None "},
      {"{{ 1.0 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e15 }} {{ 1e-7 }} {{ 0.0001 }} {{ -0.0 }} {{ "
       "1.5e300 }}",
       "1.0 0.30000000000000004 1e+16 1000000000000000.0 1e-07 0.0001 -0.0 1.5e+300"},
      {"{{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }} {{ 99999999999999999999 }}",
       "1000 31 3 15 1e+20"},
      {R"({{ 'a\n\t\\\'\q\x41\u00e9' "b" 'c' }})",
       "a\n\t\\'\\qA\xc3\xa9"
       "bc"},
      {R"({{ "\ud83d\ude00" }})", "\xf0\x9f\x98\x80"},
      {"{{ ['a', 1, none, true, 1.5] }}", "['a', 1, None, True, 1.5]"},
      {"{{ (1,) }}{{ (1, 2) }}{{ () }}{{ 1, 2 }}", "(1,)(1, 2)()(1, 2)"},
      {R"({{ ["it's", 'say "x"', "a\nb\\", 'it\'s "x"', u, '\x01'] }})",
       R"(["it's", 'say "x"', 'a\nb\\', 'it\'s "x"', 'é世界', '\x01'])"},
      {"{{ {'k': [1], 2: {}} }}", "{'k': [1], 2: {}}"},
  });
}

TEST(Jinja, OperatorsAndPrecedence) {
  expect_all({
      {"{{ 2 ** 3 ** 2 }} {{ -n|abs }} {{ -2 ** 2 }} {{ 1 + 2 * 3 }} {{ 10 - 2 - 3 }} {{ 2 ** -1 "
       "}}",
       "64 7 4 7 5 0.5"},
      {"{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7 % 3 }} {{ -7.5 % 2 }} {{ 7 / 2 }} {{ 4 / 2 "
       "}}",
       "3 -4 -2 2 0.5 3.5 2.0"},
      {"{{ 'a' ~ 1 ~ n|string|length }} {{ 1 + 3 is odd }}", "a11 2"},
      {"{{ not s is string }} {{ not yes and yes }} {{ not n in list }} {{ 1 < 2 < 3 }} {{ 3 > 2 > "
       "2 }}",
       "False False True True False"},
      {"{{ 1 == 1.0 }} {{ true == 1 }} {{ [1, {'a': 2}] == [1, {'a': 2.0}] }} {{ none == false }} "
       "{{ zz == none }} {{ zz == yy }}",
       "True True True False False True"},
      {"{{ 'b' in s }} {{ 3 in list }} {{ 'b' in d }} {{ 'q' not in d }} {{ 1 in nothing }} {{ 1 "
       "in zz }}",
       "True True True True False False"},
      {"{{ nothing or 'x' }} {{ yes and n }} {{ 0 or '' or [] }} {{ yes or boom.x() }}",
       "x 7 [] True"},
      {"{{ 'a' if n }}{{ 'a' if empty }}|{{ 1 if empty else 2 if n == 8 else 3 }}", "a|3"},
      {"{{ 'ab' * 2 }}{{ [1] * 2 }}{{ [1] + [2] }}{{ 'a' + zz }}{{ none + 'b' }}",
       "abab[1, 1][1, 2]ab"},
      {"{{ 9223372036854775807 + 1 }}", "9.223372036854776e+18"},
  });
}

TEST(Jinja, AccessAndSlices) {
  expect_all({
      {"{{ d.b }}{{ d['items'] }}{{ d.zz }}{{ d.zz.yy }}{{ nothing.x }}{{ list[9] }}{{ list.0 }}{{ "
       "s.zz }}{{ people[1].name }}",
       "1key3al"},
      {"{{ d.items is callable }}{{ d['items'] is string }}", "TrueTrue"},
      {"{{ list[-1] }}{{ u[1] }}{{ u[-1] }}{{ u[1:] }}{{ u[::-1] }}", "2世界世界界世é"},
      {"{{ list[1:] }}{{ list[:-1] }}{{ list[::2] }}{{ list[::-2] }}{{ list[9:] }}{{ s[-100:3] "
       "}}{{ s[3:1] }}|{{ (1, 2, 3)[1:] }}",
       "[1, 2][3, 1][3, 2][2, 3][]a b|(2, 3)"},
      {"{{ list[::9223372036854775807] }}{{ list[-9223372036854775807:] }}", "[3][3, 1, 2]"},
  });
}

TEST(Jinja, Loops) {
  expect_all({
      {"{% for i in list if i > 1 %}{{ loop.index }}:{{ i }}/{{ loop.length }} {% else %}none{% "
       "endfor %}",
       "1:3/2 2:2/2 "},
      {"{% for i in [] %}x{% else %}none{% endfor %}{% for i in zz %}x{% endfor %}", "none"},
      {"{% for i in list %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ "
       "loop.previtem }}{{ loop.nextitem }} {% endfor %}",
       "03TrueFalse1 12FalseFalse32 21FalseTrue1 "},
      {"{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break "
       "%}{% endif %}{{ i }}{% endfor %}",
       "0134"},
      {"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}",
       "b=1;a=z;items=key;baitems"},
      {"{% for k, (a, b) in [(1, (2, 3))] %}{{ k }}{{ a }}{{ b }}{% endfor %}", "123"},
      {"{% for i in list %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i > 2) }} {% endfor %}",
       "aTrue bTrue aFalse "},
      {"{% for i in 'xy' %}{% for j in list %}{{ loop.index }}{% endfor %}{{ loop.index }} {% "
       "endfor %}",
       "1231 1232 "},
  });
}

TEST(Jinja, ScopesNamespacesAndMacros) {
  expect_all({
      {"{% set z = 1 %}{% for i in list %}{% set z = z + i %}{{ z }} {% endfor %}{{ z }}{% if yes "
       "%}{% set z = 9 %}{% endif %}{{ z }}",
       "4 2 3 19"},
      {"{% set ns = namespace(t=0) %}{% for i in list %}{% set ns.t = ns.t + i %}{% endfor %}{{ "
       "ns.t }}{{ ns.zz }}",
       "6"},
      {"{% set a, b = 1, 'x' %}{{ a }}{{ b }}{% set t | upper | replace('L', 'w') %}hello {{ n "
       "}}{% endset %}{{ t }}",
       "1xHEwwO 7"},
      {"{% macro f(a, b='d', c) %}<{{ a }}|{{ b }}|{{ c }}>{% endmacro %}{{ f() }}{{ f(1) }}{{ "
       "f(c=1, a=2) }}{{ f(*[1, 2]) }}{{ f(**{'b': 5}) }}",
       "<|d|><1|d|><2|d|1><1|2|><|5|>"},
      {"{% macro f() %}{{ later }}{{ n }}{{ loop }}{% endmacro %}{% set later = 'L' %}{% for n in "
       "[1] %}{{ f() }}{% endfor %}",
       "L7"},
      {"{% macro f(x) %}[{{ caller(x) }}]{% endmacro %}{% call(v) f(2) %}body{{ v }}{% endcall %}",
       "[body2]"},
      {"{% macro fact(k) %}{{ 1 if k <= 1 else k * (fact(k - 1)|int) }}{% endmacro %}{{ fact(6) }}",
       "720"},
      {"{% filter upper|trim %} abc {% endfilter %}{% generation %}{{ n }}{% endgeneration %}",
       "ABC7"},
      {"{% set l = [1] %}{% do l.append(2) %}{{ l.pop(0) }}{{ l }}{% set q = {} %}{% do "
       "q.update({'k': 1}, j=2) %}{{ q }}",
       "1[2]{'k': 1, 'j': 2}"},
  });
}

TEST(Jinja, StringMethods) {
  expect_all({
      {"{{ s.split() }}{{ s.split(',') }}{{ 'a,b,c'.rsplit(',', 1) }}{{ '  a  b c '.split(none, 1) "
       "}}{{ ''.split() }}{{ ''.split(',') }}",
       "['a', 'b,c']['a b', 'c']['a,b', 'c']['a', 'b c '][]['']"},
      {"{{ ws.strip() }}|{{ ws|trim }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'abc'.rstrip('cb') }}|{{ "
       "'\xc2\xa0x\xe3\x80\x80'.strip() }}",
       "x y|x y|axy|a|x"},
      {"{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ u.find('界') }}{{ "
       "'abcabc'.rfind('c') }}{{ 'aXbX'.count('X') }}",
       "TrueTrue252"},
      {"{{ 'aaa'.replace('a', 'b', 2) }}{{ 'ab'.replace('', '.') }}{{ 'a\nb\r\nc\n'.splitlines() "
       "}}",
       "bba.a.b.['a', 'b', 'c']"},
      {"{{ 'hELLO w-o'.title() }} {{ 'hELLO'.capitalize() }} {{ 'ÉÄ'.lower() }} {{ 'жé'.upper() }}",
       "Hello W-O Hello éä ЖÉ"},
      {"{{ '{} {{{}}} {a!r} {:>4}|{:05d}|{:.2f}|{:,}'.format(1, 'b', 'c', 42, 1.234, 1234567, "
       "a='q') }}",
       "1 {b} 'q'    c|00042|1.23|1,234,567"},
      {"{{ '%s-%d-%.2f-%5s|%05d|%x|%%' % ('a', 3, 1.5, 'b', 42, 255) }}{{ '%s' | format(n) }}",
       "a-3-1.50-    b|00042|ff|%7"},
  });
}

TEST(Jinja, Json) {
  expect_all({
      {"{{ {'b': [1, 1.0, none, true], 'a': 'é\"\n</'}|tojson }}",
       R"({"b": [1, 1.0, null, true], "a": "é\"\n</"})"},
      {"{{ [1, {'a': []}, {}]|tojson(indent=2) }}", "[\n  1,\n  {\n    \"a\": []\n  },\n  {}\n]"},
      {"{{ 'é😀\x01'|tojson(ensure_ascii=true) }}", R"("\u00e9\ud83d\ude00\u0001")"},
      {"{{ d|tojson(sort_keys=true, separators=(',', ':')) }}", R"({"a":"z","b":1,"items":"key"})"},
      {"{{ {1: 2, none: 3}|tojson }}{{ (1, 'a')|tojson }}{{ tojson(1e22) }}",
       R"({"1": 2, "null": 3}[1, "a"]1e+22)"},
      {"{{ ('{\"k\": [1, 2.0]}'|from_json).k }}", "[1, 2.0]"},
      {"{{ zz|tojson }}", "error: template line 1: undefined cannot be written as JSON"},
  });
}

TEST(Jinja, Filters) {
  expect_all({
      {"{{ nothing|default('x') }}{{ zz|default('x') }}{{ ''|d('y', true) }}{{ zz|default }}",
       "Nonexy"},
      {"{{ list|sort }}{{ ['b', 'A', 'c']|sort }}{{ ['b', 'A']|sort(reverse=true, "
       "case_sensitive=true) }}{{ people|sort(attribute='age,name')|map(attribute='name')|join }}",
       "[1, 2, 3]['A', 'b', 'c']['b', 'A']BoCyal"},
      {"{{ d|dictsort }}{{ ['a', 'A', 'b']|unique }}{{ ['b', 'A']|min }}{{ "
       "people|max(attribute='age')|string|length }}{{ list|sum }}",
       "[('a', 'z'), ('b', 1), ('items', 'key')]['a', 'b']A246"},
      {"{{ list|select('>', 1) }}{{ [0, 1, '']|select }}{{ list|reject('odd') }}{{ "
       "people|selectattr('age', 'equalto', 3)|map(attribute='name') }}{{ nothing|map('upper') }}",
       "[3, 2][1][2]['Bo', 'Cy'][]"},
      {"{% for g in people|groupby('age') %}{{ g.grouper }}:{{ "
       "g.list|map(attribute='name')|join('+') }} {% endfor %}",
       "3:Bo+Cy 5:al "},
      {"{{ '12'|int }}{{ '1.9'|int }}{{ 'x'|int(5) }}{{ -3.99|int }}{{ '1.5'|float }}{{ 'q'|float "
       "}}",
       "1215-31.50.0"},
      {"{{ 2.5|round }} {{ 3.5|round }} {{ 2.675|round(2) }} {{ 2.1|round(0, 'ceil') }} {{ x|abs "
       "}}",
       "2.0 4.0 2.67 3.0 2.5"},
      {"{{ 'a\nb\n\nc'|indent(2) }}|{{ 'a\n\nb'|indent(1, true, true) }}",
       "a\n  b\n\n  c| a\n \n b"},
      {"{{ 'foo bar baz qux'|truncate(9) }}|{{ 'one two, three'|wordcount }}|{{ 'a b&é'|urlencode "
       "}}|{{ '<a>\"'|e }}",
       "foo...|3|a%20b%26%C3%A9|&lt;a&gt;&#34;"},
      {"{{ ['a', 1, none]|join('-') }}{{ 'abc'|reverse }}{{ list|first }}{{ list|last }}{{ "
       "u|length }}{{ [1, 2, 3]|slice(2) }}",
       "a-1-Nonecba323[[1, 2], [3]]"},
  });
}

TEST(Jinja, Tests) {
  expect_all({
      {"{{ zz is defined }}{{ zz is none }}{{ nothing is none }}{{ d is mapping }}{{ list is "
       "mapping }}{{ s is iterable }}{{ zz is iterable }}{{ n is iterable }}",
       "FalseFalseTrueTrueFalseTrueTrueFalse"},
      {"{{ yes is number }}{{ yes is integer }}{{ yes is true }}{{ 1 is true }}{{ yes is boolean "
       "}}{{ x is float }}",
       "TrueFalseTrueFalseTrueTrue"},
      {"{{ n is divisibleby 7 }}{{ n is even }}{{ n is eq 7 }}{{ n is in [7] }}{{ n is not none "
       "and s is string }}{{ 'a' is lower }}",
       "TrueFalseTrueTrueTrueTrue"},
  });
}

TEST(Jinja, Errors) {
  expect_all({
      {"{{ raise_exception('no ' ~ n) }}", "error: no 7"},
      {"a\n{{ boom() }}", "error: template line 2: 'boom' is undefined"},
      {"{{ n | nope }}", "error: template line 1: no filter named 'nope'"},
      {"{{ n is nope }}", "error: template line 1: no test named 'nope'"},
      {"{% if n %}", "error: template line 1: expected 'endif' before the end of the template"},
      {"{% endif %}", "error: template line 1: unknown tag 'endif'"},
      {"\n{{ n", "error: template line 2: '{{' is never closed"},
      {"{{ 'abc }}", "error: template line 1: string is never closed"},
      {"{% break %}", "error: template line 1: 'break' outside of a loop"},
      {"{% for x in list %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}",
       "error: template line 1: 'break' outside of a loop"},
      {"{{ 1 // 0 }}", "error: template line 1: division by zero"},
      {"{{ 'a' + 1 }}", "error: template line 1: '+' cannot combine string and integer"},
      {"{{ 'a' < 1 }}", "error: template line 1: cannot order string and integer"},
      {"{% set d.x = 1 %}",
       "error: template line 1: cannot set attribute 'x': only namespaces can be changed"},
      {"{% for a, b in list %}{% endfor %}", "error: template line 1: integer cannot be iterated"},
  });
  EXPECT_EQ(run("{{ raise_exception('x') }}").error().code, Errc::invalid_argument);
  EXPECT_EQ(run("{{ 1 // 0 }}").error().code, Errc::internal);
}

std::string repeated(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

TEST(Jinja, HostileTemplatesEnd) {
  const std::string hostile[] = {
      "{% for i in range(1000000000) %}{% endfor %}",
      "{% for i in range(1000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% "
      "endfor %}",
      "{{ 'x' * 1000000000000 }}",
      "{{ [0] * 1000000000000 }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% set l = [] %}{% do l.append(l) %}{{ l }}",
      "{% set l = [] %}{% do l.append(l) %}{{ l|tojson }}",
      "{% set ns = namespace(v=[1]) %}{% for i in range(60) %}{% set ns.v = [ns.v, ns.v] %}{% "
      "endfor %}{{ ns.v }}",
      "{% set a = namespace(v=[1]) %}{% set b = namespace(v=[1]) %}{% for i in range(60) %}{% set "
      "a.v = [a.v, a.v] %}"
      "{% set b.v = [b.v, b.v] %}{% endfor %}{{ a.v == b.v }}",
      "{{ 'x'|indent(1000, true) * 100000 }}",
      repeated("{{ (", 1) + repeated("(", 100000),
      "{{ " + repeated("-", 100000) + "1 }}",
      "{{ " + repeated("not ", 100000) + "1 }}",
      "{{ 1" + repeated(" + 1", 100000) + " }}",
      "{{ a" + repeated(".b", 100000) + " }}",
      repeated("{% if n %}", 10000),
      "{{ " + repeated("[", 5000) + repeated("]", 5000) + " }}",
      std::string(kMaxSource + 1, 'x'),
  };
  for (const std::string& source : hostile) EXPECT_FALSE(run(source)) << source.substr(0, 80);
}

TEST(Jinja, LimitsAreConfigurable) {
  RunOptions options;
  options.limits.output = 10;
  EXPECT_TRUE(run("{{ 'x' * 10 }}", options));
  EXPECT_FALSE(run("{{ 'x' * 11 }}", options));
  options.limits = Limits();
  options.limits.loop_iterations = 3;
  EXPECT_TRUE(run("{% for i in list %}{% endfor %}", options));
  EXPECT_FALSE(run("{% for i in list %}{% endfor %}{% for i in list %}{% endfor %}", options));
}

// The marked parts of a rendering, joined by |.
std::string marked(std::string_view source) {
  const auto out = run(source);
  if (!out) return out.error().message;
  std::string parts;
  for (const Range& r : out->input)
    parts += (parts.empty() ? "" : "|") + out->text.substr(r.begin, r.end - r.begin);
  return parts;
}

TEST(Jinja, TextOfTheRequestStaysMarked) {
  EXPECT_EQ(marked("<{{ s }}>{{ bos_token }}{{ n }}"), "a b,c");
  EXPECT_EQ(marked("{{ '<' + s ~ '>' + ws.strip() }}"), "a b,c|x y");
  EXPECT_EQ(marked("{{ (bos_token + s)[2:5] }}"), "a ");
  EXPECT_EQ(marked("{{ s.split(',')[1] }}-{{ s|upper }}-{{ s.replace('b', '<x>') }}"),
            "c|A B,C|a |,c");
  EXPECT_EQ(marked("{% set t %}[{{ s }}]{% endset %}{{ t }}{% macro f(x) %}({{ x }}){% endmacro "
                   "%}{{ f(s) }}"),
            "a b,c|a b,c");
  EXPECT_EQ(marked("{{ ['x', s]|join('+') }}{{ [s]|tojson }}{{ '%s!' % s }}"),
            "a b,c|\"a b,c\"|a b,c");
}

TEST(Jinja, StrftimeNowShowsTheGivenTime) {
  RunOptions options;
  std::tm t{};
  t.tm_year = 126, t.tm_mon = 6, t.tm_mday = 5, t.tm_hour = 12, t.tm_isdst = -1;
  options.now = std::mktime(&t);
  EXPECT_EQ(run("{{ strftime_now('%Y-%m-%d %B %d') }}", options)->text, "2026-07-05 July 05");
}

}  // namespace
}  // namespace engine::jinja
