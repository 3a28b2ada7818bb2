// WordPiece vocabularies: vocab.txt, one piece per line, and the spelling of GGUF files.
#include <fmt/format.h>

#include "engine/convert/directory.h"
#include "engine/convert/tokenizer.h"

namespace engine::convert {

std::string wordpiece_text(std::string_view piece) {
  if (piece.starts_with("##")) return std::string(piece.substr(2));
  if (piece.starts_with('[') && piece.ends_with(']')) return std::string(piece);
  return "\u2581" + std::string(piece);
}

Result<TokenizerData> read_vocab_txt(const std::string& path) {
  ENGINE_TRY(text, read_small_file(path));
  TokenizerData data;
  data.model = "bert";
  std::string_view left = text;
  while (!left.empty()) {
    const size_t end = std::min(left.find('\n'), left.size());
    std::string_view line = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    data.tokens.push_back(wordpiece_text(line));
    data.kinds.push_back(TokenKind::normal);
  }
  if (data.tokens.empty()) return Error{Errc::corrupt, fmt::format("{}: is empty", path)};
  return data;
}

}  // namespace engine::convert
