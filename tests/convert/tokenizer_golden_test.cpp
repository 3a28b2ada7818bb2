// Published vocabularies in the files of the hub, converted: every recorded text gives the recorded
// ids again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/convert/model_config.h"
#include "engine/convert/tokenizer.h"
#include "engine/core/json_io.h"
#include "engine/model/vocab.h"
#include "engine/text/tokenizer.h"
#include "gguf/reader.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/data_dirs.h"
#include "tests/support/hf_model.h"
#include "tests/support/hf_tokenizer.h"

namespace engine::convert {
namespace {

// The regular expressions as they stand in published tokenizer.json files.
std::string splits(const std::vector<std::string>& patterns, bool digits = false) {
  Json steps = Json::array();
  for (const std::string& p : patterns)
    steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", p}}}, {"behavior", "Isolated"}});
  if (digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  steps.push_back({{"type", "ByteLevel"}, {"use_regex", false}});
  return dump_json({{"type", "Sequence"}, {"pretokenizers", steps}});
}

const std::string kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string kGpt2 = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true})";
const std::string kSmol =
    R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
        {"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]})";

struct Tokenizer {
  const char *name, *form;
};

std::ostream& operator<<(std::ostream& out, const Tokenizer& c) {
  return out << c.name << " " << c.form;
}

void write_files(const gguf::File& vocab, const Tokenizer& c, const std::string& dir) {
  const std::string name = c.name, form = c.form;
  const bool space_prefix = !vocab.has("tokenizer.ggml.add_space_prefix") ||
                            *vocab.boolean("tokenizer.ggml.add_space_prefix");
  if (form == "model") testing::write_sentencepiece(vocab, space_prefix, dir);
  if (form == "fallback") testing::write_byte_fallback_tokenizer(vocab, space_prefix, dir);
  if (form == "txt" || form == "wordpiece")
    testing::write_wordpiece_tokenizer(vocab, form == "txt", dir);
  if (form == "json" || form == "pairs")
    testing::write_bpe_tokenizer(vocab,
                                 name == "llama-bpe" ? splits({kLlama3})
                                 : name == "gpt-2"   ? kGpt2
                                 : name == "smollm2" ? kSmol
                                                     : splits({kQwen2}),
                                 form == "pairs", dir);
  testing::write_tokenizer_config(vocab, dir);
  testing::write_text(dir + "/config.json", R"({"architectures":["LlamaForCausalLM"]})");
}

class ConvertTokenizer : public ::testing::TestWithParam<Tokenizer> {};

TEST_P(ConvertTokenizer, gives_the_recorded_ids) {
  const std::string name = GetParam().name, shared = testing::shared_dir(),
                    models = testing::models_dir(),
                    golden = shared + "/golden/tokenizer/" + name + ".json";
  const std::string source = name == "smollm2"  ? models + "/smollm2-135m.gguf"
                             : name == "gemma3" ? models + "/gemma3-270m.gguf"
                                                : shared + "/data/vocab/" + name + ".gguf";
  for (const std::string& path : {golden, source})
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << "SKIPPED, NOT TESTED: " << path << " is missing";
  auto vocab = gguf::File::open(source);
  ASSERT_TRUE(vocab) << vocab.error().message;
  gguf::TempDir dir;
  write_files(*vocab, GetParam(), dir.file("model"));

  auto config = ModelConfig::read(dir.file("model"));
  ASSERT_TRUE(config) << config.error().message;
  auto data = read_tokenizer(dir.file("model"), *config);
  ASSERT_TRUE(data) << data.error().message;
  data->pad_to(vocab->strs("tokenizer.ggml.tokens")->size());
  gguf::Writer writer;
  writer.set("general.architecture", std::string_view("llama"));
  writer.set("general.name", *vocab->str("general.name"));
  write_tokenizer(*data, writer);
  auto bytes = writer.to_bytes();
  ASSERT_TRUE(bytes) << bytes.error().message;
  auto file = gguf::File::parse(*bytes);
  ASSERT_TRUE(file) << file.error().message;
  auto read = read_vocab(*file);
  ASSERT_TRUE(read) << read.error().message;
  auto tokenizer = make_tokenizer(*read);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;

  std::ifstream in(golden);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto cases = parse_json(text);
  ASSERT_TRUE(cases) << cases.error().message;
  ASSERT_GE(cases->size(), 30u);
  for (const Json& c : *cases) {
    const std::string input = c["text"];
    const auto encode = [&](bool add_special, bool parse_special) {
      std::vector<Token> ids;
      EXPECT_TRUE((*tokenizer)->encode(input, {add_special, parse_special}, ids));
      return ids;
    };
    const std::vector<Token> ids = encode(false, true);
    EXPECT_EQ(ids, c["ids"].get<std::vector<Token>>()) << input;
    EXPECT_EQ(encode(false, false), c["ids_plain"].get<std::vector<Token>>()) << input;
    EXPECT_EQ(encode(true, true), c["ids_with_specials"].get<std::vector<Token>>()) << input;
    std::string pieces;
    for (const Token id : ids) (*tokenizer)->append_piece(id, true, pieces);
    EXPECT_EQ(pieces, c["detokenized"].get<std::string>()) << input;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Golden, ConvertTokenizer,
    ::testing::Values(Tokenizer{"llama-bpe", "json"}, Tokenizer{"llama-bpe", "pairs"},
                      Tokenizer{"qwen2", "json"}, Tokenizer{"deepseek-r1-qwen", "pairs"},
                      Tokenizer{"gpt-2", "json"}, Tokenizer{"smollm2", "json"},
                      Tokenizer{"llama-spm", "model"}, Tokenizer{"llama-spm", "fallback"},
                      Tokenizer{"phi-3", "model"}, Tokenizer{"phi-3", "fallback"},
                      Tokenizer{"gemma3", "model"}, Tokenizer{"gemma3", "fallback"},
                      Tokenizer{"bert-bge", "wordpiece"}, Tokenizer{"bert-bge", "txt"}),
    [](const auto& test) {
      std::string name = std::string(test.param.name) + "_" + test.param.form;
      for (char& c : name)
        if (c == '-') c = '_';
      return name;
    });

}  // namespace
}  // namespace engine::convert
