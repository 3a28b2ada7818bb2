#include "engine/text/tokenizer.h"

#include <fmt/format.h>

namespace engine {
namespace {

constexpr std::string_view kEscapedSpace = "▁";  // U+2581
constexpr size_t kMaxText = size_t{1} << 30;

uint8_t hex_digit(char c) {
  return static_cast<uint8_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

// "a ." -> "a.", "a ' b" -> "a'b", "a 's" -> "a's": three passes,
// each over the result of the one before.
std::string tidy_spaces(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (!out.empty() && out.back() == ' ' && (c == '?' || c == '!' || c == '.' || c == ','))
      out.pop_back();
    out += c;
  }
  for (size_t at = 0; (at = out.find(" ' ", at)) != std::string::npos; ++at)
    out.replace(at, 3, "'");
  std::string result;
  for (size_t i = 0; i < out.size(); ++i) {
    const std::string_view rest = std::string_view(out).substr(i);
    if (rest.starts_with(" '")) {
      const std::string_view tail = rest.substr(2);
      if (tail.starts_with("s") || tail.starts_with("m") || tail.starts_with("re") ||
          tail.starts_with("ve"))
        continue;
    }
    result += out[i];
  }
  return result;
}

}  // namespace

void append_unescaped(std::string_view text, std::string& out) {
  for (size_t at = 0;;) {
    const size_t found = text.find(kEscapedSpace, at);
    out.append(text.substr(at, found - at));
    if (found == std::string_view::npos) return;
    out += ' ';
    at = found + kEscapedSpace.size();
  }
}

void append_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == ' ') {
      out.append(kEscapedSpace);
    } else {
      out += c;
    }
  }
}

Status Tokenizer::encode(std::string_view text, EncodeFlags flags, std::vector<Token>& out) const {
  if (text.size() > kMaxText)
    return Error{Errc::invalid_argument,
                 fmt::format("a text of {} bytes is too long", text.size())};
  const VocabRules& rules = vocabulary_.rules();
  if (flags.add_special && rules.first_token() != kNoToken) out.push_back(rules.first_token());
  bool after_special = true;
  for (const Fragment& f : partitioner_.cut(text, flags.parse_special)) {
    if (f.special != kNoToken) {
      out.push_back(f.special);
      after_special = true;
    } else {
      ENGINE_TRY_STATUS(encode_plain(text.substr(f.begin, f.end - f.begin), after_special, out));
      after_special = false;
    }
  }
  if (flags.add_special && rules.last_token() != kNoToken) out.push_back(rules.last_token());
  return ok;
}

void Tokenizer::append_piece(Token id, bool special, std::string& out) const {
  if (id < 0 || id >= size() || !vocabulary_.has_texts()) return;
  const std::string_view text = vocabulary_.text(id);
  const uint16_t attrs = vocabulary_.attrs(id);
  if (attrs & (attr_control | attr_unknown)) {
    if (special) out.append(text);
  } else if (attrs & attr_user_defined) {
    out.append(text);
  } else if (attrs & attr_normal) {
    append_normal(id, out);
  } else if ((attrs & attr_byte) && text.size() == 6) {  // "<0x0A>"
    out += static_cast<char>(hex_digit(text[3]) << 4 | hex_digit(text[4]));
  }
}

std::string Tokenizer::piece(Token id, bool special) const {
  std::string out;
  append_piece(id, special, out);
  return out;
}

std::string Tokenizer::detokenize(std::span<const Token> tokens, DecodeFlags flags) const {
  const VocabRules& rules = vocabulary_.rules();
  bool strip = rules.add_space_prefix;
  if (flags.remove_special && rules.add_bos && !tokens.empty() &&
      tokens.front() == rules.first_token()) {
    tokens = tokens.subspan(1);
    strip = false;
  }
  if (flags.remove_special && rules.last_token() != kNoToken && !tokens.empty() &&
      tokens.back() == rules.last_token())
    tokens = tokens.first(tokens.size() - 1);
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    append_piece(tokens[i], flags.unparse_special, out);
    if (i == 0 && strip && out.starts_with(' ')) out.erase(0, 1);
  }
  return rules.clean_spaces ? tidy_spaces(out) : out;
}

std::string_view Tokenizer::without_added_tokens(std::string_view rendered) const {
  const VocabRules& rules = vocabulary_.rules();
  if (!vocabulary_.has_texts()) return rendered;
  const Token first = rules.first_token(), last = rules.last_token();
  if (first != kNoToken && rendered.starts_with(vocabulary_.text(first)))
    rendered.remove_prefix(vocabulary_.text(first).size());
  if (last != kNoToken && rendered.ends_with(vocabulary_.text(last)))
    rendered.remove_suffix(vocabulary_.text(last).size());
  return rendered;
}

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const VocabData& data) {
  ENGINE_TRY(vocabulary, Vocabulary::build(data));
  std::unique_ptr<Tokenizer> t;
  switch (vocabulary.rules().algorithm) {
    case TokenAlgorithm::bpe: {
      ENGINE_TRY(bpe, make_bpe_tokenizer(std::move(vocabulary), data));
      t = std::move(bpe);
      break;
    }
    case TokenAlgorithm::spm:
      t = make_spm_tokenizer(std::move(vocabulary));
      t->newline_ = t->vocabulary_.byte_token('\n');
      return t;
    case TokenAlgorithm::wpm:
      t = make_wordpiece_tokenizer(std::move(vocabulary));
      break;
    case TokenAlgorithm::ugm: {
      ENGINE_TRY(unigram, make_unigram_tokenizer(std::move(vocabulary), data));
      t = std::move(unigram);
      break;
    }
    case TokenAlgorithm::test:
    case TokenAlgorithm::none:
      t = make_dummy_tokenizer(std::move(vocabulary));
      break;
  }
  std::vector<Token> ids;
  t->newline_ = t->encode_plain("\n", true, ids) && !ids.empty() ? ids.front() : kNoToken;
  return t;
}

}  // namespace engine
