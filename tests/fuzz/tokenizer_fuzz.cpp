// Any text through tiny vocabularies of both BPE kinds and of Unigram: encode must not crash, ids
// must be valid, and the pieces must give the text back, except of Unigram, which replaces characters.
// The first byte of the input chooses vocabulary and flags. Every input is also read as a charsmap.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/text/byte_map.h"
#include "engine/text/charsmap.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8_stream.h"
#include "tests/text/charsmap_builder.h"

using namespace engine;

namespace {

struct Vocab {
  std::vector<std::string> texts;
  std::vector<std::string> merges;
  std::vector<int32_t> types;

  void add(std::string text, TokenType type = TokenType::normal) {
    texts.push_back(std::move(text));
    types.push_back(static_cast<int32_t>(type));
  }

  void add_specials() {
    for (const char* text : {"<s>", "</s>", "<|im_end|>", "<s></s>"}) add(text, TokenType::control);
    for (const char* text : {"\n\n", "  ", "<s", "s><"}) add(text, TokenType::user_defined);
  }

  std::unique_ptr<Tokenizer> make(const char* model, const char* pre) const {
    VocabData data;
    data.model = model;
    data.pre = pre;
    data.tokens.assign(texts.begin(), texts.end());
    data.merges.assign(merges.begin(), merges.end());
    data.types = types;
    for (size_t i = 0; i < texts.size(); ++i) data.scores.push_back(-static_cast<float>(i % 7));
    if (data.model == "t5") {  // which has no use for `pre`
      data.add_space_prefix = true;
      data.remove_extra_whitespaces = data.pre == "words";
      data.charsmap = CharsmapBuilder::build({{"A", "a"},
                                              {"AA", "b  a"},
                                              {"\t", " "},
                                              {"\x01", ""},
                                              {"\xc3", "\xe3"},
                                              {"\xff\xfe", "é"}});
    }
    Result<std::unique_ptr<Tokenizer>> t = make_tokenizer(data);
    if (!t) std::abort();
    return std::move(*t);
  }
};

Vocab byte_level() {
  Vocab v;
  for (int b = 0; b < 256; ++b) v.add(std::string(kByteMap.text[static_cast<size_t>(b)].view()));
  for (const char* line : {"a a", "aa aa", "a b", "Ġ a", "Ċ Ċ", "1 2", "x y", "xy z"})
    v.merges.push_back(line);
  for (const char* text : {"aa", "aaaa", "ab", "Ġa", "ĊĊ", "12", "xyz"}) v.add(text);
  v.add_specials();
  return v;
}

Vocab with_byte_tokens(bool space_inside) {
  Vocab v;
  v.add("<unk>", TokenType::unknown);
  v.add_specials();
  for (int b = 0; b < 256; ++b) {
    char text[8];
    std::snprintf(text, sizeof text, "<0x%02X>", b);
    v.add(text, TokenType::byte);
  }
  for (const char* text : {"a", "b", "▁", "▁a", "aa", "aaaa", "ab", "▁▁", "▁▁▁▁", "é", "\n"})
    v.add(text);
  if (space_inside) v.add("a▁b");
  v.merges = {"▁ a", "a a", "aa aa", "▁ ▁"};
  return v;
}

struct Case {
  std::unique_ptr<Tokenizer> tokenizer;
  bool repairs;  // invalid UTF-8 is replaced before it is split
  bool replaces = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> c;
    for (const char* pre :
         {"gpt-2", "llama-bpe", "qwen2", "gpt-4o", "deepseek-v3", "deepseek-llm", "kimi-k2",
          "tiny_aya", "superbpe", "exaone-moe", "chameleon", "jais-2", "youtu"})
      c.push_back({byte_level().make("gpt2", pre), true});
    c.push_back({with_byte_tokens(false).make("gemma4", "gemma4"), true});
    c.push_back({with_byte_tokens(false).make("llama", ""), false});
    c.push_back({with_byte_tokens(true).make("llama", ""), false});
    c.push_back({with_byte_tokens(true).make("t5", "words"), false, true});
    c.push_back({with_byte_tokens(false).make("t5", ""), false, true});
    return c;
  }();
  return all;
}

void check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (const Result<Charsmap> map = Charsmap::parse({data, size})) {
    const std::string_view whole(reinterpret_cast<const char*>(data), size);
    for (size_t at = 0; at < size && at < 64; ++at)
      check(map->longest(whole.substr(at)).bytes <= size - at, "a match beyond the text");
  }
  if (size == 0) return 0;
  const Case& c = cases()[(data[0] & 0x7f) % cases().size()];
  const bool parse_special = data[0] & 0x80;
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  const Tokenizer& t = *c.tokenizer;

  std::vector<Token> ids;
  check(bool(t.encode(text, {false, parse_special}, ids)), "encode refuses a short text");
  std::string pieces, streamed;
  Utf8Stream stream;
  for (size_t i = 0; i < ids.size(); ++i) {
    check(ids[i] >= 0 && ids[i] < t.size(), "an id outside the vocabulary");
    std::string piece = t.piece(ids[i], true);
    stream.push(piece, streamed);
    pieces += piece;
  }
  stream.finish(streamed);
  check(is_valid_utf8(streamed), "the stream lets invalid UTF-8 out");
  if (is_valid_utf8(pieces)) check(streamed == pieces, "the stream changes valid text");
  if (c.replaces) return 0;

  // SPM puts spaces before stretches of text and takes U+2581
  // for a space: there the letters alone must come back.
  std::string expected = c.repairs ? repair_utf8(text) : text;
  if (!t.vocabulary().rules().byte_encoded) {
    const auto bare = [](const std::string& s) {
      std::string plain, out;
      append_unescaped(s, plain);
      for (const char ch : plain)
        if (ch != ' ') out += ch;
      return out;
    };
    if (is_valid_utf8(text)) check(bare(pieces) == bare(expected), "letters are lost");
  } else if (is_valid_utf8(text)) {
    check(pieces == expected, "the text does not come back");
  }
  return 0;
}
