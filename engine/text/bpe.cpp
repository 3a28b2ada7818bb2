// Byte-pair encoding: text is cut into words (pretokenize.h), and inside a word neighbours join in
// the order of the merge list.
#include <fmt/format.h>

#include <array>

#include "engine/core/json_io.h"
#include "engine/text/byte_map.h"
#include "engine/text/merge_table.h"
#include "engine/text/pretokenize.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(Vocabulary v, Pretokenizer pre, std::span<const std::string_view> merges)
      : Tokenizer(std::move(v)), pre_(std::move(pre)), merges_(vocabulary().index(), merges) {
    for (size_t b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      symbol_of_byte_[b] = merges_.symbol(kByteMap.text[b].view());
      one_byte_token_[b] = vocabulary().find({&byte, 1});
    }
  }

 protected:
  Status encode_plain(std::string_view text, bool, std::vector<Token>& out) const override {
    std::string repaired, escaped;
    if (!is_valid_utf8(text)) text = repaired = repair_utf8(text);
    if (vocabulary().rules().escape_whitespaces) {
      append_escaped(text, escaped);
      text = escaped;
    }
    std::vector<uint32_t> ends;
    ENGINE_TRY_STATUS(pre_.split(text, ends));
    Scratch scratch;
    uint32_t begin = 0;
    for (const uint32_t end : ends) {
      encode_word(text.substr(begin, end - begin), scratch, out);
      begin = end;
    }
    return ok;
  }

  void append_normal(Token id, std::string& out) const override {
    const std::string_view text = vocabulary().text(id);
    if (!vocabulary().rules().byte_encoded) return append_unescaped(text, out);
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      const bool known = c.value >= 0 && c.value < static_cast<int32_t>(kByteMap.byte_of.size());
      const int byte = known ? kByteMap.byte_of[static_cast<size_t>(c.value)] : -1;
      if (byte >= 0) {
        out += static_cast<char>(byte);
      } else {
        out += "[UNK_BYTE_0x";
        for (const char u : text.substr(at, c.bytes))
          fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<uint8_t>(u));
        out.append(text).append("]");
      }
      at += c.bytes;
    }
  }

 private:
  struct Scratch {
    std::vector<Symbol> symbols;
    SymbolMerger merger;
    std::string encoded;
  };

  void encode_word(std::string_view word, Scratch& s, std::vector<Token>& out) const {
    const VocabRules& rules = vocabulary().rules();
    if (rules.ignore_merges ||
        (rules.newline_words && word.find_first_not_of('\n') == std::string_view::npos)) {
      if (const Token id = whole_word(word, s); id != kNoToken) {
        out.push_back(id);
        return;
      }
    }
    s.symbols.clear();
    const auto size = static_cast<uint32_t>(word.size());
    for (uint32_t at = 0; at < size;) {
      const uint32_t bytes = rules.byte_encoded ? 1 : decode_utf8(word, at).bytes;
      const Token id = rules.byte_encoded ? symbol_of_byte_[static_cast<uint8_t>(word[at])]
                                          : merges_.symbol(word.substr(at, bytes));
      s.symbols.push_back({id, at, bytes, -1, -1});
      at += bytes;
    }
    s.merger.run(s.symbols,
                 [this](const Symbol& a, const Symbol& b) { return merges_.find(a.id, b.id); });
    for (const Symbol& symbol : s.symbols) {
      if (symbol.id >= 0 && symbol.id < size_of_vocabulary()) {
        out.push_back(symbol.id);
      } else {
        spell(word.substr(symbol.begin, symbol.bytes), s, out);
      }
    }
  }

  Token whole_word(std::string_view word, Scratch& s) const {
    if (!vocabulary().rules().byte_encoded) return vocabulary().find(word);
    s.encoded.clear();
    kByteMap.append(word, s.encoded);
    return vocabulary().find(s.encoded);
  }

  // A symbol that is no token, byte by byte; bytes without a token are lost.
  // Byte-level vocabularies have single characters for the bytes
  // of the stored text, the others have byte tokens.
  void spell(std::string_view bytes, Scratch& s, std::vector<Token>& out) const {
    const bool byte_encoded = vocabulary().rules().byte_encoded;
    s.encoded.clear();
    if (byte_encoded) {
      kByteMap.append(bytes, s.encoded);
      bytes = s.encoded;
    }
    for (const char c : bytes) {
      const auto byte = static_cast<uint8_t>(c);
      const Token id = byte_encoded ? one_byte_token_[byte] : vocabulary().byte_token(byte);
      if (id != kNoToken) out.push_back(id);
    }
  }

  int32_t size_of_vocabulary() const { return vocabulary().size(); }

  Pretokenizer pre_;
  MergeTable merges_;
  std::array<Token, 256> symbol_of_byte_{};  // byte-level only
  std::array<Token, 256> one_byte_token_{};
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_bpe_tokenizer(Vocabulary vocabulary,
                                                      const VocabData& data) {
  if (data.merges.empty() && vocabulary.rules().pre != "kimi-k2")
    return Error{Errc::corrupt, "cannot find tokenizer merges in model file"};
  ENGINE_TRY(pre, Pretokenizer::make(vocabulary.rules().pre));
  return std::unique_ptr<Tokenizer>(
      std::make_unique<BpeTokenizer>(std::move(vocabulary), std::move(pre), data.merges));
}

}  // namespace engine
