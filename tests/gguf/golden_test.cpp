// Real files: those of the golden data, and the vocabularies.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "gguf/reader.h"
#include "tests/support/data_dirs.h"

namespace engine::gguf {
namespace {

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code ec;
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::shared_dir() + "/" + folder, ec))
    if (entry.path().extension() == ".gguf") out.push_back(entry.path());
  return out;
}

TEST(Golden, ArchitecturesOpen) {
  std::vector<std::string> files = files_in("golden/arch");
  for (const std::string& more : files_in("golden/arch-variants")) files.push_back(more);
  if (files.empty()) GTEST_SKIP() << "no golden data in " << testing::shared_dir();
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    Result<File> file = File::open(path);
    ASSERT_TRUE(file) << file.error().message;
    Result<std::string_view> arch = file->str("general.architecture");
    ASSERT_TRUE(arch) << arch.error().message;
    Result<uint32_t> blocks = file->u32(std::string(*arch) + ".block_count");
    ASSERT_TRUE(blocks) << blocks.error().message;
    EXPECT_GT(*blocks, 0u);
    EXPECT_GT(file->tensors().size(), 0u);
    for (const TensorInfo& t : file->tensors()) {
      Result<Tensor> view = file->view(t);
      ASSERT_TRUE(view);
      EXPECT_EQ(view->bytes(), t.bytes);
      EXPECT_EQ(file->find(t.name)->index, t.index);
    }
    EXPECT_TRUE(file->find("token_embd.weight"));
  }
}

TEST(Golden, VocabulariesOpen) {
  const std::vector<std::string> files = files_in("data/vocab");
  if (files.empty()) GTEST_SKIP() << "no vocabularies in " << testing::shared_dir();
  for (const std::string& path : files) {
    SCOPED_TRACE(path);
    Result<File> file = File::open(path);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->tensors().size(), 0u);
    Result<StringArray> tokens = file->strs("tokenizer.ggml.tokens");
    ASSERT_TRUE(tokens) << tokens.error().message;
    EXPECT_GT(tokens->size(), 10000u);
    EXPECT_EQ(tokens->to_vector().size(), tokens->size());
    Result<std::vector<int32_t>> types = file->i32s("tokenizer.ggml.token_type");
    ASSERT_TRUE(types) << types.error().message;
    EXPECT_EQ(types->size(), tokens->size());
  }
}

}  // namespace
}  // namespace engine::gguf
