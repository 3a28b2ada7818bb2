// Every recorded text against the published vocabularies: ids
// with and without special tokens, and the way back.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/core/json_io.h"
#include "engine/model/vocab.h"
#include "engine/text/tokenizer.h"
#include "tests/support/data_dirs.h"

namespace engine {
namespace {

// Real models lie elsewhere: their vocabularies are not stored on their own.
std::string vocabulary_path(const std::string& name) {
  const std::string models = testing::models_dir();
  if (name == "smollm2") return models + "/smollm2-135m.gguf";
  if (name == "gemma3") return models + "/gemma3-270m.gguf";
  return testing::shared_dir() + "/data/vocab/" + name + ".gguf";
}

class TokenizerGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(TokenizerGolden, every_text) {
  const std::string name = GetParam(),
                    golden = testing::shared_dir() + "/golden/tokenizer/" + name + ".json";
  const std::string model = vocabulary_path(name);
  for (const std::string& path : {golden, model})
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << "SKIPPED, NOT TESTED: " << path << " is missing";

  Result<gguf::File> file = gguf::File::open(model);
  ASSERT_TRUE(file) << file.error().message;
  Result<VocabData> data = read_vocab(*file);
  ASSERT_TRUE(data) << data.error().message;
  Result<std::unique_ptr<Tokenizer>> made = make_tokenizer(*data);
  ASSERT_TRUE(made) << made.error().message;
  const Tokenizer& tokenizer = **made;

  std::ifstream in(golden);
  std::stringstream text;
  text << in.rdbuf();
  Result<Json> cases = parse_json(text.str());
  ASSERT_TRUE(cases) << cases.error().message;
  ASSERT_GE(cases->size(), 30u);
  for (const Json& c : *cases) {
    const std::string input = c["text"];
    const auto encode = [&](bool add_special, bool parse_special) {
      std::vector<Token> ids;
      const Status status = tokenizer.encode(input, {add_special, parse_special}, ids);
      EXPECT_TRUE(status);
      return ids;
    };
    const std::vector<Token> ids = encode(false, true);
    EXPECT_EQ(ids, c["ids"].get<std::vector<Token>>()) << input;
    EXPECT_EQ(encode(false, false), c["ids_plain"].get<std::vector<Token>>()) << input;
    EXPECT_EQ(encode(true, true), c["ids_with_specials"].get<std::vector<Token>>()) << input;
    std::string pieces;
    for (const Token id : ids) tokenizer.append_piece(id, true, pieces);
    EXPECT_EQ(pieces, c["detokenized"].get<std::string>()) << input;
  }
}

INSTANTIATE_TEST_SUITE_P(vocabularies, TokenizerGolden,
                         ::testing::Values("smollm2", "llama-bpe", "qwen2", "llama-spm", "gpt-2",
                                           "deepseek-llm", "phi-3", "gemma3", "deepseek-r1-qwen",
                                           "bert-bge"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace engine
