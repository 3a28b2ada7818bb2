// What a path of a Modelfile stands for on this machine.
#include "server/cli/model_files.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace engine::cli {
namespace {

namespace fs = std::filesystem;

class ModelFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    dir_ = root_ + "/model";
    fs::create_directories(dir_);
  }
  void TearDown() override {
    std::error_code ec;
    fs::remove_all(root_, ec);
  }
  void write(const std::string& name, const std::string& bytes) {
    const fs::path path = fs::path(dir_) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
  }
  // The names, or the error.
  std::string names(FilesOf use = FilesOf::model, const std::string& path = {}) {
    const auto files = find_model_files(path.empty() ? dir_ : path, use);
    if (!files) return files.error().message;
    std::string out;
    for (const LocalFile& f : *files) {
      EXPECT_TRUE(fs::exists(f.path)) << f.path;
      out += (out.empty() ? "" : " ") + f.name;
    }
    return out;
  }
  const std::string binary_ = std::string("\0\1\2", 3);
  std::string root_, dir_;
};

TEST_F(ModelFiles, OneFile) {
  write("m.gguf", "GGUF");
  EXPECT_EQ(names(FilesOf::model, dir_ + "/m.gguf"), "m.gguf");
}

TEST_F(ModelFiles, SafetensorsComeFirstWithTheirConfiguration) {
  write("m.gguf", "GGUF");
  write("consolidated.safetensors", binary_);
  write("model-00001-of-00002.safetensors", binary_);
  write("sub/model.safetensors", binary_);
  write("config.json", "{}");
  write("sub/config.json", "{}");
  write("chat_template.jinja", "{{ x }}");
  write("tokenizer.model", binary_);
  write("README.md", "text");
  EXPECT_EQ(names(),
            "model-00001-of-00002.safetensors sub/model.safetensors config.json sub/config.json "
            "chat_template.jinja tokenizer.model");
}

TEST_F(ModelFiles, TheNextRules) {
  EXPECT_EQ(names(), "no Modelfile or safetensors files found");
  write("b.gguf", "GGUF");
  write("a.gguf", "GGUF");
  write("config.json", "{}");
  EXPECT_EQ(names(), "a.gguf b.gguf");
  write("consolidated.00.safetensors", binary_);
  EXPECT_EQ(names(), "consolidated.00.safetensors config.json");
}

TEST_F(ModelFiles, Adapters) {
  write("adapter_model.safetensors", binary_);
  write("adapter_config.json", "{}");
  EXPECT_EQ(names(FilesOf::adapter), "adapter_model.safetensors adapter_config.json");
  EXPECT_EQ(names(), "no Modelfile or safetensors files found");
}

TEST_F(ModelFiles, NamesBeginBelowTheCommonFolder) {
  write("deep/model.safetensors", binary_);
  write("deep/config.json", "{}");
  EXPECT_EQ(names(), "model.safetensors config.json");
}

TEST_F(ModelFiles, WrongContent) {
  write("m.gguf", "version https://git-lfs.github.com/spec/v1\n");
  EXPECT_EQ(names(), "invalid content type: expected text/plain for m.gguf");
  fs::remove(dir_ + "/m.gguf");
  write("model.safetensors", binary_);
  write("config.json", binary_);
  EXPECT_EQ(names(), "invalid content type: expected application/octet-stream for config.json");
  write("config.json", "{}");
  write("tokenizer.model", "a text");
  EXPECT_EQ(names(), "invalid content type: expected text/plain for tokenizer.model");
}

TEST_F(ModelFiles, LinksStayInside) {
  write("real.bin", binary_);
  fs::create_symlink("real.bin", dir_ + "/model.safetensors");
  EXPECT_EQ(names(), "model.safetensors");
  fs::remove(dir_ + "/model.safetensors");
  fs::create_directories(root_ + "/.cache");
  std::ofstream(root_ + "/outside") << "x";
  std::ofstream(root_ + "/.cache/blob") << "x";
  fs::create_symlink(root_ + "/outside", dir_ + "/model.safetensors");
  EXPECT_EQ(names(), "insecure path: model.safetensors");
  fs::remove(dir_ + "/model.safetensors");
  fs::create_symlink(root_ + "/.cache/blob", dir_ + "/model.safetensors");
  EXPECT_TRUE(names().starts_with("insecure path: model.safetensors\n\n")) << names();
}

TEST_F(ModelFiles, PartsOfASplitFile) {
  for (const char* name : {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf",
                           "m-00003-of-00003.gguf", "m-00001-of-00002.gguf"})
    write(name, "GGUF");
  EXPECT_EQ(names(FilesOf::model, dir_ + "/m-00002-of-00003.gguf"),
            "m-00001-of-00003.gguf m-00002-of-00003.gguf m-00003-of-00003.gguf");
}

TEST(ExpandPath, Forms) {
  ::setenv("HOME", "/home/me", 1);
  EXPECT_EQ(*expand_path("/a/b", "/x"), "/a/b");
  EXPECT_EQ(*expand_path("./b", "/x/y"), "/x/y/b");
  EXPECT_EQ(*expand_path("../b", "/x/y"), "/x/b");
  EXPECT_EQ(*expand_path("~", "/x"), "/home/me");
  EXPECT_EQ(*expand_path("~/b", "/x"), "/home/me/b");
  const passwd* me = ::getpwuid(::getuid());
  ASSERT_NE(me, nullptr);
  EXPECT_EQ(*expand_path("~" + std::string(me->pw_name) + "/b", "/x"),
            me->pw_dir + std::string("/b"));
  const auto nobody = expand_path("~no_such_user_here/b", "/x");
  ASSERT_FALSE(nobody);
  EXPECT_TRUE(nobody.error().message.starts_with("failed to find user 'no_such_user_here': "))
      << nobody.error().message;
}

}  // namespace
}  // namespace engine::cli
