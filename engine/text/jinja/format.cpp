// Text forms of values: printing as Python does,
// tojson as Python's json.dumps, % and {} formatting.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/text/jinja/value.h"

namespace engine::jinja {

std::string format_real(double v) {
  if (std::isnan(v)) return "nan";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  char buf[40];
  // shortest digits: d.ddde+xx
  const auto r = std::to_chars(buf, buf + sizeof buf, v, std::chars_format::scientific);
  const std::string_view s(buf, static_cast<size_t>(r.ptr - buf));
  const size_t e = s.find('e');
  const std::string_view sign = s[0] == '-' ? "-" : "";
  int exponent = 0;
  std::from_chars(s.data() + e + (s[e + 1] == '+' ? 2 : 1), s.data() + s.size(), exponent);
  std::string digits;
  for (char c : s.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  const int n = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    if (n > 1) digits.insert(1, ".");
    return fmt::format("{}{}e{}{:02}", sign, digits, exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return fmt::format("{}0.{}{}", sign, std::string(static_cast<size_t>(-exponent - 1), '0'),
                       digits);
  if (n <= exponent + 1)
    return fmt::format("{}{}{}.0", sign, digits,
                       std::string(static_cast<size_t>(exponent + 1 - n), '0'));
  digits.insert(static_cast<size_t>(exponent) + 1, ".");
  return fmt::format("{}{}", sign, digits);
}

namespace {

bool unprintable(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || (c > 0x20 && is_space(c)) ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe000 && c <= 0xf8ff) ||
         (c >= 0xfff0 && c <= 0xfffb);
}

// Python's repr of a string.
void print_quoted(const Text& t, TextBuilder& out) {
  const std::string_view s = t.bytes;
  const bool input = t.has_input();
  const char quote = s.find('\'') != s.npos && s.find('"') == s.npos ? '"' : '\'';
  out.like(input, {&quote, 1});
  for (size_t i = 0; i < s.size(); i += utf8_size_at(s, i)) {
    const uint32_t c = utf8_at(s, i);
    const std::string_view piece = s.substr(i, utf8_size_at(s, i));
    if (c == '\n') {
      out.like(input, "\\n");
    } else if (c == '\t') {
      out.like(input, "\\t");
    } else if (c == '\r') {
      out.like(input, "\\r");
    } else if (c == '\\' || c == static_cast<unsigned char>(quote)) {
      out.like(input, "\\"), out.like(input, piece);
    } else if (unprintable(c)) {
      out.like(input, c <= 0xff ? fmt::format("\\x{:02x}", c) : fmt::format("\\u{:04x}", c));
    } else {
      out.like(input, piece);
    }
  }
  out.like(input, {&quote, 1});
}

bool too_deep(Heap& heap, int depth) {
  if (depth <= Heap::kMaxNesting) return false;
  heap.fail("a value is nested too deeply to be printed");
  return true;
}

// Every printed element counts, and so do the bytes: a small template can
// build a value with an enormous text.
bool may_grow(Heap& heap, const TextBuilder& out) {
  if (out.size() > heap.limits().output) heap.fail("the output of the chat template is too long");
  return heap.spend_steps(1);
}

}  // namespace

void print_value(Heap& heap, const Value& v, TextBuilder& out, bool quoted, int depth) {
  if (too_deep(heap, depth) || !may_grow(heap, out)) return;
  switch (v.kind) {
    case Kind::undefined:
      if (quoted) out.plain("Undefined");
      return;
    case Kind::none:
      return out.plain("None");
    case Kind::boolean:
      return out.plain(v.b ? "True" : "False");
    case Kind::integer:
      return out.plain(std::to_string(v.i));
    case Kind::real:
      return out.plain(format_real(v.d));
    case Kind::string:
      return quoted ? print_quoted(*v.text, out) : out.add(*v.text);
    case Kind::list: {
      const List& list = *v.list;
      out.plain(list.tuple ? "(" : "[");
      for (size_t i = 0; i < list.items.size() && !heap.failed(); ++i) {
        if (i > 0) out.plain(", ");
        print_value(heap, list.items[i], out, true, depth + 1);
      }
      if (list.tuple && list.items.size() == 1) out.plain(",");
      return out.plain(list.tuple ? ")" : "]");
    }
    case Kind::dict:
    case Kind::ns: {
      out.plain(v.is(Kind::ns) ? "<Namespace {" : "{");
      bool first = true;
      for (const auto& [key, value] : v.dict->entries) {
        if (heap.failed()) return;
        if (!first) out.plain(", ");
        first = false;
        print_value(heap, key, out, true, depth + 1);
        out.plain(": ");
        print_value(heap, value, out, true, depth + 1);
      }
      return out.plain(v.is(Kind::ns) ? "}>" : "}");
    }
    case Kind::loop:
      return out.plain("<LoopContext>");
    case Kind::function:
      return out.plain(v.function->macro ? "<Macro>" : "<function>");
  }
}

Value to_string(Heap& heap, const Value& v) {
  if (v.is(Kind::string)) return v;
  TextBuilder out;
  print_value(heap, v, out);
  return heap.string(out);
}

namespace {

void print_json_string(const Text& t, bool ensure_ascii, TextBuilder& out) {
  const std::string_view s = t.bytes;
  const bool input = t.has_input();
  out.like(input, "\"");
  size_t run = 0;  // start of the bytes that stand for themselves
  for (size_t i = 0; i < s.size();) {
    const size_t n = utf8_size_at(s, i);
    const uint32_t c = utf8_at(s, i);
    std::string escape;
    switch (c) {
      case '"':
        escape = "\\\"";
        break;
      case '\\':
        escape = "\\\\";
        break;
      case '\b':
        escape = "\\b";
        break;
      case '\f':
        escape = "\\f";
        break;
      case '\n':
        escape = "\\n";
        break;
      case '\r':
        escape = "\\r";
        break;
      case '\t':
        escape = "\\t";
        break;
      default:
        if (c < 0x20) {
          escape = fmt::format("\\u{:04x}", c);
        } else if (ensure_ascii && c > 0xffff) {
          escape = fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((c - 0x10000) >> 10),
                               0xdc00 + ((c - 0x10000) & 0x3ff));
        } else if (ensure_ascii && c >= 0x80) {
          escape = fmt::format("\\u{:04x}", c);
        }
    }
    if (!escape.empty()) {
      out.like(input, s.substr(run, i - run));
      out.like(input, escape);
      run = i + n;
    }
    i += n;
  }
  out.like(input, s.substr(run));
  out.like(input, "\"");
}

std::string json_number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v < 0 ? "-Infinity" : "Infinity";
  return format_real(v);
}

void json_line(const JsonStyle& style, TextBuilder& out, int depth) {
  if (style.indent < 0) return;
  out.plain("\n");
  out.plain(std::string(static_cast<size_t>(style.indent) * static_cast<size_t>(depth), ' '));
}

}  // namespace

void print_json(Heap& heap, const Value& v, const JsonStyle& style, TextBuilder& out, int depth) {
  if (too_deep(heap, depth) || !may_grow(heap, out)) return;
  switch (v.kind) {
    case Kind::none:
      return out.plain("null");
    case Kind::boolean:
      return out.plain(v.b ? "true" : "false");
    case Kind::integer:
      return out.plain(std::to_string(v.i));
    case Kind::real:
      return out.plain(json_number(v.d));
    case Kind::string:
      return print_json_string(*v.text, style.ensure_ascii, out);
    case Kind::list: {
      if (v.list->items.empty()) return out.plain("[]");
      out.plain("[");
      bool first = true;
      for (const Value& item : v.list->items) {
        if (heap.failed()) return;
        if (!first) out.plain(style.item_separator);
        first = false;
        json_line(style, out, depth + 1);
        print_json(heap, item, style, out, depth + 1);
      }
      json_line(style, out, depth);
      return out.plain("]");
    }
    case Kind::dict: {
      if (v.dict->entries.empty()) return out.plain("{}");
      std::vector<std::pair<Value, Value>> entries = v.dict->entries;
      if (style.sort_keys)
        std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
          return heap.compare(a.first, b.first) < 0;
        });
      out.plain("{");
      bool first = true;
      for (const auto& [key, value] : entries) {
        if (heap.failed()) return;
        if (!first) out.plain(style.item_separator);
        first = false;
        json_line(style, out, depth + 1);
        if (key.is(Kind::string)) {
          print_json_string(*key.text, style.ensure_ascii, out);
        } else {
          out.plain("\"");
          print_json(heap, key, style, out, depth + 1);
          out.plain("\"");
        }
        out.plain(style.key_separator);
        print_json(heap, value, style, out, depth + 1);
      }
      json_line(style, out, depth);
      return out.plain("}");
    }
    default:
      heap.fail(fmt::format("{} cannot be written as JSON", kind_name(v)));
  }
}

namespace {

// One conversion of % or {}: what printf and Python have in common.
struct Spec {
  char fill = ' ', align = 0, sign = 0, type = 0;
  bool alternate = false, grouping = false;
  int width = 0, precision = -1;
};

// Decimal digits at s[i]; at most four, so that a template cannot ask for endless padding.
int read_number(std::string_view s, size_t& i) {
  int v = 0;
  for (size_t n = 0; i < s.size() && s[i] >= '0' && s[i] <= '9' && n < 4; ++n)
    v = v * 10 + (s[i++] - '0');
  return v;
}

// The text of v under the spec; false when type and value do not fit.
bool format_one(Heap& heap, const Spec& spec, const Value& v, TextBuilder& out) {
  TextBuilder body;
  std::string number;
  switch (spec.type) {
    case 0:
    case 's':
      if (spec.type == 0 && v.number() && !v.is(Kind::boolean)) {
        number = v.whole()             ? std::to_string(v.i)
                 : spec.precision >= 0 ? fmt::format("{:.{}g}", v.d, spec.precision)
                                       : format_real(v.d);
        break;
      }
      print_value(heap, v, body);
      if (spec.precision >= 0 && v.is(Kind::string)) {
        body = TextBuilder();
        body.part(*v.text, 0, utf8_offset(v.str(), static_cast<size_t>(spec.precision)));
      }
      break;
    case 'r':
      print_value(heap, v, body, true);
      break;
    case 'c':
      if (v.is(Kind::string)) {
        body.add(*v.text);
      } else if (v.whole()) {
        append_utf8(body.bytes(),
                    static_cast<uint32_t>(std::clamp<int64_t>(v.as_int(), 0, 0x10ffff)));
      } else {
        return false;
      }
      break;
    case 'd':
    case 'i':
    case 'u':
      if (!v.number()) return false;
      if (!v.whole() && !(std::fabs(v.d) < 9e18)) return false;
      number = std::to_string(v.whole() ? v.as_int() : static_cast<int64_t>(v.d));
      break;
    case 'x':
    case 'X':
    case 'o':
    case 'b': {
      if (!v.whole()) return false;
      const int64_t i = v.as_int();
      const uint64_t magnitude = i < 0 ? 0 - static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
      const std::string_view prefix = !spec.alternate    ? ""
                                      : spec.type == 'o' ? "0o"
                                      : spec.type == 'b' ? "0b"
                                                         : "0x";
      number = fmt::format("{}{}{}", i < 0 ? "-" : "", prefix,
                           spec.type == 'x'   ? fmt::format("{:x}", magnitude)
                           : spec.type == 'X' ? fmt::format("{:X}", magnitude)
                           : spec.type == 'o' ? fmt::format("{:o}", magnitude)
                                              : fmt::format("{:b}", magnitude));
      break;
    }
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G': {
      if (!v.number()) return false;
      const char pattern[] = {'%', '.', '*', spec.type, 0};
      char buf[700];
      const int precision = std::min(spec.precision < 0 ? 6 : spec.precision, 300);
      number.assign(buf, static_cast<size_t>(std::clamp(
                             std::snprintf(buf, sizeof buf, pattern, precision, v.as_real()), 0,
                             int{sizeof buf} - 1)));
      break;
    }
    case '%':
      if (!v.number()) return false;
      number = fmt::format("{:.{}f}%", v.as_real() * 100, spec.precision < 0 ? 6 : spec.precision);
      break;
    default:
      return false;
  }
  if (!number.empty()) {
    if (spec.grouping) {
      const size_t first = number[0] == '-';
      size_t end = std::min(number.find('.'), number.size());
      while (end > first + 3) number.insert(end -= 3, ",");
    }
    if (spec.sign && number[0] != '-') number.insert(0, 1, spec.sign);
    body.plain(number);
  }
  const size_t length = utf8_length(body.bytes());
  const auto width = static_cast<size_t>(spec.width);
  const size_t pad = width > length ? width - length : 0;
  const char align = spec.align ? spec.align : number.empty() ? '<' : '>';
  size_t left = align == '<' ? 0 : align == '^' ? pad / 2 : pad;
  Text text;
  text.bytes = body.bytes();
  text.input = body.ranges();
  size_t sign_end = 0;
  if (align == '=' && !number.empty() && (number[0] == '-' || number[0] == '+' || number[0] == ' '))
    sign_end = 1;
  out.part(text, 0, sign_end);
  out.plain(std::string(left, spec.fill));
  out.part(text, sign_end, text.bytes.size());
  out.plain(std::string(pad - left, spec.fill));
  return true;
}

}  // namespace

Value format_percent(Heap& heap, const Text& pattern, const std::vector<Value>& values,
                     const Value& mapping) {
  const std::string_view s = pattern.bytes;
  TextBuilder out;
  size_t next_value = 0;
  for (size_t i = 0; i < s.size() && may_grow(heap, out);) {
    const size_t percent = std::min(s.find('%', i), s.size());
    out.part(pattern, i, percent);
    i = percent + 1;
    if (percent >= s.size()) break;
    if (i < s.size() && s[i] == '%') {
      out.plain("%");
      ++i;
      continue;
    }
    Value v;
    bool named = false;
    if (i < s.size() && s[i] == '(') {
      const size_t close = s.find(')', i);
      if (close == s.npos || !mapping.is(Kind::dict)) return heap.fail("malformed format string");
      v = heap.get(*mapping.dict, s.substr(i + 1, close - i - 1));
      named = true;
      i = close + 1;
    }
    Spec spec;
    for (; i < s.size() && std::string_view("-+ 0#").find(s[i]) != std::string_view::npos; ++i) {
      if (s[i] == '-') spec.align = '<';
      if (s[i] == '+' || (s[i] == ' ' && !spec.sign)) spec.sign = s[i];
      if (s[i] == '#') spec.alternate = true;
      if (s[i] == '0' && !spec.align) spec.fill = '0', spec.align = '=';
    }
    if (spec.align == '<') spec.fill = ' ';
    spec.width = read_number(s, i);
    if (i < s.size() && s[i] == '.') spec.precision = read_number(s, ++i);
    if (i >= s.size()) return heap.fail("incomplete format string");
    spec.type = s[i++];
    if (spec.align == 0) spec.align = '>';
    if (spec.type == 's' || spec.type == 'r') {
      if (spec.fill == '0') spec.fill = ' ', spec.align = '>';
    }
    if (!named) {
      if (next_value >= values.size()) return heap.fail("not enough arguments for format string");
      v = values[next_value++];
    }
    if (spec.type == 0 || spec.type == '%' || spec.type == 'b' || !format_one(heap, spec, v, out))
      return heap.fail(
          fmt::format("format string: '%{}' does not fit a {}", spec.type, kind_name(v)));
  }
  return heap.string(out);
}

Value format_braces(Heap& heap, const Text& pattern, const Args& args) {
  const std::string_view s = pattern.bytes;
  TextBuilder out;
  size_t next_value = 0;
  for (size_t i = 0; i < s.size() && may_grow(heap, out);) {
    const size_t brace = std::min(s.find_first_of("{}", i), s.size());
    out.part(pattern, i, brace);
    if (brace >= s.size()) break;
    if (s.substr(brace, 2) == "{{" || s.substr(brace, 2) == "}}") {
      out.part(pattern, brace, brace + 1);
      i = brace + 2;
      continue;
    }
    const size_t close = s.find('}', brace);
    if (s[brace] == '}' || close == s.npos) return heap.fail("single brace in format string");
    std::string_view field = s.substr(brace + 1, close - brace - 1);
    i = close + 1;
    Spec spec;
    if (const size_t colon = field.find(':'); colon != field.npos) {
      const std::string_view f = field.substr(colon + 1);
      field = field.substr(0, colon);
      size_t k = 0;
      const auto is_align = [&](size_t at) {
        return at < f.size() && std::string_view("<>^=").find(f[at]) != std::string_view::npos;
      };
      if (is_align(1)) {
        spec.fill = f[0], spec.align = f[1], k = 2;
      } else if (is_align(0)) {
        spec.align = f[0], k = 1;
      }
      if (k < f.size() && (f[k] == '+' || f[k] == '-' || f[k] == ' '))
        spec.sign = f[k] == '-' ? 0 : f[k], ++k;
      if (k < f.size() && f[k] == '#') spec.alternate = true, ++k;
      if (k < f.size() && f[k] == '0' && !spec.align) spec.fill = '0', spec.align = '=', ++k;
      spec.width = read_number(f, k);
      if (k < f.size() && f[k] == ',') spec.grouping = true, ++k;
      if (k < f.size() && f[k] == '.') spec.precision = read_number(f, ++k);
      if (k < f.size()) spec.type = f[k++];
      if (k != f.size()) return heap.fail("malformed format string");
    } else if (const size_t bang = field.find('!'); bang != field.npos) {
      if (field.substr(bang) == "!r") spec.type = 'r';
      field = field.substr(0, bang);
    }
    Value v;
    if (field.empty() || field.find_first_not_of("0123456789") == field.npos) {
      size_t at = next_value, k = 0;
      if (field.empty()) {
        ++next_value;
      } else {
        at = static_cast<size_t>(read_number(field, k));
      }
      if (at >= args.positional.size()) return heap.fail("not enough arguments for format string");
      v = args.positional[at];
    } else {
      v = args.get(SIZE_MAX, field);
    }
    if (!format_one(heap, spec, v, out))
      return heap.fail(fmt::format("format string: type '{}' does not fit a {}",
                                   spec.type ? spec.type : 's', kind_name(v)));
  }
  return heap.string(out);
}

}  // namespace engine::jinja
