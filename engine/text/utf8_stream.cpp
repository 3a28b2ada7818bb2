#include "engine/text/utf8_stream.h"

#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Whether more bytes can make these, which are no valid character themselves, the beginning of one.
bool may_be_completed(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = at(0);
  const size_t need = lead >= 0xc2 && lead <= 0xdf   ? 2
                      : lead >= 0xe0 && lead <= 0xef ? 3
                      : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                     : 0;
  if (bytes.size() >= need) return false;
  for (size_t i = 1; i < bytes.size(); ++i)
    if ((at(i) & 0xc0) != 0x80) return false;
  if (bytes.size() == 1) return true;
  const uint8_t second = at(1);  // overlong forms, surrogates and values above U+10FFFF show here
  return !(lead == 0xe0 && second < 0xa0) && !(lead == 0xed && second > 0x9f) &&
         !(lead == 0xf0 && second < 0x90) && !(lead == 0xf4 && second > 0x8f);
}

}  // namespace

void Utf8Stream::push(std::string_view bytes, std::string& out) {
  held_.append(bytes);
  size_t at = 0;
  while (at < held_.size()) {
    const CodePoint c = decode_utf8(held_, at);
    const std::string_view rest = std::string_view(held_).substr(at);
    if (c.value >= 0) {
      out.append(rest.substr(0, c.bytes));
    } else if (rest.size() < 4 && may_be_completed(rest)) {
      break;
    } else {
      out.append(kReplacement);
    }
    at += c.bytes;
  }
  held_.erase(0, at);
}

void Utf8Stream::finish(std::string& out) {
  if (!held_.empty()) out.append(kReplacement);
  held_.clear();
}

}  // namespace engine
