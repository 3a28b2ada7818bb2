// all-MiniLM-L6-v2 as it is published, converted, against recorded vectors of the original.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/convert/convert.h"
#include "engine/core/json_io.h"
#include "engine/run/embed.h"
#include "engine/text/tokenizer.h"
#include "gguf/reader.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/data_dirs.h"

namespace engine::convert {
namespace {

class MiniLm : public ::testing::TestWithParam<OutType> {};

TEST_P(MiniLm, vectors_are_those_of_the_original) {
  const std::string source = testing::models_dir() + "/minilm",
                    golden = testing::shared_dir() + "/golden/all-minilm-l6-v2/embeddings.json";
  for (const std::string& path : {source + "/model.safetensors", golden})
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "SKIPPED LOUDLY: " << path << " is missing";
  gguf::TempDir dir;
  const auto pool = make_native_pool(2);
  ConvertOptions options;
  options.type = GetParam();
  options.pool = pool.get();
  const Status status = convert_directory(source, dir.file("minilm.gguf"), options);
  ASSERT_TRUE(status) << status.error().message;
  {
    auto file = gguf::File::open(dir.file("minilm.gguf"));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(*file->u32("bert.pooling_type"), 1u);
    EXPECT_TRUE(*file->boolean("bert.normalize_embeddings"));
    EXPECT_EQ(*file->u32("tokenizer.ggml.token_type_count"), 2u);
    EXPECT_FALSE(*file->boolean("bert.attention.causal"));
  }

  auto model = Model::load(dir.file("minilm.gguf"), {}, *pool);
  ASSERT_TRUE(model) << model.error().message;
  std::ifstream in(golden);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto json = parse_json(text);
  ASSERT_TRUE(json);
  const Json& cases = (*json)["cases"];
  ASSERT_EQ(cases.size(), 5u);
  double worst = 1;
  for (const Json& c : cases) {
    const std::vector<std::string> texts = {c["text"].get<std::string>()};
    std::vector<Token> ids;
    ASSERT_TRUE((*model)->tokenizer()->encode(texts[0], {true, true}, ids));
    EXPECT_EQ(ids, c["ids"].get<std::vector<Token>>()) << texts[0];
    auto result = embed_texts(**model, texts, {});
    ASSERT_TRUE(result) << result.error().message;
    const std::vector<float>& got = result->vectors[0];
    const auto want = c["embedding"].get<std::vector<double>>();
    ASSERT_EQ(got.size(), want.size());
    double dot = 0, a = 0, b = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      dot += got[i] * want[i];
      a += static_cast<double>(got[i]) * got[i];
      b += want[i] * want[i];
    }
    worst = std::min(worst, dot / std::sqrt(a * b));
  }
  std::printf("worst cosine %.7f\n", worst);
  EXPECT_GE(worst, GetParam() == OutType::q8_0 ? 0.999 : 0.9999);
}

std::string type_label(const ::testing::TestParamInfo<OutType>& test) {
  constexpr const char* kNames[] = {"automatic", "f32", "f16", "bf16", "q8_0"};
  return kNames[static_cast<int>(test.param)];
}

INSTANTIATE_TEST_SUITE_P(Types, MiniLm,
                         ::testing::Values(OutType::automatic, OutType::f32, OutType::f16,
                                           OutType::bf16, OutType::q8_0),
                         type_label);

}  // namespace
}  // namespace engine::convert
