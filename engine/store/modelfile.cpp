// The automaton that reads a Modelfile character by character, and the printer.
#include "engine/store/modelfile.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "engine/store/modelfile_text.h"
#include "engine/store/name.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr std::string_view kNames[] = {
#define KEYWORD(name, value) #name,
#include "engine/store/modelfile_keywords.inc"
};

std::string upper(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

std::optional<Keyword> find_keyword(std::string_view word) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (equal_ignoring_case(word, kNames[i])) return static_cast<Keyword>(i);
  return std::nullopt;
}

std::optional<std::string_view> find_role(std::string_view word) {
  for (const std::string_view role : {"system", "user", "assistant"})
    if (equal_ignoring_case(word, role)) return role;
  return std::nullopt;
}

Error error_at(int line, std::string_view text) {
  return {Errc::invalid_argument, fmt::format("(line {}): {}", line, text)};
}

Error unexpected_end(std::string_view collected = {}) {
  return {Errc::invalid_argument,
          collected.empty() ? "unexpected EOF" : fmt::format("unexpected EOF: {}", collected)};
}

constexpr std::string_view kThree = "\"\"\"";

// The value, when what was collected so far (without blanks around it) is a whole one.
std::optional<std::string_view> closed_value(std::string_view s) {
  if (!s.starts_with('"')) return s;
  if (s.starts_with(kThree)) {
    if (s.size() < 6 || !s.ends_with(kThree)) return std::nullopt;
    return s.substr(3, s.size() - 6);
  }
  if (s.size() < 2 || !s.ends_with('"')) return std::nullopt;
  return s.substr(1, s.size() - 2);
}

bool is_letter(int32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_blank(int32_t c) {
  return c == ' ' || c == '\t';
}
bool is_line_end(int32_t c) {
  return c == '\r' || c == '\n';
}

class Reader {
 public:
  // c: the next character; text: its bytes.
  Status take(int32_t c, std::string_view text) {
    switch (state_) {
      case State::start:
        if (c == '#') return state_ = State::comment, ok;
        if (is_blank(c) || is_line_end(c)) return ok;
        state_ = State::word;
        command_ = {};
        command_.line = line_;
        clear();
        return word(c, text);
      case State::word:
        return word(c, text);
      case State::name:
        return name(c, text);
      case State::role:
        return role(c, text);
      case State::value:
        return value(c, text), ok;
      case State::comment:
        if (is_line_end(c)) state_ = State::start;
        return ok;
    }
    return ok;
  }

  Result<Modelfile> finish() {
    if (state_ == State::value) {
      if (!end_value()) return unexpected_end();
    } else if (state_ != State::start && state_ != State::comment) {
      return unexpected_end();
    }
    const bool has_from =
        std::any_of(file_.commands.begin(), file_.commands.end(),
                    [](const ModelfileCommand& c) { return c.keyword == Keyword::from_; });
    if (!has_from) return Error{Errc::invalid_argument, "no FROM line"};
    return std::move(file_);
  }

  void next_line() { ++line_; }

 private:
  enum class State : uint8_t { start, word, name, role, value, comment };

  Status word(int32_t c, std::string_view text) {
    if (is_letter(c)) return collected_ += text, ok;
    const auto keyword = is_blank(c) ? find_keyword(collected_) : std::nullopt;
    if (!keyword) return unknown_instruction(command_.line);
    command_.keyword = *keyword;
    state_ = *keyword == Keyword::parameter_ ? State::name
             : *keyword == Keyword::message_ ? State::role
                                             : State::value;
    clear();
    return ok;
  }

  Status name(int32_t c, std::string_view text) {
    if (is_letter(c) || (c >= '0' && c <= '9') || c == '_') return collected_ += text, ok;
    if (!is_blank(c)) return unexpected_end(collected_);
    if (!collected_.empty()) begin_value(collected_);
    return ok;
  }

  Status role(int32_t c, std::string_view text) {
    if (is_letter(c)) return collected_ += text, ok;
    if (!is_blank(c)) return unexpected_end(collected_);
    if (collected_.empty()) return ok;
    const auto known = find_role(collected_);
    if (!known)
      return error_at(command_.line,
                      "message role must be one of \"system\", \"user\", or \"assistant\"");
    begin_value(*known);
    return ok;
  }

  void begin_value(std::string_view key) {
    command_.key = key;
    clear();
    state_ = State::value;
  }

  void value(int32_t c, std::string_view text) {
    if (is_line_end(c) && end_value()) return;
    const bool blank = is_line_end(c) || is_blank(c);
    if (blank ? collected_.empty() : !is_printable(c)) return;
    collected_ += text;
    if (!is_white_space(c)) trimmed_ = collected_.size();
  }

  // false: the value goes on behind the line end.
  bool end_value() {
    const auto closed = closed_value(std::string_view(collected_).substr(0, trimmed_));
    if (!closed) return false;
    command_.value = *closed;
    file_.commands.push_back(std::move(command_));
    clear();
    state_ = State::start;
    return true;
  }

  void clear() { collected_.clear(), trimmed_ = 0; }

  Modelfile file_;
  State state_ = State::start;
  ModelfileCommand command_;
  std::string collected_;
  size_t trimmed_ = 0;  // bytes of it up to the last one of a value that is not blank
  int line_ = 1;
};

// Bare where the parser gives the same back.
std::string in_marks(std::string_view value) {
  const bool bare = !value.empty() && value.find_first_of("\r\n") == value.npos &&
                    trim_unicode(value) == value && !value.starts_with('"');
  if (bare) return std::string(value);
  const std::string_view mark = value.find('"') == value.npos ? kThree.substr(0, 1) : kThree;
  return fmt::format("{}{}{}", mark, value, mark);
}

}  // namespace

Error unknown_instruction(int line) {
  return error_at(line,
                  "command must be one of \"from\", \"license\", \"template\", \"system\", "
                  "\"adapter\", \"draft\", \"renderer\", \"parser\", \"parameter\", \"message\", "
                  "or \"requires\"");
}

Result<Modelfile> parse_modelfile(std::string_view bytes) {
  const std::string text = decode_modelfile(bytes);
  Reader reader;
  for (size_t i = 0; i < text.size();) {
    const CodePoint c = decode_utf8(text, i);
    ENGINE_TRY_STATUS(reader.take(c.value, std::string_view(text).substr(i, c.bytes)));
    i += c.bytes;
    // the two characters of a Windows line end are one
    const bool pair = c.value == '\r' && i < text.size() && text[i] == '\n';
    if (is_line_end(c.value) && !pair) reader.next_line();
  }
  return reader.finish();
}

std::string print_command(const ModelfileCommand& c) {
  std::string out = upper(kNames[static_cast<size_t>(c.keyword)]);
  if (!c.key.empty()) out += " " + c.key;
  return out + " " + in_marks(c.value) + "\n";
}

std::string print_modelfile(const Modelfile& file) {
  std::string out;
  for (const ModelfileCommand& c : file.commands) out += print_command(c);
  return out;
}

}  // namespace engine
