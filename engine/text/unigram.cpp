// Unigram, of the T5 and XLM-R families: the text is normalized, then cut into the tokens with the
// largest sum of scores. What no token spells becomes one unknown token a run.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/text/charsmap.h"
#include "engine/text/text_trie.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"

namespace engine {
namespace {

constexpr size_t kMaxNormalized = size_t{1} << 30;
constexpr double kUnknownPenalty = 10;       // below the worst score
constexpr std::string_view kWordMark = "▁";  // U+2581

// The types as the file gives them: what the texts of tokens reveal does not count here.
struct Pieces {
  TextTrie all, user_defined;
  std::vector<float> scores;  // by id
  double unknown_score = 0;
};

Result<Pieces> read_pieces(const Vocabulary& v, const VocabData& data) {
  Pieces out;
  out.scores.assign(static_cast<size_t>(v.size()), 0.0f);
  std::vector<TextTrie::Entry> all, user_defined;
  float worst = std::numeric_limits<float>::max();
  for (Token id = v.size(); id-- > 0;) {  // of equal texts the last one counts
    const auto i = static_cast<size_t>(id);
    const auto type =
        data.types.empty() ? TokenType::normal : static_cast<TokenType>(data.types[i]);
    if (type == TokenType::user_defined) {
      user_defined.push_back({v.text(id), id});
    } else if (type != TokenType::normal && type != TokenType::unused) {
      continue;
    } else if (!data.scores.empty()) {
      if (!std::isfinite(data.scores[i]))
        return Error{Errc::corrupt, fmt::format("the score of token {} ('{}') is no number", id,
                                                v.text(id).substr(0, 64))};
      out.scores[i] = data.scores[i];
    }
    all.push_back({v.text(id), id});
    if (type == TokenType::normal) worst = std::min(worst, out.scores[i]);
  }
  if (worst == std::numeric_limits<float>::max()) worst = 0;
  out.unknown_score = worst - kUnknownPenalty;
  out.all = TextTrie(std::move(all));
  out.user_defined = TextTrie(std::move(user_defined));
  return out;
}

// Writes the words of a text, with U+2581 where a word begins and for spaces.
class WordWriter {
 public:
  explicit WordWriter(const VocabRules& rules)
      : mark_first_(rules.add_space_prefix), mark_each_(rules.remove_extra_whitespaces) {}

  void append(std::string_view bytes) {
    for (const char c : bytes) {
      if (c == ' ') {
        in_word_ = false;
        if (!mark_each_) text_ += kWordMark;
        continue;
      }
      if (!in_word_ && (mark_first_ || mark_each_)) text_ += kWordMark, mark_first_ = false;
      in_word_ = true;
      text_ += c;
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool mark_first_, mark_each_, in_word_ = false;
};

class UnigramTokenizer final : public Tokenizer {
 public:
  UnigramTokenizer(Vocabulary v, Pieces pieces, Charsmap charsmap)
      : Tokenizer(std::move(v)), pieces_(std::move(pieces)), charsmap_(std::move(charsmap)) {}

 protected:
  Status encode_plain(std::string_view text, bool, std::vector<Token>& out) const override {
    WordWriter words(vocabulary().rules());
    for (size_t at = 0; at < text.size();) {
      at += normalize(text.substr(at), words);
      if (words.text().size() > kMaxNormalized)
        return Error{
            Errc::invalid_argument,
            fmt::format("a text of {} bytes is too long once it is normalized", text.size())};
    }
    cut(words.text(), out);
    return ok;
  }

  void append_normal(Token id, std::string& out) const override {
    append_unescaped(vocabulary().text(id), out);
  }

 private:
  // How a text ends best at some place.
  struct Best {
    double score = -std::numeric_limits<double>::max();
    uint32_t from = 0;  // where its last token begins
    Token id = kNoToken;
  };

  // Writes what `text` begins with, and returns how many bytes of it that was.
  size_t normalize(std::string_view text, WordWriter& words) const {
    if (const TextTrie::Match kept = pieces_.user_defined.longest(text); kept.id != kNoToken) {
      words.append(text.substr(0, kept.bytes));
      return kept.bytes;
    }
    if (const Charsmap::Match m = charsmap_.longest(text); m.bytes > 0) {
      words.append(m.text);
      return m.bytes;
    }
    const CodePoint c = decode_utf8(text, 0);
    words.append(c.value < 0 ? std::string_view("\uFFFD") : text.substr(0, c.bytes));
    return c.bytes;
  }

  // Every character begins a token: the best one of those that end at each place is known when all
  // places before it are.
  void cut(std::string_view text, std::vector<Token>& out) const {
    const auto size = static_cast<uint32_t>(text.size());
    const Token unk = vocabulary().ids().unk;
    std::vector<Best> best(text.size() + 1);
    best[0].score = 0;
    const auto offer = [&](uint32_t from, uint32_t end, Token id, double score) {
      score += best[from].score;
      if (score > best[end].score) best[end] = {score, from, id};
    };
    for (uint32_t at = 0; at < size;) {
      const uint32_t next = std::min(at + utf8_lead_length(text[at]), size);
      bool known = false;
      const TextTrie::Node* node = &pieces_.all.root();
      for (uint32_t end = at; end < size;) {
        node = pieces_.all.child(*node, static_cast<uint8_t>(text[end]));
        if (node == nullptr) break;
        ++end;
        if (node->id == kNoToken) continue;
        known |= end == next;
        offer(at, end, node->id, pieces_.scores[static_cast<size_t>(node->id)]);
      }
      if (!known) offer(at, next, unk, pieces_.unknown_score);
      at = next;
    }

    const auto begin = static_cast<ptrdiff_t>(out.size());
    bool run = false;  // of unknown characters
    for (uint32_t end = size; end > 0; end = best[end].from) {
      const Token id = best[end].id;
      if (id != kNoToken && !(run && id == unk)) out.push_back(id);
      run = id == unk;
    }
    std::reverse(out.begin() + begin, out.end());
  }

  Pieces pieces_;
  Charsmap charsmap_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_unigram_tokenizer(Vocabulary vocabulary,
                                                          const VocabData& data) {
  ENGINE_TRY(charsmap, Charsmap::parse(data.charsmap));
  ENGINE_TRY(pieces, read_pieces(vocabulary, data));
  return std::unique_ptr<Tokenizer>(std::make_unique<UnigramTokenizer>(
      std::move(vocabulary), std::move(pieces), std::move(charsmap)));
}

}  // namespace engine
