// The writer of hash_json. Depth is bounded by the reader of JSON.
#include "engine/store/hash_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <vector>

namespace engine {
namespace {

void append_string(const std::string& raw, std::string& out) {
  const std::string text = repair_utf8(raw);
  out += '"';
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\b':
        out += "\\b";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      default:
        break;
    }
    if (byte < 0x20 || c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", byte);
    } else if (text.compare(i, 3, "\xe2\x80\xa8") == 0 || text.compare(i, 3, "\xe2\x80\xa9") == 0) {
      out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
    }
  }
  out += '"';
}

// Digits of the shortest round trip, spelled out between 1e-6 and 1e21, else with an exponent
// without a leading zero.
template <class Float>
void append_float(Float value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  if (std::signbit(value)) out += '-';
  const Float size = std::fabs(value);
  if (size == 0) {
    out += '0';
    return;
  }
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, size, std::chars_format::scientific);
  const std::string text(buffer, end.ptr);  // "d.ddde+xx" or "de+xx"
  const size_t e = text.find('e');
  const int exponent = std::atoi(text.c_str() + e + 1);
  if (size < Float(1e-6) || size >= Float(1e21)) {
    out += fmt::format("{}e{:+}", text.substr(0, e), exponent);
    return;
  }
  std::string digits = text.substr(0, e);
  if (digits.size() > 1) digits.erase(1, 1);
  const auto whole = static_cast<size_t>(std::max(exponent + 1, 0));  // digits before the point
  if (exponent < 0) {
    out += "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  } else if (digits.size() <= whole) {
    out += digits + std::string(whole - digits.size(), '0');
  } else {
    out += digits.substr(0, whole) + "." + digits.substr(whole);
  }
}

class Writer {
 public:
  Writer(KeyOrder order, FloatWidth floats) : order_(order), floats_(floats) {}

  void write(const Json& value, std::string& out) const {
    if (value.is_string()) return append_string(value.get_ref<const std::string&>(), out);
    if (value.is_object()) return write_object(value, out);
    if (value.is_array()) return write_array(value, out);
    if (!value.is_number_float()) {
      out += dump_json(value);
    } else if (floats_ == FloatWidth::f32) {
      append_float(value.get<float>(), out);
    } else {
      append_float(value.get<double>(), out);
    }
  }

 private:
  void write_object(const Json& value, std::string& out) const {
    std::vector<std::pair<std::string, const Json*>> items;
    for (auto it = value.begin(); it != value.end(); ++it) items.emplace_back(it.key(), &*it);
    if (order_ == KeyOrder::sorted)
      std::stable_sort(items.begin(), items.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
    out += '{';
    bool first = true;
    for (const auto& [key, item] : items) {
      if (!first) out += ',';
      first = false;
      append_string(key, out);
      out += ':';
      write(*item, out);
    }
    out += '}';
  }
  void write_array(const Json& value, std::string& out) const {
    out += '[';
    bool first = true;
    for (const Json& item : value) {
      if (!first) out += ',';
      first = false;
      write(item, out);
    }
    out += ']';
  }

  KeyOrder order_;
  FloatWidth floats_;
};

}  // namespace

std::string hash_json(const Json& value, KeyOrder order, FloatWidth floats) {
  std::string out;
  Writer(order, floats).write(value, out);
  return out + "\n";
}

}  // namespace engine
