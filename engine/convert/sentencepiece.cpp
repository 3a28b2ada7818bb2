// tokenizer.model: the protocol buffer of SentencePiece, as far as it is needed.
//
//   ModelProto:      1 repeated piece, 3 normalizer
//   piece:           1 text, 2 score (float), 3 kind (1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte)
//   normalizer:      3 add_dummy_prefix (default true), 4 remove_extra_whitespaces
#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "engine/convert/directory.h"
#include "engine/convert/tokenizer.h"

namespace engine::convert {
namespace {

struct Field {
  uint64_t number = 0, value = 0;  // value: of a varint
  std::string_view bytes;          // of a text or message, or the 4 or 8 bytes of a fixed number
};

// Walks the fields of a message. Broken input ends it with ok() false.
class Message {
 public:
  explicit Message(std::string_view bytes) : left_(bytes) {}

  std::optional<Field> next() {
    if (left_.empty() || !ok_) return std::nullopt;
    Field f;
    const uint64_t tag = varint();
    f.number = tag >> 3;
    switch (tag & 7) {
      case 0:
        f.value = varint();
        break;
      case 1:
        f.bytes = take(8);
        break;
      case 2:
        f.bytes = take(varint());
        break;
      case 5:
        f.bytes = take(4);
        break;
      default:
        ok_ = false;
    }
    if (f.number == 0) ok_ = false;
    if (!ok_) return std::nullopt;
    return f;
  }
  bool ok() const { return ok_; }

 private:
  uint64_t varint() {
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) break;
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      v |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return v;
    }
    ok_ = false;
    return 0;
  }
  std::string_view take(uint64_t n) {
    if (n > left_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view out = left_.substr(0, n);
    left_.remove_prefix(n);
    return out;
  }

  std::string_view left_;
  bool ok_ = true;
};

bool read_piece(std::string_view bytes, TokenizerData& data) {
  Message piece(bytes);
  std::string text;
  float score = 0;
  uint64_t kind = 1;
  while (const std::optional<Field> f = piece.next()) {
    if (f->number == 1) text = f->bytes;
    if (f->number == 2 && f->bytes.size() == 4) std::memcpy(&score, f->bytes.data(), 4);
    if (f->number == 3) kind = f->value;
  }
  if (!piece.ok() || kind < 1 || kind > 6) return false;
  data.kinds.push_back(static_cast<TokenKind>(kind));
  data.tokens.push_back(data.kinds.back() == TokenKind::user_defined ? with_spaces(text) : text);
  data.scores.push_back(score);
  return true;
}

}  // namespace

Result<TokenizerData> parse_sentencepiece(std::string_view bytes, const std::string& path) {
  TokenizerData data;
  data.model = "llama";
  data.pre = "default";
  bool space_prefix = true;
  Message model(bytes);
  bool good = true;
  while (const std::optional<Field> f = model.next()) {
    if (f->number == 1) good = good && read_piece(f->bytes, data);
    if (f->number != 3) continue;
    Message normalizer(f->bytes);
    while (const std::optional<Field> n = normalizer.next())
      if (n->number == 3) space_prefix = n->value != 0;
    good = good && normalizer.ok();
  }
  if (!good || !model.ok() || data.tokens.empty())
    return Error{Errc::corrupt, fmt::format("{}: is no SentencePiece model", path)};
  data.flags["add_space_prefix"] = space_prefix;
  return data;
}

Result<TokenizerData> read_sentencepiece(const std::string& path) {
  ENGINE_TRY(bytes, read_small_file(path));
  return parse_sentencepiece(bytes, path);
}

}  // namespace engine::convert
