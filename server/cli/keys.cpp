#include "server/cli/keys.h"

#include "engine/core/json_io.h"

namespace engine::cli {
namespace {

constexpr int kEscapeWait = 50;  // ms in which the rest of a sequence follows its ESC
constexpr int kPasteWait = 2000;
constexpr size_t kLongestSequence = 32;
constexpr size_t kLargestPaste = size_t{64} << 20;
constexpr const char* kTabText = "        ";

Key::Kind control_key(int c) {
  switch (c) {
    case 1:
      return Key::line_start;
    case 2:
      return Key::left;
    case 3:
      return Key::interrupt;
    case 4:
      return Key::end_of_input;
    case 5:
      return Key::line_end;
    case 6:
      return Key::right;
    case 7:
      return Key::editor;
    case 8:
      return Key::erase_before;
    case 10:
      return Key::newline;
    case 11:
      return Key::erase_to_end;
    case 12:
      return Key::clear_screen;
    case 13:
      return Key::enter;
    case 14:
      return Key::down;
    case 16:
      return Key::up;
    case 21:
      return Key::erase_to_start;
    case 23:
      return Key::erase_word;
    case 26:
      return Key::suspend;
    case 127:
      return Key::erase_before;
    default:
      return Key::none;
  }
}

// "\r\n" and "\r" as "\n"; no control characters but tabs.
std::string clean_paste(const std::string& raw) {
  std::string out;
  for (size_t i = 0; i < raw.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(raw[i]);
    if (c == '\r') {
      out += '\n';
      if (i + 1 < raw.size() && raw[i + 1] == '\n') ++i;
    } else if (c >= ' ' ? c != 0x7f : c == '\n' || c == '\t') {
      out += raw[i];
    }
  }
  return repair_utf8(out);
}

}  // namespace

int KeyReader::byte(int timeout) {
  while (true) {
    const int c = next_byte_(timeout);
    if (c == resized && timeout >= 0) continue;  // in the middle of a key
    if (c >= 0 && typed_ahead_ > 0) --typed_ahead_;
    return c;
  }
}

Key KeyReader::next() {
  const bool ahead = typed_ahead_ > 0;
  const int c = byte(-1);
  if (c == closed) return {Key::closed};
  if (c == resized) return {Key::redraw};
  if (c < 0) return {Key::none};
  if (c == 0x1b) return escape();
  if (c == '\t') return {Key::text, kTabText};
  if (c == '\n' && ahead) return {Key::enter};
  if (c < ' ' || c == 0x7f) return {control_key(c)};
  return characters(static_cast<unsigned char>(c));
}

Key KeyReader::characters(unsigned char first) {
  std::string bytes(1, static_cast<char>(first));
  for (int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0; more > 0; --more) {
    const int c = byte(kEscapeWait);
    if (c < 0) break;
    bytes += static_cast<char>(c);
  }
  return {Key::text, repair_utf8(bytes)};
}

Key KeyReader::escape() {
  const int c = byte(kEscapeWait);
  switch (c) {
    case 'b':
      return {Key::word_left};
    case 'f':
      return {Key::word_right};
    case 'd':
      return {Key::none};
    case 0x7f:
    case 8:
      return {Key::erase_word};
    case '\r':
      return {Key::newline};
    case '[':
    case 'O':
      break;
    default:
      return {c == closed ? Key::closed : Key::none};
  }
  std::string parameters;
  while (parameters.size() < kLongestSequence) {
    const int next = byte(kEscapeWait);
    if (next < 0) return {Key::none};
    if (next >= 0x40 && next <= 0x7e) return sequence(parameters, static_cast<char>(next));
    parameters += static_cast<char>(next);
  }
  return {Key::none};
}

Key KeyReader::sequence(const std::string& parameters, char final) {
  // 5: with Ctrl, 3: with Alt
  const bool by_word = parameters == "1;5" || parameters == "1;3" || parameters == "5";
  switch (final) {
    case 'A':
      return {Key::up};
    case 'B':
      return {Key::down};
    case 'C':
      return {by_word ? Key::word_right : Key::right};
    case 'D':
      return {by_word ? Key::word_left : Key::left};
    case 'H':
      return {Key::line_start};
    case 'F':
      return {Key::line_end};
    case '~':
      break;
    default:
      return {Key::none};
  }
  if (parameters == "200") return pasted();
  if (parameters == "1" || parameters == "7") return {Key::line_start};
  if (parameters == "4" || parameters == "8") return {Key::line_end};
  if (parameters == "3") return {Key::erase_under};
  return {Key::none};
}

Key KeyReader::pasted() {
  const std::string end = "\x1b[201~";
  std::string raw;
  while (raw.size() < kLargestPaste) {
    const int c = byte(kPasteWait);
    if (c < 0) break;  // the end mark got lost
    raw += static_cast<char>(c);
    if (raw.ends_with(end)) {
      raw.erase(raw.size() - end.size());
      break;
    }
  }
  return {Key::paste, clean_paste(raw)};
}

}  // namespace engine::cli
