#include "engine/core/json_io.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/core/sorted_json.h"

namespace engine {
namespace {

// Length of the valid UTF-8 sequence at s[i], 0 when there is none
// (overlong, surrogate, truncated, beyond U+10FFFF).
size_t sequence_length(std::string_view s, size_t i) {
  const auto at = [&](size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  const auto tail = [&](size_t k) { return (at(k) & 0xc0u) == 0x80u; };
  const unsigned c = at(i);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return tail(i + 1) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    const unsigned d = at(i + 1);
    if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f)) return 0;
    return tail(i + 1) && tail(i + 2) ? 3 : 0;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    const unsigned d = at(i + 1);
    if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f)) return 0;
    return tail(i + 1) && tail(i + 2) && tail(i + 3) ? 4 : 0;
  }
  return 0;
}

bool is_hex4(std::string_view s, size_t i) {
  if (i + 4 > s.size()) return false;
  for (size_t k = i; k < i + 4; ++k)
    if (!std::isxdigit(static_cast<unsigned char>(s[k]))) return false;
  return true;
}

// \uD800..\uDFFF without its partner becomes \uFFFD. Only called on text that has a "\u" at all.
std::string repair_surrogates(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  const auto unit = [&](size_t i) { return std::stoul(std::string(s.substr(i, 4)), nullptr, 16); };
  for (size_t i = 0; i < s.size();) {
    if (s[i] != '\\' || i + 1 >= s.size()) {
      out += s[i++];
      continue;
    }
    if (s[i + 1] != 'u' || !is_hex4(s, i + 2)) {
      out.append(s.substr(i, 2));
      i += 2;
      continue;
    }
    const unsigned long u = unit(i + 2);
    const bool high = u >= 0xd800 && u < 0xdc00, low = u >= 0xdc00 && u < 0xe000;
    if (high && s.substr(i + 6, 2) == "\\u" && is_hex4(s, i + 8) && unit(i + 8) >= 0xdc00 &&
        unit(i + 8) < 0xe000) {
      out.append(s.substr(i, 12));
      i += 12;
      continue;
    }
    out += high || low ? std::string_view("\\uFFFD") : s.substr(i, 6);
    i += 6;
  }
  return out;
}

// Builds the value and keeps the first error instead of throwing.
template <class J>
class Sax : public nlohmann::detail::json_sax_dom_parser<J> {
  using Base = nlohmann::detail::json_sax_dom_parser<J>;

 public:
  explicit Sax(J& root) : Base(root, false) {}
  template <class Exception>
  bool parse_error(size_t position, const std::string&, const Exception&) {
    offset = position;
    return false;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) {
    offset = position;
    return false;
  }
  // Nested deeper than any real request: refused before the recursion
  // of the destructor can run out of stack.
  bool start_object(size_t n) { return ++depth <= kMaxDepth && Base::start_object(n); }
  bool start_array(size_t n) { return ++depth <= kMaxDepth && Base::start_array(n); }
  bool end_object() { return --depth, Base::end_object(); }
  bool end_array() { return --depth, Base::end_array(); }

  static constexpr int kMaxDepth = 512;
  size_t offset = 0;
  int depth = 0;
};

template <class J>
Result<J> parse(std::string_view text) {
  std::string clean = repair_utf8(text);
  if (clean.find("\\u") != std::string::npos) clean = repair_surrogates(clean);
  J value;
  Sax<J> sax(value);
  if (!J::sax_parse(clean, &sax, nlohmann::detail::input_format_t::json, /*strict=*/false)) {
    if (sax.depth > Sax<J>::kMaxDepth)
      return Error{Errc::invalid_argument,
                   fmt::format("JSON is nested deeper than {} levels", Sax<J>::kMaxDepth)};
    return Error{Errc::invalid_argument, fmt::format("invalid JSON at byte {}", sax.offset)};
  }
  return value;
}

}  // namespace

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

std::string repair_utf8(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) {
    const size_t n = sequence_length(s, i);
    if (n == 0) {
      out += "\xef\xbf\xbd";
      ++i;
    } else {
      out.append(s.substr(i, n));
      i += n;
    }
  }
  return out;
}

Result<Json> parse_json(std::string_view text) {
  return parse<Json>(text);
}

Result<SortedJson> parse_sorted_json(std::string_view text) {
  return parse<SortedJson>(text);
}

std::string dump_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace engine
