// Any bytes as a file of a model directory: weights, a SentencePiece model or a tokenizer.json, by
// the first byte.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "engine/convert/safetensors.h"
#include "engine/convert/tokenizer.h"
#include "engine/core/sorted_json.h"
#include "gguf/reader.h"
#include "gguf/writer.h"

namespace {

using namespace engine;

void require(bool cond) {
  if (!cond) std::abort();
}

void weights(std::string_view text) {
  const std::span bytes(reinterpret_cast<const std::byte*>(text.data()), text.size());
  const auto file = convert::SafetensorsFile::parse(bytes, "fuzz");
  if (!file) return require(!file.error().message.empty() && file.error().message.size() < 1000);
  uint64_t sum = 0, total = 0;
  for (const convert::SafeTensor& t : file->tensors()) {
    for (const std::byte b : t.data) sum += static_cast<uint64_t>(b);
    total += t.data.size();
    require(t.elements() * convert::type_bytes(t.type) == static_cast<int64_t>(t.data.size()));
  }
  require(total <= text.size() && sum <= 255 * total);
}

// What was read can be written, and says the same.
void check(const Result<convert::TokenizerData>& data) {
  if (!data) return require(!data.error().message.empty());
  require(data->tokens.size() == data->kinds.size());
  require(data->scores.empty() || data->scores.size() == data->tokens.size());
  if (data->tokens.size() > 100'000) return;
  gguf::Writer writer;
  convert::write_tokenizer(*data, writer);
  const auto bytes = writer.to_bytes();
  require(static_cast<bool>(bytes));
  const auto file = gguf::File::parse(*bytes);
  require(file && file->strs("tokenizer.ggml.tokens")->size() == data->tokens.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 's') {
    check(convert::parse_sentencepiece(text, "fuzz"));
  } else if (data[0] == 't') {
    if (const auto json = parse_sorted_json(text))
      check(convert::parse_tokenizer_json(*json, "fuzz"));
  } else {
    weights(text);
  }
  return 0;
}
