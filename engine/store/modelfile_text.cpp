// Characters of Modelfiles.
#include "engine/store/modelfile_text.h"

#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr int32_t kReplacement = 0xFFFD;

std::string from_utf16(std::string_view bytes, bool big) {
  const auto unit = [&](size_t i) {
    const auto a = static_cast<uint8_t>(bytes[i]), b = static_cast<uint8_t>(bytes[i + 1]);
    return big ? a << 8 | b : b << 8 | a;
  };
  std::string out;
  size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) {
    const int32_t c = unit(i);
    if (c < 0xD800 || c > 0xDFFF) {
      append_utf8(c, out);
      continue;
    }
    const int32_t low = c < 0xDC00 && i + 3 < bytes.size() ? unit(i + 2) : 0;
    if (low >= 0xDC00 && low <= 0xDFFF) {
      append_utf8(0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00), out);
      i += 2;
    } else {
      append_utf8(kReplacement, out);
    }
  }
  if (i < bytes.size()) append_utf8(kReplacement, out);  // half a unit
  return out;
}

}  // namespace

std::string decode_modelfile(std::string_view bytes) {
  if (bytes.starts_with("\xFF\xFE")) return from_utf16(bytes.substr(2), false);
  if (bytes.starts_with("\xFE\xFF")) return from_utf16(bytes.substr(2), true);
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  std::string out;
  out.reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const CodePoint c = decode_utf8(bytes, i);
    append_utf8(c.value < 0 ? kReplacement : c.value, out);
    i += c.bytes;
  }
  return out;
}

std::string_view trim_unicode(std::string_view text) {
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text, 0);
    if (!is_white_space(c.value)) break;
    text.remove_prefix(c.bytes);
  }
  while (!text.empty()) {
    size_t at = text.size() - 1;
    while (at > 0 && (static_cast<uint8_t>(text[at]) & 0xC0) == 0x80) --at;
    if (!is_white_space(decode_utf8(text, at).value)) break;
    text = text.substr(0, at);
  }
  return text;
}

bool is_printable(int32_t code_point) {
  if (code_point == ' ') return true;
  const CharClass c = char_class(code_point);
  return c != CharClass::separator && c != CharClass::other;
}

}  // namespace engine
