// Text of values as %v gives it, and quoted strings.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "engine/text/gotemplate/value.h"
#include "engine/text/unicode.h"

namespace engine::gotemplate {
namespace {

using VK = Value::Kind;

bool has_input(const Value& v) {
  switch (v.kind()) {
    case VK::string:
      return !v.str().input.empty();
    case VK::list:
    case VK::map:
    case VK::object:
      return true;
    default:
      return false;
  }
}

// Letters, marks, numbers, punctuation, symbols and the plain space.
bool printable(int32_t c) {
  if (c < 0x7f) return c >= 0x20;
  const CharClass k = char_class(c);
  return k != CharClass::separator && k != CharClass::other;
}

void print_container(const Value& v, TextBuilder& out) {
  bool first = true;
  const auto space = [&] {
    if (!first) out.plain(" ");
    first = false;
  };
  switch (v.kind()) {
    case VK::list: {
      const List& list = v.list();
      if (list.type_names && list.items.size() == 1) return print_inner(list.items[0], out);
      out.plain("[");
      for (const Value& item : list.items) space(), print_inner(item, out);
      return out.plain("]");
    }
    case VK::map:
      out.plain("map[");
      for (const auto& [key, value] : v.map().entries) {
        space();
        out.input(key);
        out.plain(":");
        print_inner(value, out);
      }
      return out.plain("]");
    default:
      out.plain("{");
      for (const Field& f : v.object().fields) space(), print_inner(f.value, out);
      return out.plain("}");
  }
}

Form form_of(const Value& v) {
  if (v.is(VK::list)) return v.list().form;
  if (v.is(VK::map)) return v.map().form;
  return v.is(VK::object) ? v.object().form : Form::plain;
}

}  // namespace

void print_value(const Value& v, TextBuilder& out) {
  if (v.nil())
    out.plain("<no value>");
  else
    print_inner(v, out);
}

void print_inner(const Value& v, TextBuilder& out) {
  switch (v.kind()) {
    case VK::nil:
      return out.plain("<nil>");
    case VK::boolean:
      return out.plain(v.as_bool() ? "true" : "false");
    case VK::integer:
      return out.plain(std::to_string(v.as_int()));
    case VK::real:
      return out.plain(format_real(v.as_real()));
    case VK::string:
      return out.add(Text{v.str().bytes, v.str().input});
    default:
      break;
  }
  if (form_of(v) == Form::plain) return print_container(v, out);
  std::string json;
  print_json(v, json);
  out.like(has_input(v), json);
}

// The shortest digits; the exponent form below 1e-4 and from 1e6 up.
std::string format_real(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  char buf[64];
  const auto r = std::to_chars(buf, buf + sizeof buf - 1, v, std::chars_format::scientific);
  const std::string_view text(buf, static_cast<size_t>(r.ptr - buf));
  *r.ptr = '\0';
  const int exponent = std::atoi(buf + text.find('e') + 1);
  constexpr int kFewest = -4, kMost = 6;
  const bool short_form = exponent >= kFewest && exponent < kMost;
  if (!short_form) return std::string(text);
  const auto f = std::to_chars(buf, buf + sizeof buf, v, std::chars_format::fixed);
  return {buf, f.ptr};
}

std::string quote(std::string_view s, bool ascii_only) {
  constexpr std::string_view kNames = "abfnrtv", kValues = "\a\b\f\n\r\t\v";
  std::string out = "\"";
  for (size_t i = 0; i < s.size();) {
    const auto [c, bytes] = decode_utf8(s, i);
    if (c < 0)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(s[i]));
    else if (c == '"' || c == '\\')
      (out += '\\') += static_cast<char>(c);
    else if (c < 0x80 && kValues.find(static_cast<char>(c)) != kValues.npos)
      (out += '\\') += kNames[kValues.find(static_cast<char>(c))];
    else if (printable(c) && (c < 0x80 || !ascii_only))
      out += s.substr(i, bytes);
    else if (c < 0x80)
      out += fmt::format("\\x{:02x}", c);
    else
      out += c < 0x10000 ? fmt::format("\\u{:04x}", c) : fmt::format("\\U{:08x}", c);
    i += bytes;
  }
  return out + "\"";
}

}  // namespace engine::gotemplate
