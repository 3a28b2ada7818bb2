// Files of tokenizers: what each says, and how broken ones are refused.
#include "engine/convert/tokenizer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "engine/convert/model_config.h"
#include "engine/convert/pretokenizer.h"
#include "engine/core/sorted_json.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/hf_model.h"

namespace engine::convert {
namespace {

using testing::write_text;

class TokenizerFiles : public ::testing::Test {
 protected:
  void SetUp() override { file("config.json", R"({"architectures":["X"]})"); }
  void file(const std::string& name, const std::string& text) { write_text(dir_.file(name), text); }
  Result<TokenizerData> read() {
    auto config = ModelConfig::read(dir_.file("."));
    EXPECT_TRUE(config);
    return read_tokenizer(dir_.file("."), *config);
  }
  TokenizerData good() {
    auto data = read();
    EXPECT_TRUE(data) << data.error().message;
    return data ? std::move(*data) : TokenizerData{};
  }
  std::string bad() {
    auto data = read();
    EXPECT_FALSE(data);
    return data ? "" : data.error().message;
  }
  void expect_bad(const std::string& part) {
    const std::string message = bad();
    EXPECT_NE(message.find(part), std::string::npos) << message;
  }
  static std::string bpe(const std::string& vocab, const std::string& merges,
                         const std::string& more = "") {
    return R"({"model":{"type":"BPE","vocab":)" + vocab + R"(,"merges":)" + merges + "}" + more +
           "}";
  }
  gguf::TempDir dir_;
};

TEST_F(TokenizerFiles, KindsOfAddedTokens) {
  file("tokenizer.json", bpe(R"({"a":0,"b":1,"ab":2})", R"(["a b"])",
                             R"(,"added_tokens":[{"id":4,"content":"<s>","special":true},
              {"id":5,"content":"<tool>","special":false},
              {"id":6,"content":"<|fim|>","special":false}])"));
  const TokenizerData data = good();
  EXPECT_EQ(data.model, "gpt2");
  ASSERT_EQ(data.tokens.size(), 7u);
  EXPECT_EQ(data.tokens[3], "[PAD3]");
  EXPECT_EQ(data.kinds[2], TokenKind::normal);
  EXPECT_EQ(data.kinds[3], TokenKind::unused);
  EXPECT_EQ(data.kinds[4], TokenKind::control);
  EXPECT_EQ(data.kinds[5], TokenKind::user_defined);
  EXPECT_EQ(data.kinds[6], TokenKind::control) << "it looks like markup";
  EXPECT_EQ(data.merges, std::vector<std::string>{"a b"});
}

TEST_F(TokenizerFiles, RolesFlagsAndTemplates) {
  file("tokenizer.json",
       bpe(R"({"a":0,"<s>":1,"</s>":2,"<p>":3})", R"([["a","a"]])",
           R"(,"post_processor":{"type":"Sequence","processors":[{"type":"ByteLevel"},
              {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},
               {"Sequence":{"id":"A"}},{"SpecialToken":{"id":"</s>"}}]}]})"));
  file("tokenizer_config.json",
       R"({"bos_token":"<s>","eos_token":{"content":"</s>"},"add_eos_token":false,
           "chat_template":[{"name":"default","template":"main"},{"name":"tool_use","template":"t"}]})");
  file("special_tokens_map.json", R"({"pad_token":"<p>"})");
  file("generation_config.json", R"({"eos_token_id":[2,3,99]})");
  TokenizerData data = good();
  EXPECT_EQ(data.ids.at("bos"), 1u);
  EXPECT_EQ(data.ids.at("eos"), 2u);
  EXPECT_EQ(data.ids.at("padding"), 3u);
  EXPECT_EQ(data.eos_ids, (std::vector<int32_t>{2, 3})) << "99 is no token";
  EXPECT_TRUE(data.flags.at("add_bos_token")) << "by the template of the post-processor";
  EXPECT_FALSE(data.flags.at("add_eos_token")) << "said outright";
  EXPECT_EQ(data.templates.at(""), "main");
  EXPECT_EQ(data.templates.at("tool_use"), "t");
  file("chat_template.jinja", "from the file");
  file("additional_chat_templates/rag.jinja", "r");
  data = good();
  EXPECT_EQ(data.templates.at(""), "from the file");
  EXPECT_EQ(data.templates.at("rag"), "r");

  gguf::Writer writer;
  write_tokenizer(data, writer);
  auto bytes = writer.to_bytes();
  ASSERT_TRUE(bytes);
  auto written = gguf::File::parse(*bytes);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(*written->u32("tokenizer.ggml.eos_token_id"), 2u);
  EXPECT_EQ(*written->i32s("tokenizer.ggml.eos_token_ids"), (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(*written->str("tokenizer.chat_template"), "from the file");
  EXPECT_EQ(*written->str("tokenizer.chat_template.rag"), "r");
  EXPECT_EQ(written->strs("tokenizer.chat_templates")->size(), 2u);
}

TEST_F(TokenizerFiles, RolesByNumberAreAFallback) {
  file("config.json",
       R"({"architectures":["X"],"bos_token_id":1,"eos_token_id":[0,1],"pad_token_id":77})");
  file("tokenizer.json", bpe(R"({"a":0,"b":1})", R"(["a b"])"));
  const TokenizerData data = good();
  EXPECT_EQ(data.ids.at("bos"), 1u);
  EXPECT_EQ(data.ids.at("eos"), 0u);
  EXPECT_FALSE(data.ids.contains("padding"));
}

TEST_F(TokenizerFiles, Unigram) {
  file("tokenizer.json",
       R"({"added_tokens":[{"id":0,"content":"<s>","special":true}],
           "normalizer":{"type":"Sequence","normalizers":[{"type":"Precompiled","precompiled_charsmap":"AQID/w=="}]},
           "pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},
             {"type":"Metaspace","prepend_scheme":"always"}]},
           "model":{"type":"Unigram","unk_id":1,"vocab":[["<s>",0],["<unk>",0],["▁a",-1.5]]}})");
  const TokenizerData data = good();
  EXPECT_EQ(data.model, "t5");
  EXPECT_EQ(data.kinds[0], TokenKind::control);
  EXPECT_EQ(data.kinds[1], TokenKind::unknown);
  EXPECT_EQ(data.scores[2], -1.5f);
  EXPECT_EQ(data.charsmap, (std::vector<uint8_t>{1, 2, 3, 255}));
  EXPECT_TRUE(data.flags.at("add_space_prefix"));
  EXPECT_TRUE(data.flags.at("remove_extra_whitespaces"));
  EXPECT_EQ(data.ids.at("unknown"), 1u);
}

// As tokenizers of today are saved: spaces are joined by a Replace step, and there is no other file.
TEST_F(TokenizerFiles, UnigramAlone) {
  const std::string
      start = R"({"added_tokens":[{"id":0,"content":"<s>","special":true},
      {"id":1,"content":"</s>","special":true}],"pre_tokenizer":{"type":"Metaspace","prepend_scheme":"always"},)",
      vocab =
          R"("model":{"type":"Unigram","unk_id":2,"byte_fallback":true,"vocab":[["<s>",0],["</s>",0],["<unk>",0],
      ["▁a",-1.5],["<0x41>",-2]]},)",
      single =
          R"("single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"</s>"}}])",
      pair =
          R"("pair":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"</s>"}},
      {"SpecialToken":{"id":"</s>"}},{"Sequence":{"id":"B"}},{"SpecialToken":{"id":"</s>"}}])";
  const auto with = [&](const std::string& normalizers, const std::string& form) {
    file("tokenizer.json",
         start + vocab + R"("normalizer":{"type":"Sequence","normalizers":[)" + normalizers +
             R"(]},"post_processor":{"type":"TemplateProcessing",)" + form + "}}");
    return good();
  };
  TokenizerData data = with(
      R"({"type":"Replace","pattern":{"String":"x"},"content":"y"},{"type":"Strip"},
         {"type":"Replace","pattern":{"Regex":" {2,}"},"content":"▁"})",
      single + "," + pair);
  EXPECT_TRUE(data.flags.at("remove_extra_whitespaces"));
  EXPECT_TRUE(data.flags.at("add_bos_token"));
  EXPECT_TRUE(data.flags.at("add_eos_token"));
  EXPECT_TRUE(data.flags.at("add_sep_token")) << "two between the texts of a pair";
  EXPECT_EQ(data.ids.at("bos"), 0u);
  EXPECT_EQ(data.ids.at("eos"), 1u);
  EXPECT_EQ(data.ids.at("seperator"), 1u);
  EXPECT_EQ(data.kinds[4], TokenKind::byte);
  EXPECT_TRUE(data.charsmap.empty());
  data = with("", single);
  EXPECT_FALSE(data.flags.at("remove_extra_whitespaces"));
  EXPECT_FALSE(data.flags.contains("add_sep_token"));
  for (const char* broken : {R"("pair":3)", R"("pair":[])", R"("pair":[{"Sequence":{"id":"A"}}])",
                             R"("pair":[{},{},{"Sequence":{"id":"A"}},{},4])"})
    EXPECT_FALSE(with("", single + "," + broken).flags.contains("add_sep_token")) << broken;
}

TEST_F(TokenizerFiles, WordPieceOfALineEach) {
  file("vocab.txt", "[PAD]\r\n[CLS]\n[SEP]\nword\n##ing\n[");
  file("tokenizer_config.json", R"({"do_lower_case":false})");
  const TokenizerData data = good();
  EXPECT_EQ(data.tokens,
            (std::vector<std::string>{"[PAD]", "[CLS]", "[SEP]", "▁word", "ing", "▁["}));
  EXPECT_EQ(data.ids.at("bos"), 1u);
  EXPECT_EQ(data.ids.at("seperator"), 2u);
  EXPECT_EQ(data.kinds[1], TokenKind::control);
  EXPECT_EQ(data.kinds[3], TokenKind::normal);
  EXPECT_FALSE(data.flags.at("normalizer.lowercase"));
}

TEST_F(TokenizerFiles, AddedTokensOfSentencePiece) {
  // One piece "a" with the score -2, and no prefix space.
  file("tokenizer.model",
       std::string("\x0a\x08\x0a\x01\x61\x15\x00\x00\x00\xc0\x1a\x02\x18\x00", 14));
  file("added_tokens.json", R"({"<start_of_turn>":1,"▁▁":2})");
  file(
      "tokenizer_config.json",
      R"({"added_tokens_decoder":{"3":{"content":"<x>","special":true},"4":{"content":"y","special":false}}})");
  const TokenizerData data = good();
  EXPECT_EQ(data.model, "llama");
  EXPECT_EQ(data.tokens, (std::vector<std::string>{"a", "<start_of_turn>", "  ", "<x>", "y"}));
  EXPECT_EQ(data.scores[0], -2.0f);
  EXPECT_EQ(data.scores[3], -1000.0f);
  EXPECT_EQ(data.kinds[1], TokenKind::control);
  EXPECT_EQ(data.kinds[2], TokenKind::user_defined);
  EXPECT_EQ(data.kinds[3], TokenKind::control);
  EXPECT_FALSE(data.flags.at("add_space_prefix"));
}

TEST_F(TokenizerFiles, BrokenSentencePieceEndsInAnErrorOrInTheOtherFile) {
  file("tokenizer.model", "IQ== 0\nIg== 1\n");  // the vocabulary of another library
  expect_bad("is no SentencePiece model");
  file("tokenizer.json", bpe(R"({"a":0})", R"(["a a"])"));
  EXPECT_EQ(good().model, "gpt2");
  for (const std::string& bytes :
       {std::string("\x0a"), std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        std::string("\x0a\x02\x18\x09"), std::string("\x0f"), std::string("\x00\x00", 2),
        std::string()})
    EXPECT_FALSE(parse_sentencepiece(bytes, "m"));
}

TEST_F(TokenizerFiles, NoTokenizer) {
  expect_bad("no tokenizer: expected tokenizer.model, tokenizer.json or vocab.txt");
  file("vocab.json", "{}");
  expect_bad("do not tell how words are split: save the tokenizer with save_pretrained()");
  file("sentencepiece.bpe.model", "");
  expect_bad("as tokenizer.json with AutoTokenizer.from_pretrained(...).save_pretrained()");
}

TEST_F(TokenizerFiles, BrokenTokenizerJson) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "is no JSON object"},
      {"{", "invalid JSON"},
      {"{}", "has no \"model\""},
      {R"({"model":{"type":"WordLevel"}})", "\"WordLevel\" are not supported"},
      {R"({"model":{"type":"BPE"}})", "has no \"vocab\""},
      {R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})", "an id that is none"},
      {R"({"model":{"type":"BPE","vocab":{"a":1e18},"merges":[]}})", "an id that is none"},
      {R"({"model":{"type":"BPE","vocab":{"a":4000000000},"merges":[]}})", "an id that is none"},
      {R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})", "two tokens have the id 0"},
      {R"({"model":{"type":"BPE","vocab":{"a":0}}})", "has no \"merges\""},
      {R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}})", "merge 0 is no pair"},
      {R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}})", "merge 0 is no pair"},
      {R"({"model":{"type":"Unigram","vocab":[["a"]]}})", "token 0 is no pair"},
      {R"({"normalizer":{"type":"Precompiled","precompiled_charsmap":"?"},
           "model":{"type":"Unigram","vocab":[["a",0]]}})",
       "is no base64"},
      {R"({"added_tokens":[{"content":"x"}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})",
       "has the id -1, which is none"},
      {R"({"added_tokens":[{"id":99999999,"content":"x"}],"model":{"type":"BPE","vocab":{"a":0},"merges":[]}})",
       "has the id 99999999, which is none"},
  };
  for (const auto& [text, part] : cases) {
    file("tokenizer.json", text);
    expect_bad(part);
  }
}

TEST_F(TokenizerFiles, VocabulariesAreCutAndFilled) {
  file("tokenizer.json", bpe(R"({"a":0,"b":1,"</s>":2})", R"(["a b"])"));
  file("tokenizer_config.json", R"({"eos_token":"</s>"})");
  TokenizerData data = good();
  data.cut_to(2);
  EXPECT_EQ(data.tokens.size(), 2u);
  EXPECT_FALSE(data.ids.contains("eos")) << "its token is gone";
  data.pad_to(4);
  EXPECT_EQ(data.tokens[3], "[PAD3]");
  EXPECT_EQ(data.kinds.size(), 4u);
}

TEST(DetectPre, KnownWaysOfSplitting) {
  const auto pre = [](const char* text) { return detect_pre(*parse_sorted_json(text), "x"); };
  EXPECT_EQ(pre(R"({"type":"ByteLevel"})"), "gpt-2");
  EXPECT_EQ(pre("null"), "default");
  EXPECT_EQ(pre(R"({"type":"ByteLevel","use_regex":false})"), "default");
  EXPECT_EQ(
      pre(R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel"}]})"),
      "smollm");
  EXPECT_EQ(
      pre(R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"ByteLevel"}]})"),
      "default");
  EXPECT_EQ(pre(R"({"type":"Split","pattern":{"Regex":"something else"}})"), "default");
  // Several steps, one digest.
  EXPECT_EQ(
      pre(R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"[\r\n]"}},
                    {"type":"Split","pattern":{"Regex":"\\s?\\p{L}+"}},{"type":"Split","pattern":{"Regex":"\\s?\\p{P}+"}},
                    {"type":"Split","pattern":{"Regex":"[一-龥ࠀ-一가-퟿]+"}},
                    {"type":"Digits","individual_digits":true},{"type":"ByteLevel","use_regex":false}]})"),
      "deepseek-coder");
  const char* tekken =
      R"({"type":"Split","pattern":{"Regex":"[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}})";
  EXPECT_EQ(pre(tekken), "tekken");
}

}  // namespace
}  // namespace engine::convert
