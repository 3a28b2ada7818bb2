// SentencePiece-style BPE: characters join while the joined text is a token, the best score first; what is no token in the end
// is spelled in byte tokens.
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

class SpmTokenizer final : public Tokenizer {
 public:
  explicit SpmTokenizer(Vocabulary v) : Tokenizer(std::move(v)) {}

 protected:
  Status encode_plain(std::string_view plain, bool after_special, std::vector<Token>& out) const override {
    const Vocabulary& v = vocabulary();
    std::string text;
    if (v.rules().add_space_prefix && after_special) append_escaped(" ", text);
    append_escaped(plain, text);

    std::vector<Symbol> symbols;
    const auto size = static_cast<uint32_t>(text.size());
    for (uint32_t at = 0; at < size;) {
      const uint32_t bytes = std::min(utf8_lead_length(text[at]), size - at);
      symbols.push_back({v.find({text.data() + at, bytes}), at, bytes, -1, -1});
      at += bytes;
    }
    SymbolMerger merger;
    merger.run(symbols, [&](const Symbol& a, const Symbol& b) -> PairMerge {
      const Token id = v.find({text.data() + a.begin, a.bytes + b.bytes});
      return {id < 0 ? 0 : priority_of(v.score(id)), id};
    });
    for (const Symbol& s : symbols) {
      if (s.id != kNoToken) {
        out.push_back(s.id);
      } else {
        append_bytes({text.data() + s.begin, s.bytes}, out);
      }
    }
    return ok;
  }

  void append_normal(Token id, std::string& out) const override { append_unescaped(vocabulary().text(id), out); }

 private:
  void append_bytes(std::string_view bytes, std::vector<Token>& out) const {
    const Vocabulary& v = vocabulary();
    for (const char& c : bytes) {
      Token id = v.byte_token(static_cast<uint8_t>(c));
      if (id == kNoToken) id = v.find({&c, 1});
      if (id == kNoToken) id = v.ids().unk;
      if (id != kNoToken) out.push_back(id);
    }
  }
};

}  // namespace

std::unique_ptr<Tokenizer> make_spm_tokenizer(Vocabulary vocabulary) {
  return std::make_unique<SpmTokenizer>(std::move(vocabulary));
}

}  // namespace engine
