// WordPiece, of the BERT family: words are cut at white space and punctuation, then into the
// longest tokens from the left. The first piece of a word is stored with U+2581 in front.
#include <algorithm>

#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr std::string_view kWordStart = "▁";  // U+2581

bool is_cjk(int32_t c) {
  constexpr int32_t kRanges[][2] = {{0x4E00, 0x9FFF},   {0x3400, 0x4DBF},   {0x20000, 0x2A6DF},
                                    {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF},
                                    {0xF900, 0xFAFF},   {0x2F800, 0x2FA1F}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [c](const int32_t(&r)[2]) { return c >= r[0] && c <= r[1]; });
}

// Punctuation, ASCII symbols, and CJK characters are words of their own.
bool stands_alone(int32_t c) {
  const CharClass kind = char_class(c);
  return kind == CharClass::punctuation || (kind == CharClass::symbol && c < 0x7F) || is_cjk(c);
}

class WordPieceTokenizer final : public Tokenizer {
 public:
  explicit WordPieceTokenizer(Vocabulary v)
      : Tokenizer(std::move(v)), sorted_(static_cast<size_t>(vocabulary().size())) {
    for (size_t i = 0; i < sorted_.size(); ++i) sorted_[i] = static_cast<Token>(i);
    std::sort(sorted_.begin(), sorted_.end(),
              [this](Token a, Token b) { return vocabulary().text(a) < vocabulary().text(b); });
  }

 protected:
  Status encode_plain(std::string_view text, bool, std::vector<Token>& out) const override {
    const VocabRules& rules = vocabulary().rules();
    std::string word(kWordStart);
    const auto end_word = [&] {
      if (word.size() > kWordStart.size()) encode_word(word, out);
      word.resize(kWordStart.size());
    };
    for (size_t at = 0; at < text.size();) {
      const CodePoint read = decode_utf8(text, at);
      at += read.bytes;
      if (read.value < 0) continue;  // counts as U+FFFD
      const int32_t c = rules.strip_accents ? base_letter(read.value) : read.value;
      if (is_white_space(c)) {
        end_word();
        continue;
      }
      if (c == 0xFFFD || is_control(c)) continue;
      if (rules.strip_accents && char_class(c) == CharClass::mark) continue;
      const bool alone = stands_alone(c);
      if (alone) end_word();
      append_utf8(rules.lowercase ? lower_case(c) : c, word);
      if (alone) end_word();
    }
    end_word();
    return ok;
  }

  void append_normal(Token id, std::string& out) const override {
    append_unescaped(vocabulary().text(id), out);
  }

 private:
  // A word with a part that is no token becomes one unknown token.
  void encode_word(std::string_view word, std::vector<Token>& out) const {
    const size_t before = out.size();
    for (size_t at = 0; at < word.size();) {
      const std::string_view piece = longest(word.substr(at));
      if (piece.empty()) {
        out.resize(before);
        if (vocabulary().ids().unk != kNoToken) out.push_back(vocabulary().ids().unk);
        return;
      }
      out.push_back(vocabulary().find(piece));
      at += piece.size();
    }
  }

  // The longest token that begins `text`: the range of tokens with the same first bytes, narrowed
  // byte by byte. Of the tokens in the range, the one that ends here comes first.
  std::string_view longest(std::string_view text) const {
    size_t best = 0;
    auto first = sorted_.begin(), last = sorted_.end();
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      const auto at = [&](Token id) {  // -1: the token has ended
        const std::string_view t = vocabulary().text(id);
        return i < t.size() ? int{static_cast<uint8_t>(t[i])} : -1;
      };
      first = std::partition_point(first, last, [&](Token id) { return at(id) < byte; });
      last = std::partition_point(first, last, [&](Token id) { return at(id) == byte; });
      if (first == last) break;
      if (vocabulary().text(*first).size() == i + 1) best = i + 1;
    }
    return text.substr(0, best);
  }

  std::vector<Token> sorted_;  // all ids by the bytes of their texts
};

}  // namespace

std::unique_ptr<Tokenizer> make_wordpiece_tokenizer(Vocabulary vocabulary) {
  return std::make_unique<WordPieceTokenizer>(std::move(vocabulary));
}

}  // namespace engine
