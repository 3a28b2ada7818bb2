// Split files: all shards found from the first, and every way in which they may not fit together.
#include <gtest/gtest.h>

#include <array>

#include "gguf/reader.h"
#include "gguf/writer.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

using Extents = std::vector<int64_t>;
constexpr std::array<float, 2> kData[3] = {{1, 2}, {3, 4}, {5, 6}};

// Shard i of `count`, with the tensor "t<i>"; `change` may spoil it.
Writer shard(size_t i, size_t count) {
  Writer w;
  if (i == 0) w.set("general.architecture", "llama");
  w.set("split.no", static_cast<uint16_t>(i));
  w.set("split.count", static_cast<uint16_t>(count));
  w.set("split.tensors.count", static_cast<int32_t>(count));
  w.add_tensor("t" + std::to_string(i), DType::f32, Extents{2}, std::as_bytes(std::span(kData[i])));
  return w;
}

class Split : public ::testing::Test {
 protected:
  std::string path(size_t i) const {
    return dir.file("m-0000" + std::to_string(i + 1) + "-of-00003.gguf");
  }
  void write(size_t i, const Writer& w) {
    const Status s = w.write(path(i));
    ASSERT_TRUE(s) << s.error().message;
  }
  void SetUp() override {
    for (size_t i = 0; i < 3; ++i) write(i, shard(i, 3));
  }
  std::string open_error(const std::string& p) const {
    Result<File> file = File::open(p);
    return file ? "opened" : file.error().message;
  }
  TempDir dir;
};

TEST_F(Split, OpensAllShards) {
  Writer second = shard(1, 3);
  second.set("general.alignment", uint32_t{128});  // per shard
  write(1, second);
  Result<File> file = File::open(path(0));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->shards(), 3u);
  EXPECT_EQ(file->alignment(), 32u);
  EXPECT_EQ(file->data_offset(1) % 128, 0u);
  EXPECT_EQ(*file->str("general.architecture"), "llama");
  ASSERT_EQ(file->tensors().size(), 3u);
  uint64_t size = 0;
  for (size_t i = 0; i < 3; ++i) {
    const TensorInfo t = *file->find("t" + std::to_string(i));
    EXPECT_EQ(t.shard, i);
    EXPECT_EQ(t.index, i);
    EXPECT_EQ(file->view(t)->as<float>()[1], kData[i][1]);
    size += read_file(path(i)).size();
    file->drop(t);
    EXPECT_EQ(file->view(t)->as<float>()[0], kData[i][0])
        << "dropped pages come back from the file";
  }
  EXPECT_EQ(file->size(), size);
}

TEST_F(Split, ExplicitListNeedsNoNames) {
  std::vector<std::string> blobs;
  for (size_t i = 0; i < 3; ++i) {
    blobs.push_back(dir.file("sha256-" + std::to_string(i)));
    write_file(blobs[i], read_file(path(i)));
  }
  Result<File> file = File::open(blobs);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 3u);

  blobs.pop_back();
  Result<File> less = File::open(blobs);
  ASSERT_FALSE(less);
  EXPECT_EQ(less.error().message,
            blobs[0] + ": invalid split count, given: 2 splits, but expected 3");
  std::swap(blobs[0], blobs[1]);
  blobs.push_back(dir.file("sha256-2"));
  Result<File> order = File::open(blobs);
  ASSERT_FALSE(order);
  EXPECT_EQ(order.error().message,
            "illegal split file idx: 1 (file: " + blobs[0] + "), expected 0");
  EXPECT_EQ(File::open(std::vector<std::string>{}).error().code, Errc::invalid_argument);
}

TEST_F(Split, OnlyTheFirstShardOpensAModel) {
  EXPECT_EQ(open_error(path(1)), "illegal split file idx: 1 (file: " + path(1) +
                                     "), model must be loaded with the first split");
}

TEST_F(Split, NameMustHaveTheForm) {
  for (const char* name :
       {"model.gguf", "-00001-of-00003.gguf", "m-00001-of-00004.gguf", "m-1-of-3.gguf"}) {
    write_file(dir.file(name), read_file(path(0)));
    EXPECT_EQ(open_error(dir.file(name)), "invalid split file name: " + dir.file(name));
  }
}

TEST_F(Split, MissingShard) {
  std::filesystem::remove(path(2));
  Result<File> file = File::open(path(0));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::not_found);
  EXPECT_NE(file.error().message.find(path(2)), std::string::npos);
}

TEST_F(Split, BrokenShard) {
  write_file(path(2), read_file(path(2)).substr(0, 100));
  EXPECT_EQ(open_error(path(2)), open_error(path(0)));
}

TEST_F(Split, WrongNumbers) {
  Writer w = shard(2, 3);
  w.set("split.no", uint16_t{1});
  write(2, w);
  EXPECT_EQ(open_error(path(0)), "illegal split file idx: 1 (file: " + path(2) + "), expected 2");
  w.remove("split.no");
  write(2, w);
  EXPECT_EQ(open_error(path(0)), "missing key split.no in GGUF split " + path(2));
  w.set("split.no", "2");
  write(2, w);
  EXPECT_EQ(open_error(path(0)),
            path(2) + ": key 'split.no' has wrong type str but expected type u64");
}

TEST_F(Split, WrongTensors) {
  Writer w = shard(2, 3);
  w.add_tensor("t0", DType::f32, Extents{2}, std::as_bytes(std::span(kData[0])));
  write(2, w);
  EXPECT_EQ(open_error(path(0)), path(2) + ": invalid model: tensor 't0' is duplicated");

  write(2, shard(2, 3));
  Writer first = shard(0, 3);
  first.set("split.tensors.count", int32_t{4});
  write(0, first);
  EXPECT_EQ(open_error(path(0)), path(0) + ": corrupted model: 4 tensors expected but 3 found");
  first.remove("split.tensors.count");
  write(0, first);
  EXPECT_EQ(open_error(path(0)), path(0) + ": missing key split.tensors.count");
}

TEST_F(Split, HostileCounts) {
  Writer w = shard(0, 3);
  w.set("split.count", uint32_t{65536});
  write(0, w);
  EXPECT_EQ(open_error(path(0)), path(0) + ": split count 65536 exceeds maximum 65535");
  w.set("split.count", int32_t{-1});
  write(0, w);
  EXPECT_EQ(open_error(path(0)), path(0) + ": key 'split.count': value -1 out of range");
}

TEST_F(Split, CountOfZeroOrOneIsNotSplit) {
  for (const uint16_t count : {0, 1}) {
    Writer w = shard(0, 3);
    w.set("split.count", count);
    ASSERT_TRUE(w.write(dir.file("merged.gguf")));
    Result<File> file = File::open(dir.file("merged.gguf"));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->shards(), 1u);
  }
}

TEST_F(Split, RelativeNames) {
  const std::filesystem::path old = std::filesystem::current_path();
  std::filesystem::current_path(dir.file("."));
  const std::string error = open_error("m-00001-of-00003.gguf");
  std::filesystem::current_path(old);
  EXPECT_EQ(error, "opened");
}

}  // namespace
}  // namespace engine::gguf
