// Two tokenizers that know no words: `none`, of models that are fed with ids only, and `test`, of
// generated test models, which hashes five bytes at a time.
#include <fmt/format.h>

#include "engine/text/tokenizer.h"

namespace engine {
namespace {

constexpr size_t kChunkBytes = 5;

class DummyTokenizer final : public Tokenizer {
 public:
  explicit DummyTokenizer(Vocabulary v) : Tokenizer(std::move(v)) {}

  void append_piece(Token id, bool special, std::string& out) const override {
    if (id < 0 || id >= size() || vocabulary().rules().algorithm == TokenAlgorithm::none) return;
    if (!special && vocabulary().has(id, attr_control | attr_unknown)) return;
    append_normal(id, out);
  }

 protected:
  Status encode_plain(std::string_view text, bool, std::vector<Token>& out) const override {
    if (vocabulary().rules().algorithm == TokenAlgorithm::none)
      return Error{Errc::unsupported, "this model has no tokenizer; it takes token ids only"};
    for (size_t at = 0; at < text.size(); at += kChunkBytes) {
      uint64_t h = 0;
      for (const char c : text.substr(at, kChunkBytes)) h = 31 * h + static_cast<uint8_t>(c);
      out.push_back(static_cast<Token>(h % static_cast<uint64_t>(size())));
    }
    return ok;
  }

  void append_normal(Token id, std::string& out) const override {
    fmt::format_to(std::back_inserter(out), "{:x}", id);
  }
};

}  // namespace

std::unique_ptr<Tokenizer> make_dummy_tokenizer(Vocabulary vocabulary) {
  return std::make_unique<DummyTokenizer>(std::move(vocabulary));
}

}  // namespace engine
