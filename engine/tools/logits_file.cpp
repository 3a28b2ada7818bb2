// Reading and writing recorded log-probabilities.
#include "engine/tools/logits_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

namespace engine {
namespace {

constexpr char kMagic[8] = {'_', 'l', 'o', 'g', 'i', 't', 's', '_'};
constexpr size_t kHeaderBytes = sizeof kMagic + 3 * sizeof(int32_t);

size_t codes_of(int n_vocab) {
  return 2 * ((static_cast<size_t>(n_vocab) + 1) / 2) + 4;
}

}  // namespace

Result<LogitsWriter> LogitsWriter::create(const std::string& path, int n_ctx, int n_vocab,
                                          std::span<const Token> tokens) {
  LogitsWriter w;
  w.path_ = path;
  w.file_.reset(std::fopen(path.c_str(), "wb"));
  if (!w.file_)
    return Error{Errc::io, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  const int32_t header[3] = {n_ctx, n_vocab,
                             static_cast<int32_t>(tokens.size() / static_cast<size_t>(n_ctx))};
  std::fwrite(kMagic, 1, sizeof kMagic, w.file_.get());
  std::fwrite(header, sizeof(int32_t), 3, w.file_.get());
  std::fwrite(tokens.data(), sizeof(Token), tokens.size(), w.file_.get());
  w.buffer_.resize(codes_of(n_vocab));
  return w;
}

Status LogitsWriter::row(std::span<const float> logits, double log_sum_exp) {
  const auto [low, high] = std::minmax_element(logits.begin(), logits.end());
  const float lowest = std::max(*low, *high - 16.0f);
  const float scale = (*high - lowest) / 65535.0f;
  const float lowest_logprob = static_cast<float>(lowest - log_sum_exp);
  std::fill(buffer_.begin(), buffer_.end(), uint16_t{0});
  std::memcpy(buffer_.data(), &scale, sizeof scale);
  std::memcpy(buffer_.data() + 2, &lowest_logprob, sizeof lowest_logprob);
  const float inverse = scale > 0 ? 1.0f / scale : 0.0f;
  for (size_t i = 0; i < logits.size(); ++i) {
    buffer_[4 + i] = logits[i] > lowest
                         ? static_cast<uint16_t>(
                               std::min(65535.0f, std::nearbyint((logits[i] - lowest) * inverse)))
                         : uint16_t{0};
  }
  if (std::fwrite(buffer_.data(), sizeof(uint16_t), buffer_.size(), file_.get()) !=
      buffer_.size()) {
    return Error{Errc::io, fmt::format("cannot write {}: {}", path_, std::strerror(errno))};
  }
  return ok;
}

Status LogitsWriter::finish() {
  if (std::fclose(file_.release()) != 0)
    return Error{Errc::io, fmt::format("cannot write {}: {}", path_, std::strerror(errno))};
  return ok;
}

Result<LogitsReader> LogitsReader::open(const std::string& path) {
  LogitsReader r;
  ENGINE_TRY(file, MappedFile::open(path));
  r.file_ = std::move(file);
  const std::span<const std::byte> bytes = r.file_.bytes();
  const auto corrupt = [&path](const char* what) {
    return Error{Errc::corrupt, fmt::format("{}: {}", path, what)};
  };
  if (bytes.size() < kHeaderBytes || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0)
    return corrupt("not a file of recorded logits");
  int32_t header[3];
  std::memcpy(header, bytes.data() + sizeof kMagic, sizeof header);
  r.n_ctx_ = header[0], r.n_vocab_ = header[1], r.n_chunk_ = header[2];
  if (r.n_ctx_ < 4 || r.n_ctx_ > (1 << 24) || r.n_vocab_ < 1 || r.n_vocab_ > (1 << 26) ||
      r.n_chunk_ < 1)
    return corrupt("its sizes are invalid");
  // Division instead of multiplication: nothing here can overflow.
  const size_t left = bytes.size() - kHeaderBytes;
  const size_t n_ctx = static_cast<size_t>(r.n_ctx_), n_chunk = static_cast<size_t>(r.n_chunk_);
  if (n_chunk > left / sizeof(Token) / n_ctx) return corrupt("shorter than its header promises");
  const size_t token_bytes = n_chunk * n_ctx * sizeof(Token);
  r.row_bytes_ = codes_of(r.n_vocab_) * sizeof(uint16_t);
  if (n_chunk > (left - token_bytes) / r.row_bytes_ / (n_ctx - 1 - n_ctx / 2))
    return corrupt("shorter than its header promises");
  r.tokens_.resize(n_chunk * n_ctx);
  std::memcpy(r.tokens_.data(), bytes.data() + kHeaderBytes, token_bytes);
  for (const Token t : r.tokens_) {
    if (t < 0 || t >= r.n_vocab_) return corrupt("a token is outside its vocabulary");
  }
  r.rows_ = bytes.data() + kHeaderBytes + token_bytes;
  return r;
}

void LogitsReader::row(int64_t index, std::span<float> out) const {
  const std::byte* p = rows_ + static_cast<size_t>(index) * row_bytes_;
  float scale, lowest;
  std::memcpy(&scale, p, sizeof scale);
  std::memcpy(&lowest, p + 4, sizeof lowest);
  for (size_t i = 0; i < out.size(); ++i) {
    uint16_t code;
    std::memcpy(&code, p + 8 + 2 * i, sizeof code);
    out[i] = scale * static_cast<float>(code) + lowest;
  }
}

}  // namespace engine
