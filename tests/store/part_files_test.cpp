// Parts and their files, as other programs write and read them.
#include "engine/store/part_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/store/part_journal.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
constexpr int64_t kLeast = 100'000'000, kMost = 1'000'000'000;

TEST(Parts, Cut) {
  const auto two = cut_parts(2'019'377'376, kLeast, kMost);
  ASSERT_EQ(two.size(), 16u);
  EXPECT_EQ(two[0].size, 126'211'086);
  EXPECT_EQ(two[15].offset + two[15].size, 2'019'377'376);
  const auto small = cut_parts(250'000'000, kLeast, kMost);
  ASSERT_EQ(small.size(), 3u);
  EXPECT_EQ(small[2].offset, 200'000'000);
  EXPECT_EQ(small[2].size, 50'000'000);
  EXPECT_EQ(cut_parts(40'000'000'000, kLeast, kMost).size(), 40u);
  EXPECT_EQ(cut_parts(1, kLeast, kMost).size(), 1u);
  EXPECT_TRUE(cut_parts(0, kLeast, kMost).empty());
}

class PartFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-parts-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(int n, const std::string& text) {
    std::ofstream(files_path() + "-" + std::to_string(n), std::ios::binary) << text;
  }
  std::string files_path() const { return folder_ + "/sha256-" + hex_ + "-partial"; }
  std::string folder_, hex_ = std::string(64, 'a');
};

TEST_F(PartFilesTest, Format) {
  const PartFiles files(BlobFolder(folder_), "sha256:" + hex_);
  ASSERT_TRUE(files.write({3, 300000000, 100000000, 41943040}, true));
  std::ifstream in(files_path() + "-3");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}),
            "{\"N\":3,\"Offset\":300000000,\"Size\":100000000,\"Completed\":41943040}\n");
  // nothing else that could be taken for a part
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(PartFilesTest, ReadsAnyNumberInOrder) {
  const PartFiles files(BlobFolder(folder_), "sha256:" + hex_);
  EXPECT_TRUE(files.read()->empty());
  for (int n = 11; n >= 0; --n) ASSERT_TRUE(files.write({n, n * 10, 10, n % 10}, false));
  write(99999, "x"), fs::remove(files_path() + "-99999");
  std::ofstream(files_path() + "-old") << "not a part";
  const auto parts = files.read();
  ASSERT_TRUE(parts) << parts.error().message;
  ASSERT_EQ(parts->size(), 12u);
  EXPECT_EQ((*parts)[11].completed, 1);
  files.remove_states();
  EXPECT_TRUE(files.read()->empty());
  EXPECT_TRUE(fs::exists(files_path() + "-old"));
}

TEST_F(PartFilesTest, WhatDoesNotFit) {
  const PartFiles files(BlobFolder(folder_), "sha256:" + hex_);
  for (const char* text :
       {"", "x", "[]", "{}", R"({"N":0,"Offset":5,"Size":10,"Completed":0})",
        R"({"N":0,"Offset":0,"Size":10,"Completed":11})", R"({"N":0,"Offset":0,"Size":-1})",
        R"({"N":1,"Offset":0,"Size":10,"Completed":0})",
        R"({"N":0,"Offset":0,"Size":9223372036854775808,"Completed":0})",
        R"({"N":0,"Offset":0,"Size":0,"Completed":0})"}) {
    write(0, text);
    EXPECT_FALSE(files.read()) << text;
  }
  write(0, R"({"N":0,"Offset":0,"Size":10,"Completed":0})");
  write(1, R"({"N":1,"Offset":11,"Size":10,"Completed":0})");  // a hole
  EXPECT_FALSE(files.read());
}

// Readable after each record, of one length, so that no moment is a bad one to die at.
TEST_F(PartFilesTest, JournalInPlace) {
  const PartFiles files(BlobFolder(folder_), "sha256:" + hex_);
  Part part{7, 0, 1'000'000, 5};
  const auto journal = PartJournal::open(files, part);
  ASSERT_TRUE(journal) << journal.error().message;
  const std::string path = files_path() + "-7";
  const auto length = fs::file_size(path);
  for (const int64_t completed : {5, 6, 99, 100, 99'999, 999'999, 1'000'000}) {
    part.completed = completed;
    ASSERT_TRUE((*journal)->record(part));
    const auto parts = files.read();
    ASSERT_TRUE(parts) << parts.error().message;
    ASSERT_EQ(parts->size(), 1u);
    EXPECT_EQ((*parts)[0].completed, completed);
    EXPECT_EQ(fs::file_size(path), length);
  }
  EXPECT_TRUE((*journal)->sync());
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}),
            "{\"N\":7,\"Offset\":0,\"Size\":1000000,\"Completed\":1000000}\n");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
  fs::remove_all(folder_);
  EXPECT_FALSE(PartJournal::open(files, part));
}

}  // namespace
}  // namespace engine
