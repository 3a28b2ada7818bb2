// fmt.Sprintf: verbs with flags, width and precision; what does not fit is shown as Go shows it.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/text/gotemplate/value.h"

namespace engine::gotemplate {
namespace {

using VK = Value::Kind;

constexpr int kMaxWidth = 10'000;

struct Spec {
  bool plus = false, minus = false, sharp = false, space = false, zero = false;
  int width = -1, precision = -1;  // -1: none
  std::string_view verb;           // one code point
};

class Printf {
 public:
  Printf(std::string_view format, std::span<const Value> args, size_t most, TextBuilder& out)
      : f_(format), args_(args), most_(most), out_(out) {}

  bool run() {
    while (at_ < f_.size() && out_.size() <= most_) {
      const size_t percent = std::min(f_.find('%', at_), f_.size());
      out_.plain(f_.substr(at_, percent - at_));
      at_ = percent + 1;
      if (percent < f_.size()) directive();
    }
    if (next_ >= args_.size() || out_.size() > most_) return out_.size() <= most_;
    out_.plain("%!(EXTRA ");
    for (size_t i = next_; i < args_.size() && out_.size() <= most_; ++i) {
      if (i > next_) out_.plain(", ");
      out_.plain(args_[i].type_name());
      if (args_[i].nil()) continue;
      out_.plain("=");
      print_inner(args_[i], out_);
    }
    out_.plain(")");
    return out_.size() <= most_;
  }

 private:
  void directive() {
    Spec s;
    for (;; ++at_) {
      const char c = at_ < f_.size() ? f_[at_] : '\0';
      if (c == '+')
        s.plus = true;
      else if (c == '-')
        s.minus = true;
      else if (c == '#')
        s.sharp = true;
      else if (c == ' ')
        s.space = true;
      else if (c == '0')
        s.zero = true;
      else
        break;
    }
    if (!number(&s.width)) out_.plain("%!(BADWIDTH)");
    if (s.width < -1) s.minus = true, s.width = -s.width;
    if (s.minus) s.zero = false;
    if (at_ < f_.size() && f_[at_] == '.') {
      ++at_;
      s.precision = 0;
      if (!number(&s.precision)) out_.plain("%!(BADPREC)");
      if (s.precision < 0) s.precision = -1;
    }
    if (at_ >= f_.size()) return out_.plain("%!(NOVERB)");
    s.verb = f_.substr(at_, jinja::utf8_size_at(f_, at_));
    at_ += s.verb.size();
    if (s.verb == "%") return out_.plain("%");
    if (next_ >= args_.size()) return out_.plain(fmt::format("%!{}(MISSING)", s.verb));
    print(s, args_[next_++]);
  }

  // Digits or `*`; leaves *out alone when there is neither. false: out of bounds.
  bool number(int* out) {
    if (at_ < f_.size() && f_[at_] == '*') {
      ++at_;
      if (next_ >= args_.size() || !args_[next_].is(VK::integer)) {
        ++next_;
        return false;
      }
      const int64_t v = args_[next_++].as_int();
      if (v > kMaxWidth || v < -kMaxWidth) return false;
      *out = static_cast<int>(v);
      return true;
    }
    const size_t begin = at_;
    int64_t v = 0;
    for (; at_ < f_.size() && f_[at_] >= '0' && f_[at_] <= '9'; ++at_)
      v = std::min<int64_t>(v * 10 + (f_[at_] - '0'), kMaxWidth + 1);
    if (at_ == begin) return true;
    if (v > kMaxWidth) return false;
    *out = static_cast<int>(v);
    return true;
  }

  void print(const Spec& s, const Value& v) {
    const char verb = s.verb.size() == 1 ? s.verb[0] : '\0';
    if (verb == 'T') return pad(s, std::string(v.type_name()), false);
    switch (v.kind()) {
      case VK::nil:
        if (verb == 'v') return pad(s, "<nil>", false);
        return out_.plain(fmt::format("%!{}(<nil>)", s.verb));
      case VK::boolean:
        if (verb != 'v' && verb != 't') return bad(s, v);
        return pad(s, v.as_bool() ? "true" : "false", false);
      case VK::integer:
        return print_int(s, verb, v);
      case VK::real:
        return print_real(s, verb, v);
      case VK::string:
        return print_string(s, verb, v.str(), v);
      default:
        return print_container(s, verb, v);
    }
  }

  void bad(const Spec& s, const Value& v) {
    out_.plain(fmt::format("%!{}({}=", s.verb, v.type_name()));
    print_inner(v, out_);
    out_.plain(")");
  }

  void pad(const Spec& s, const std::string& text, bool is_input) {
    const size_t n = jinja::utf8_length(text);
    const size_t fill =
        s.width > 0 && static_cast<size_t>(s.width) > n ? static_cast<size_t>(s.width) - n : 0;
    if (!s.minus) out_.plain(std::string(fill, s.zero ? '0' : ' '));
    out_.like(is_input, text);
    if (s.minus) out_.plain(std::string(fill, ' '));
  }

  // A sign, then zeros up to the width where they are asked for.
  void pad_number(Spec s, std::string digits, bool negative) {
    std::string sign = negative ? "-" : s.plus ? "+" : s.space ? " " : "";
    if (s.zero && s.width > 0) {
      const size_t n = sign.size() + digits.size();
      if (n < static_cast<size_t>(s.width)) digits.insert(0, static_cast<size_t>(s.width) - n, '0');
    }
    s.zero = false;
    pad(s, sign + digits, false);
  }

  void print_int(const Spec& s, char verb, const Value& v) {
    const int64_t i = v.as_int();
    const uint64_t size = i < 0 ? 0 - static_cast<uint64_t>(i) : static_cast<uint64_t>(i);
    std::string digits;
    switch (verb) {
      case 'v':
      case 'd':
        digits = fmt::format("{}", size);
        break;
      case 'b':
        digits = fmt::format("{}{:b}", s.sharp ? "0b" : "", size);
        break;
      case 'o':
        digits = fmt::format("{}{:o}", s.sharp ? "0" : "", size);
        break;
      case 'O':
        digits = fmt::format("0o{:o}", size);
        break;
      case 'x':
        digits = fmt::format("{}{:x}", s.sharp ? "0x" : "", size);
        break;
      case 'X':
        digits = fmt::format("{}{:X}", s.sharp ? "0X" : "", size);
        break;
      case 'U':
        return pad(s, fmt::format("U+{:04X}", size), false);
      case 'c':
      case 'q': {
        std::string c;
        jinja::append_utf8(c, size < 0x110000 && i >= 0 ? static_cast<uint32_t>(i) : 0xfffd);
        if (verb == 'c') return pad(s, c, false);
        c = c == "'" ? "\\'" : c == "\"" ? c : quote(c).substr(1, quote(c).size() - 2);
        return pad(s, "'" + c + "'", false);
      }
      default:
        return bad(s, v);
    }
    if (s.precision > 0 && digits.size() < static_cast<size_t>(s.precision))
      digits.insert(0, static_cast<size_t>(s.precision) - digits.size(), '0');
    pad_number(s, std::move(digits), i < 0);
  }

  void print_real(const Spec& s, char verb, const Value& v) {
    const double d = v.as_real(), size = std::fabs(d);
    const bool upper = verb == 'E' || verb == 'G' || verb == 'F';
    std::string digits;
    if (!std::isfinite(d)) {
      Spec plain = s;
      plain.zero = false;
      if (std::isnan(d)) return pad(plain, "NaN", false);
      return pad(plain, d < 0 ? "-Inf" : "+Inf", false);
    }
    const char kind = static_cast<char>(verb | 0x20);
    if (kind == 'e' || kind == 'f') {
      const int precision = s.precision < 0 ? 6 : std::min(s.precision, 1000);
      digits = kind == 'e' ? fmt::format("{:.{}e}", size, precision)
                           : fmt::format("{:.{}f}", size, precision);
    } else if (kind == 'g' || verb == 'v') {
      digits = s.precision < 0 ? format_real(size)
                               : fmt::format("{:.{}g}", size, std::min(s.precision, 1000));
    } else {
      return bad(s, v);
    }
    if (upper)
      for (char& c : digits)
        if (c == 'e') c = 'E';
    pad_number(s, std::move(digits), std::signbit(d));
  }

  void print_string(const Spec& s, char verb, const Str& str, const Value& v) {
    std::string_view text = str.bytes;
    if (s.precision >= 0 && verb != 'x' && verb != 'X')
      text = text.substr(0, jinja::utf8_offset(text, static_cast<size_t>(s.precision)));
    switch (verb) {
      case 'v':
      case 's':
        if (s.sharp && verb == 'v') return pad(s, quote(text), !str.input.empty());
        // Unpadded text keeps its exact origin.
        if (s.width <= 0) return out_.part(Text{str.bytes, str.input}, 0, text.size());
        return pad(s, std::string(text), !str.input.empty());
      case 'q': {
        const bool raw = s.sharp && text.find('`') == text.npos && text.find('\n') == text.npos;
        return pad(s, raw ? fmt::format("`{}`", text) : quote(text, s.plus), !str.input.empty());
      }
      case 'x':
      case 'X': {
        std::string hex;
        if (s.precision >= 0) text = text.substr(0, static_cast<size_t>(s.precision));
        const std::string_view digits = verb == 'x' ? "0123456789abcdef" : "0123456789ABCDEF";
        for (const char c : text) {
          hex += digits[static_cast<unsigned char>(c) >> 4];
          hex += digits[c & 15];
        }
        return pad(s, hex, false);
      }
      default:
        return bad(s, v);
    }
  }

  // %v and %s of a container as a whole; other verbs go to its elements.
  void print_container(const Spec& s, char verb, const Value& v) {
    const Form form = v.is(VK::list)  ? v.list().form
                      : v.is(VK::map) ? v.map().form
                                      : v.object().form;
    const bool types = v.is(VK::list) && v.list().type_names;
    if (form == Form::json || types || verb == 'v') {
      TextBuilder text;
      print_inner(v, text);
      if (verb == 'v' && s.width <= 0 && s.precision < 0)
        return out_.part(Text{text.bytes(), text.ranges()}, 0, text.size());
      const Value whole = Value::string(text);
      return print_string(s, verb == 'v' ? 's' : verb, whole.str(), whole);
    }
    bool first = true;
    const auto element = [&](const Value& item) {
      if (!first) out_.plain(" ");
      first = false;
      if (out_.size() <= most_) print(s, item);
    };
    if (v.is(VK::list)) {
      out_.plain("[");
      for (const Value& item : v.list().items) element(item);
      return out_.plain("]");
    }
    if (v.is(VK::object)) {
      out_.plain("{");
      for (const Field& f : v.object().fields) element(f.value);
      return out_.plain("}");
    }
    out_.plain("map[");
    for (const auto& [key, item] : v.map().entries) {
      element(Value::input(key));
      out_.plain(":");
      first = true;
      element(item);
    }
    out_.plain("]");
  }

  std::string_view f_;
  std::span<const Value> args_;
  size_t at_ = 0, next_ = 0;
  size_t most_;
  TextBuilder& out_;
};

}  // namespace

bool print_formatted(std::string_view format, std::span<const Value> args, size_t most,
                     TextBuilder& out) {
  return Printf(format, args, most, out).run();
}

}  // namespace engine::gotemplate
