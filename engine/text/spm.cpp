// SentencePiece-style BPE: characters join while the joined text is a token, the best score first;
// what is no token in the end is spelled in byte tokens.
#include <cstring>

#include "engine/text/symbol_merge.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

// The order of floats turned into that of unsigned numbers, highest score first. -0 equals 0.
uint32_t priority_of(float score) {
  uint32_t bits;
  score += 0.0f;
  std::memcpy(&bits, &score, sizeof bits);
  const uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

constexpr std::string_view kSpace = "▁";  // U+2581

// Whether every token has U+2581 only at its beginning. No merge can then join a word with the
// space that follows it, and words may be merged one by one: the same result, in far less memory.
bool words_stand_alone(const Vocabulary& v) {
  for (Token id = 0; id < v.size(); ++id) {
    std::string_view text = v.text(id);
    while (text.starts_with(kSpace)) text.remove_prefix(kSpace.size());
    if (text.find(kSpace) != std::string_view::npos) return false;
  }
  return true;
}

class SpmTokenizer final : public Tokenizer {
 public:
  explicit SpmTokenizer(Vocabulary v)
      : Tokenizer(std::move(v)), by_words_(words_stand_alone(vocabulary())) {}

 protected:
  Status encode_plain(std::string_view plain, bool after_special,
                      std::vector<Token>& out) const override {
    std::string text;
    if (vocabulary().rules().add_space_prefix && after_special) append_escaped(" ", text);
    append_escaped(plain, text);
    // a broken lead byte takes the space behind it for its own
    const bool by_words = by_words_ && is_valid_utf8(text);
    Scratch scratch;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = by_words ? word_end(text, begin) : text.size();
      encode_word(std::string_view(text).substr(begin, end - begin), scratch, out);
      begin = end;
    }
    return ok;
  }

  void append_normal(Token id, std::string& out) const override {
    append_unescaped(vocabulary().text(id), out);
  }

 private:
  struct Scratch {
    std::vector<Symbol> symbols;
    SymbolMerger merger;
  };

  // Behind the spaces at `begin` and what follows them up to the next space.
  static size_t word_end(std::string_view text, size_t begin) {
    while (text.substr(begin).starts_with(kSpace)) begin += kSpace.size();
    return std::min(text.find(kSpace, begin), text.size());
  }

  void encode_word(std::string_view word, Scratch& s, std::vector<Token>& out) const {
    const Vocabulary& v = vocabulary();
    s.symbols.clear();
    const auto size = static_cast<uint32_t>(word.size());
    for (uint32_t at = 0; at < size;) {
      const uint32_t bytes = std::min(utf8_lead_length(word[at]), size - at);
      s.symbols.push_back({v.find(word.substr(at, bytes)), at, bytes, -1, -1});
      at += bytes;
    }
    s.merger.run(s.symbols, [&](const Symbol& a, const Symbol& b) -> PairMerge {
      const Token id = v.find(word.substr(a.begin, a.bytes + b.bytes));
      return {id < 0 ? 0 : priority_of(v.score(id)), id};
    });
    for (const Symbol& symbol : s.symbols) {
      if (symbol.id != kNoToken) {
        out.push_back(symbol.id);
      } else {
        append_bytes(word.substr(symbol.begin, symbol.bytes), out);
      }
    }
  }

  void append_bytes(std::string_view bytes, std::vector<Token>& out) const {
    const Vocabulary& v = vocabulary();
    for (const char& c : bytes) {
      Token id = v.byte_token(static_cast<uint8_t>(c));
      if (id == kNoToken) id = v.find({&c, 1});
      if (id == kNoToken) id = v.ids().unk;
      if (id != kNoToken) out.push_back(id);
    }
  }

  bool by_words_;
};

}  // namespace

std::unique_ptr<Tokenizer> make_spm_tokenizer(Vocabulary vocabulary) {
  return std::make_unique<SpmTokenizer>(std::move(vocabulary));
}

}  // namespace engine
