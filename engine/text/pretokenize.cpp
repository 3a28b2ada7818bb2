#include "engine/text/pretokenize.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engine/core/check.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr uint32_t kMatchLimit = 10'000'000;
constexpr size_t kJitStackBytes = size_t{1} << 20;

enum class Cut : uint8_t {
  end,  // no further pattern
#define PATTERN(name, regex) name,
#define SCAN(name) name,
#define PRE(...)
#include "engine/text/pretokenizers.inc"
#undef PATTERN
#undef SCAN
#undef PRE
};

constexpr const char* kRegex[] = {
    // by Cut; nullptr: not a regex
    nullptr,
#define PATTERN(name, regex) regex,
#define SCAN(name) nullptr,
#define PRE(...)
#include "engine/text/pretokenizers.inc"
#undef PATTERN
#undef SCAN
#undef PRE
};

struct PreLine {
  std::string_view name;
  PreFlags flags;
  Cut cuts[7];  // ends with Cut::end
};

const PreLine* find_line(std::string_view name) {
  enum Flag : unsigned {
    none = 0,
    im = 1,
    bos = 2,
    sep = 4,
    no_bos = 8,
    cs0 = 16,
    plain = 32,
    gemma4 = 64
  };
  using enum Cut;
  constexpr auto flags = [](unsigned f) -> PreFlags {
    return {(f & im) != 0,     (f & bos) != 0, (f & sep) != 0,
            (f & no_bos) != 0, (f & cs0) != 0, (f & (plain | gemma4)) != 0,
            (f & gemma4) != 0};
  };
  static constexpr PreLine kLines[] = {
#define PATTERN(name, regex)
#define SCAN(name)
#define PRE(name, f, ...) {name, flags(f), {__VA_ARGS__}},
#include "engine/text/pretokenizers.inc"
#undef PATTERN
#undef SCAN
#undef PRE
  };
  for (const PreLine& line : kLines)
    if (line.name == name) return &line;
  return nullptr;
}

// \s and \S of the lists as the property White_Space, inside a character class or not.
std::string spell_white_space(std::string_view regex) {
  std::string out;
  for (size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] != '\\' || i + 1 == regex.size()) {
      out += regex[i];
      continue;
    }
    const char c = regex[++i];
    if (c == 's') {
      out += "\\p{White_Space}";
    } else if (c == 'S') {
      out += "\\P{White_Space}";
    } else {
      out += {'\\', c};
    }
  }
  return out;
}

// What one call of split() needs to run patterns; shared by its pieces.
struct MatchState {
  explicit MatchState(uint32_t pairs)
      : data(pcre2_match_data_create(pairs, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(size_t{32} << 10, kJitStackBytes, nullptr)) {
    ENGINE_CHECK(data != nullptr && context != nullptr, "out of memory");
    pcre2_set_match_limit(context, kMatchLimit);
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  MatchState(const MatchState&) = delete;
  MatchState& operator=(const MatchState&) = delete;
  ~MatchState() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }

  pcre2_match_data* data;
  pcre2_match_context* context;
  pcre2_jit_stack* stack;
};

// \w beside decimal digits: what lets no word end after a run of them.
bool continues_word(int32_t c) {
  const CharClass k = char_class(c);
  return c == '_' || k == CharClass::letter || k == CharClass::mark || k == CharClass::number;
}

// Digits in groups of three counted from the right, a short group first. `whole`: as
// \d{1,3}(?=(?:\d{3})*\b), where a run that continues as a word is left alone and groups stand
// apart from the text beside them; else as the borders that (?=(\d{3})+(?!\d)) finds. Appends the
// cuts inside the piece, without its end.
void cut_digit_groups(std::string_view piece, uint32_t base, bool whole,
                      std::vector<uint32_t>& ends) {
  const auto cut = [&](size_t at) {
    const bool inside = at > 0 && at < piece.size();
    if (inside && (ends.empty() || ends.back() < base + at))
      ends.push_back(base + static_cast<uint32_t>(at));
  };
  std::vector<uint32_t> digits;  // where each digit of the run begins
  for (size_t i = 0; i < piece.size();) {
    CodePoint c = decode_utf8(piece, i);
    if (!is_decimal_digit(c.value)) {
      i += c.bytes;
      continue;
    }
    digits.clear();
    for (; i < piece.size(); i += c.bytes) {
      c = decode_utf8(piece, i);
      if (!is_decimal_digit(c.value)) break;
      digits.push_back(static_cast<uint32_t>(i));
    }
    if (whole && i < piece.size() && continues_word(c.value)) continue;
    if (whole) cut(digits[0]);
    for (size_t d = digits.size() % 3; d < digits.size(); d += 3) cut(digits[d]);
    if (whole) cut(i);
  }
}

}  // namespace

const PreFlags* find_pre(std::string_view name) {
  const PreLine* line = find_line(name);
  return line == nullptr ? nullptr : &line->flags;
}

// One step of a pre-tokenizer.
class Pretokenizer::Splitter {
 public:
  explicit Splitter(Cut cut) : cut_(cut) {
    const char* listed = kRegex[static_cast<size_t>(cut)];
    if (listed == nullptr) return;
    const std::string regex = spell_white_space(listed);
    int error = 0;
    PCRE2_SIZE offset = 0;
    const auto* text = reinterpret_cast<PCRE2_SPTR>(regex.data());
    code_ = pcre2_compile(text, regex.size(), PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    ENGINE_CHECK(code_ != nullptr, "a pattern of pretokenizers.inc does not compile");
    // where the system forbids it, the interpreter runs
    pcre2_jit_compile(code_, PCRE2_JIT_COMPLETE);
  }
  Splitter(const Splitter&) = delete;
  Splitter& operator=(const Splitter&) = delete;
  ~Splitter() { pcre2_code_free(code_); }

  // Appends the ends of the matches and of the gaps between them; the piece is the whole subject of
  // the pattern. False: limit.
  bool split(std::string_view text, uint32_t begin, uint32_t end, MatchState& state,
             std::vector<uint32_t>& ends) const {
    const std::string_view piece = text.substr(begin, end - begin);
    if (code_ == nullptr) {
      cut_digit_groups(piece, begin, cut_ == Cut::digit_groups, ends);
      ends.push_back(end);
      return true;
    }
    constexpr uint32_t kOptions = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(piece.data());
    const PCRE2_SIZE* match = pcre2_get_ovector_pointer(state.data);
    for (size_t done = 0, at = 0; at < piece.size();) {
      const int rc =
          pcre2_match(code_, subject, piece.size(), at, kOptions, state.data, state.context);
      if (rc == PCRE2_ERROR_NOMATCH) break;
      if (rc < 0) return false;
      if (match[0] > done) ends.push_back(begin + static_cast<uint32_t>(match[0]));
      if (match[1] < piece.size()) ends.push_back(begin + static_cast<uint32_t>(match[1]));
      done = at = match[1];
    }
    ends.push_back(end);
    return true;
  }

 private:
  Cut cut_;
  pcre2_code* code_ = nullptr;
};

Pretokenizer::Pretokenizer(Pretokenizer&&) noexcept = default;
Pretokenizer& Pretokenizer::operator=(Pretokenizer&&) noexcept = default;
Pretokenizer::~Pretokenizer() = default;

Result<Pretokenizer> Pretokenizer::make(std::string_view name) {
  const PreLine* line = find_line(name);
  if (line == nullptr)
    return Error{Errc::unsupported, fmt::format("unknown pre-tokenizer type: '{}'", name)};
  Pretokenizer p;
  p.name_ = name;
  for (const Cut cut : line->cuts) {
    if (cut == Cut::end) break;
    p.splitters_.push_back(std::make_unique<Splitter>(cut));
  }
  return p;
}

Status Pretokenizer::split(std::string_view text, std::vector<uint32_t>& ends) const {
  ends.clear();
  if (text.empty()) return ok;
  ends.push_back(static_cast<uint32_t>(text.size()));
  MatchState state(1);
  std::vector<uint32_t> pieces;
  for (const auto& splitter : splitters_) {
    pieces.swap(ends);
    ends.clear();
    uint32_t begin = 0;
    for (const uint32_t end : pieces) {
      if (!splitter->split(text, begin, end, state, ends))
        return Error{Errc::invalid_argument,
                     fmt::format("text cannot be split by pre-tokenizer '{}'", name_)};
      begin = end;
    }
  }
  return ok;
}

}  // namespace engine
