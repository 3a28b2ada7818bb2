// Filters over text, numbers and single values; those over sequences are in sequence_filters.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/text/html.h"
#include "engine/text/jinja/builtins.h"
#include "engine/text/jinja/filter_tables.h"
#include "engine/text/jinja/interpreter.h"

namespace engine::jinja {
namespace {

// The text of any value; `s` is null once the rendering has failed.
const Text* text_of(Interpreter& in, const Value& v) {
  const Value s = to_string(in.heap(), v);
  if (in.heap().failed() || !in.heap().spend_steps(1 + s.str().size() / 64)) return nullptr;
  return s.text;
}

// A text computed as a whole from another keeps its origin as a whole.
Value made_from(Interpreter& in, const Text& from, std::string s) {
  return in.heap().string(std::move(s), from.has_input());
}

// ---- text ----

Value filter_string(Interpreter& in, const Value& v, const Args&) {
  return to_string(in.heap(), v);
}

template <std::string (*Map)(std::string_view)>
Value mapped(Interpreter& in, const Value& v, const Args&) {
  const Text* t = text_of(in, v);
  if (!t) return {};
  std::string s = Map(t->bytes);
  if (s.size() != t->bytes.size()) return made_from(in, *t, std::move(s));
  TextBuilder out;  // same length: the marks stay where they are
  out.bytes() = std::move(s);
  out.ranges() = t->input;
  return in.heap().string(out);
}

std::string capitalize(std::string_view s) {
  if (s.empty()) return {};
  const size_t n = utf8_size_at(s, 0);
  return to_upper(s.substr(0, n)) + to_lower(s.substr(n));
}

// Words begin after whitespace and after ( { [ < and -.
std::string title(std::string_view s) {
  std::string out;
  bool start = true;
  for (size_t i = 0; i < s.size();) {
    const size_t n = utf8_size_at(s, i);
    const uint32_t c = utf8_at(s, i);
    out += start ? to_upper(s.substr(i, n)) : to_lower(s.substr(i, n));
    start = is_space(c) || c == '(' || c == '{' || c == '[' || c == '<' || c == '-';
    i += n;
  }
  return out;
}

std::string escape(std::string_view s) {
  std::string out;
  for (const char c : s) {
    if (!append_html_escape(c, out)) out += c;
  }
  return out;
}

std::string urlencode(std::string_view s) {
  std::string out;
  for (char c : s) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '_' || c == '.' || c == '-' || c == '~' || c == '/';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Value filter_trim(Interpreter& in, const Value& v, const Args& args) {
  const Text* t = text_of(in, v);
  if (!t) return {};
  const Value chars = args.get(0, "chars");
  if (!chars.is(Kind::string)) return in.heap().part(*t, strip(t->bytes));
  if (!in.heap().spend_steps(t->bytes.size() / 64 * (1 + chars.str().size()))) return {};
  return in.heap().part(*t, strip_left(strip_right(t->bytes, chars.str()), chars.str()));
}

Value filter_replace(Interpreter& in, const Value& v, const Args& args) {
  Heap& heap = in.heap();
  const Text* t = text_of(in, v);
  const Text* from = text_of(in, args.get(0, "old"));
  const Text* to = text_of(in, args.get(1, "new"));
  if (heap.failed()) return {};
  int64_t left = int_or(args.get(2, "count"), -1);
  const std::string_view s = t->bytes, w = from->bytes;
  TextBuilder out;
  size_t i = 0;
  while (left != 0 && heap.spend_steps(1)) {
    // The empty text is found before every character and at the end.
    const size_t at = s.find(w, i);
    if (at == s.npos || out.size() > heap.limits().output) break;
    out.part(*t, i, at);
    out.add(*to);
    i = at + w.size();
    if (w.empty()) {
      if (at >= s.size()) break;
      const size_t n = utf8_size_at(s, at);
      out.part(*t, at, at + n);
      i = at + n;
    }
    --left;
  }
  if (out.size() > heap.limits().output) return heap.fail("the result of replace is too long");
  if (i < s.size()) out.part(*t, i, s.size());
  return heap.string(out);
}

Value filter_indent(Interpreter& in, const Value& v, const Args& args) {
  Heap& heap = in.heap();
  const Text* t = text_of(in, v);
  if (!t) return {};
  const Value width = args.get(0, "width");
  const bool first = args.get(1, "first").truthy(), blank = args.get(2, "blank").truthy();
  const std::string pad =
      width.is(Kind::string)
          ? std::string(width.str())
          : std::string(static_cast<size_t>(std::clamp<int64_t>(int_or(width, 4), 0, 1000)), ' ');
  const std::string_view s = t->bytes;
  TextBuilder out;
  for (size_t begin = 0, line = 0; begin <= s.size() && heap.spend_steps(1 + pad.size() / 64);
       ++line) {
    const size_t end = std::min(s.find('\n', begin), s.size());
    if ((line > 0 || first) && (blank || end > begin)) out.plain(pad);
    out.part(*t, begin, std::min(end + 1, s.size()));
    if (out.size() > heap.limits().output) return heap.fail("the result of indent is too long");
    begin = end + 1;
  }
  return heap.string(out);
}

Value filter_truncate(Interpreter& in, const Value& v, const Args& args) {
  const Text* t = text_of(in, v);
  if (!t) return {};
  const int64_t length = int_or(args.get(0, "length"), 255),
                leeway = int_or(args.get(3, "leeway"), 5);
  const Value end_value = args.get(2, "end");
  Text dots;
  dots.bytes = "...";
  const Text& end = end_value.is(Kind::string) ? *end_value.text : dots;
  const auto n = static_cast<int64_t>(utf8_length(t->bytes)),
             end_n = static_cast<int64_t>(utf8_length(end.bytes));
  if (length < end_n || leeway < 0)
    return in.heap().fail("truncate: the length is too short for the ending");
  if (n - length <= leeway) return Value::string(t);
  std::string_view kept =
      t->bytes.substr(0, utf8_offset(t->bytes, static_cast<size_t>(length - end_n)));
  if (!args.get(1, "killwords").truthy())
    if (const size_t space = kept.rfind(' '); space != kept.npos) kept = kept.substr(0, space);
  TextBuilder out;
  out.part(*t, 0, kept.size());
  out.add(end);
  return in.heap().string(out);
}

Value filter_wordcount(Interpreter& in, const Value& v, const Args&) {
  const Text* t = text_of(in, v);
  if (!t) return {};
  int64_t n = 0;
  bool inside = false;
  for (size_t i = 0; i < t->bytes.size(); i += utf8_size_at(t->bytes, i)) {
    const uint32_t c = utf8_at(t->bytes, i);
    const bool word =
        c == '_' || c >= 0x80 ? !is_space(c) : std::isalnum(static_cast<int>(c)) || c == '_';
    n += word && !inside;
    inside = word;
  }
  return Value::integer(n);
}

Value filter_format(Interpreter& in, const Value& v, const Args& args) {
  const Text* t = text_of(in, v);
  if (!t) return {};
  Value mapping;
  if (!args.named.empty()) {
    mapping = in.heap().dict();
    for (const auto& [name, value] : args.named) {
      const Value key = in.heap().string(std::string(name));
      if (in.heap().failed()) return {};
      in.heap().set(*mapping.dict, key, value);
    }
  }
  return format_percent(in.heap(), *t, args.positional, mapping);
}

// ---- JSON ----

Value filter_tojson(Interpreter& in, const Value& v, const Args& args) {
  JsonStyle style;
  const Value indent = args.get(0, "indent");
  if (indent.whole()) {
    style.indent = std::clamp<int64_t>(indent.as_int(), 0, 64);
    style.item_separator = ",";
  }
  const auto named = [&](std::string_view name) { return args.get(SIZE_MAX, name); };
  style.ensure_ascii = named("ensure_ascii").truthy();
  style.sort_keys = named("sort_keys").truthy();
  const Value separators = named("separators");
  if (separators.is(Kind::list) && separators.list->items.size() == 2) {
    const auto &item = separators.list->items[0], &key = separators.list->items[1];
    if (!item.is(Kind::string) || !key.is(Kind::string))
      return in.heap().fail("the separators of tojson must be strings");
    style.item_separator = item.str();
    style.key_separator = key.str();
  }
  TextBuilder out;
  print_json(in.heap(), v, style, out);
  return in.heap().string(out);
}

Value filter_from_json(Interpreter& in, const Value& v, const Args&) {
  if (!v.is(Kind::string))
    return in.heap().fail(fmt::format("from_json needs a string, not {}", kind_name(v)));
  if (!in.heap().spend_bytes(v.str().size() * 4)) return {};
  const Result<Json> json = parse_json(v.str());
  if (!json) return in.heap().fail(fmt::format("from_json: {}", json.error().message));
  return in.heap().from_json(*json, v.text->has_input());
}

// ---- numbers ----

Value filter_abs(Interpreter& in, const Value& v, const Args&) {
  if (v.is(Kind::real)) return Value::real(std::fabs(v.d));
  if (!v.whole()) return in.heap().fail(fmt::format("abs needs a number, not {}", kind_name(v)));
  return v.as_int() < 0 ? negate(in.heap(), v) : Value::integer(v.as_int());
}

// Python's int(text, base) on stripped text; false when it is none.
bool parse_int(std::string_view s, int base, int64_t* out) {
  std::string digits;
  for (char c : strip(s))
    if (c != '_') digits += c;
  if (digits.empty() || base < 2 || base > 36 ||
      std::isspace(static_cast<unsigned char>(digits[0])))
    return false;
  char* end = nullptr;
  errno = 0;
  *out = std::strtoll(digits.c_str(), &end, base);
  return errno == 0 && *end == 0 && end != digits.c_str();
}

bool parse_real(std::string_view s, double* out) {
  const std::string text(strip(s));
  if (text.empty() || text.find_first_of("xXpP") != text.npos) return false;
  char* end = nullptr;
  *out = std::strtod(text.c_str(), &end);
  return *end == 0;
}

Value filter_int(Interpreter&, const Value& v, const Args& args) {
  const Value fallback = args.get(0, "default");
  const Value otherwise = fallback.undefined() ? Value::integer(0) : fallback;
  double d = 0;
  if (v.whole()) return Value::integer(v.as_int());
  if (v.is(Kind::real)) {
    d = v.d;
  } else if (v.is(Kind::string)) {
    int64_t i = 0;
    if (parse_int(v.str(), static_cast<int>(int_or(args.get(1, "base"), 10)), &i))
      return Value::integer(i);
    if (!parse_real(v.str(), &d)) return otherwise;
  } else {
    return otherwise;
  }
  return std::fabs(d) < 9.2e18 ? Value::integer(static_cast<int64_t>(d)) : otherwise;
}

Value filter_float(Interpreter&, const Value& v, const Args& args) {
  double d = 0;
  if (v.number()) return Value::real(v.as_real());
  if (v.is(Kind::string) && parse_real(v.str(), &d)) return Value::real(d);
  const Value fallback = args.get(0, "default");
  return fallback.undefined() ? Value::real(0) : fallback;
}

Value filter_round(Interpreter& in, const Value& v, const Args& args) {
  if (!v.number()) return in.heap().fail(fmt::format("round needs a number, not {}", kind_name(v)));
  const auto precision =
      static_cast<int>(std::clamp<int64_t>(int_or(args.get(0, "precision"), 0), -300, 300));
  const Value method = args.get(1, "method");
  // stays an integer
  if (v.whole() && precision >= 0 && method.undefined()) return Value::integer(v.as_int());
  const double d = v.as_real();
  const double scale = std::pow(10.0, precision);
  if (method.is(Kind::string) && method.str() == "ceil")
    return Value::real(std::ceil(d * scale) / scale);
  if (method.is(Kind::string) && method.str() == "floor")
    return Value::real(std::floor(d * scale) / scale);
  if (!method.undefined() && !(method.is(Kind::string) && method.str() == "common"))
    return in.heap().fail("round: the method must be common, ceil or floor");
  if (!std::isfinite(d) || precision == 0) return Value::real(std::nearbyint(d));
  if (precision < 0) {
    const double rounded = std::nearbyint(d * scale) / scale;
    return v.whole() && std::fabs(rounded) < 9e18 ? Value::integer(static_cast<int64_t>(rounded))
                                                  : Value::real(rounded);
  }
  // rounds the exact binary value
  return Value::real(std::strtod(fmt::format("{:.{}f}", d, precision).c_str(), nullptr));
}

// ---- any value ----

Value filter_default(Interpreter&, const Value& v, const Args& args) {
  const bool replace = v.undefined() || (args.get(1, "boolean").truthy() && !v.truthy());
  if (!replace) return v;
  return args.positional.empty() && args.get(0, "default_value").undefined()
             ? Value::string([] {
                 static const Text empty;
                 return &empty;
               }())
             : args.get(0, "default_value");
}

Value filter_safe(Interpreter&, const Value& v, const Args&) {
  return v;
}

constexpr NativeRow kFilters[] = {
    {"tojson", filter_tojson},     {"trim", filter_trim},
    {"string", filter_string},     {"default", filter_default},
    {"d", filter_default},         {"safe", filter_safe},
    {"lower", mapped<to_lower>},   {"upper", mapped<to_upper>},
    {"title", mapped<title>},      {"capitalize", mapped<capitalize>},
    {"replace", filter_replace},   {"from_json", filter_from_json},
    {"indent", filter_indent},     {"int", filter_int},
    {"float", filter_float},       {"abs", filter_abs},
    {"round", filter_round},       {"escape", mapped<escape>},
    {"e", mapped<escape>},         {"urlencode", mapped<urlencode>},
    {"truncate", filter_truncate}, {"wordcount", filter_wordcount},
    {"format", filter_format},
};

}  // namespace

Native find_filter(std::string_view name) {
  const Native found = find_in(kFilters, name);
  return found ? found : find_sequence_filter(name);
}

}  // namespace engine::jinja
