// JSON as Go's encoder writes it: compact, maps by key, structs in the order of their fields,
// and with the characters of HTML escaped.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "engine/text/gotemplate/value.h"
#include "engine/text/unicode.h"

namespace engine::gotemplate {
namespace {

using VK = Value::Kind;

void print_string(std::string_view s, std::string& out) {
  out += '"';
  for (size_t i = 0; i < s.size();) {
    const auto [c, bytes] = decode_utf8(s, i);
    const std::string_view here = s.substr(i, bytes);
    i += bytes;
    constexpr std::string_view kShort = "\b\f\n\r\t", kLetters = "bfnrt";
    if (c < 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      (out += '\\') += here;
    } else if (c < 0x80 && kShort.find(static_cast<char>(c)) != kShort.npos) {
      (out += '\\') += kLetters[kShort.find(static_cast<char>(c))];
    } else if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += here;
    }
  }
  out += '"';
}

void print_real(double v, std::string& out) {
  if (!std::isfinite(v)) {
    out += "null";
    return;
  }
  const double size = std::fabs(v);
  const bool fixed = size == 0 || (size >= 1e-6 && size < 1e21);
  char buf[64];
  const auto r = std::to_chars(buf, buf + sizeof buf, v,
                               fixed ? std::chars_format::fixed : std::chars_format::scientific);
  std::string text(buf, r.ptr);
  // e-09 is written e-9
  if (const size_t e = text.find("e-0"); e != text.npos && e + 4 == text.size())
    text.erase(e + 2, 1);
  out += text;
}

bool empty(const Value& v) {
  return !v.is(VK::object) && !v.truthy();
}

void print_list(const List& list, std::string& out) {
  if (list.type_names && list.items.size() == 1) return print_json(list.items[0], out);
  out += '[';
  for (const Value& v : list.items) {
    if (&v != list.items.data()) out += ',';
    print_json(v, out);
  }
  out += ']';
}

void print_map(const Map& map, std::string& out) {
  out += '{';
  for (size_t i = 0; i < map.entries.size(); ++i) {
    const auto& [key, value] = map.entries[map.json_order.empty() ? i : map.json_order[i]];
    if (i > 0) out += ',';
    print_string(key, out);
    out += ':';
    print_json(value, out);
  }
  out += '}';
}

void print_object(const Object& object, std::string& out) {
  out += '{';
  bool first = true;
  for (const Field& f : object.fields) {
    if (f.json_name.empty() || (f.omit_empty && empty(f.value))) continue;
    if (!first) out += ',';
    first = false;
    print_string(f.json_name, out);
    out += ':';
    print_json(f.value, out);
  }
  out += '}';
}

}  // namespace

void print_json(const Value& v, std::string& out) {
  switch (v.kind()) {
    case VK::nil:
      out += "null";
      return;
    case VK::boolean:
      out += v.as_bool() ? "true" : "false";
      return;
    case VK::integer:
      out += std::to_string(v.as_int());
      return;
    case VK::real:
      return print_real(v.as_real(), out);
    case VK::string:
      return print_string(v.str().bytes, out);
    case VK::list:
      return print_list(v.list(), out);
    case VK::map:
      return print_map(v.map(), out);
    case VK::object:
      return print_object(v.object(), out);
  }
}

}  // namespace engine::gotemplate
