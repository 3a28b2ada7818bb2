// Sizes as users write them, what is left of the machine, and files that are mapped or read.
#include "engine/core/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "engine/core/mapped_file.h"

namespace engine {
namespace {

TEST(Memory, sizes_are_read_and_written) {
  const struct {
    const char* text;
    size_t bytes;
  } good[] = {{"0", 0},
              {"123456", 123456},
              {"12 B", 12},
              {"6GiB", 6ull << 30},
              {"1.5G", 3ull << 29},
              {"800MB", 800000000},
              {"4 kib", 4096},
              {"2T", 2ull << 40}};
  for (const auto& g : good) {
    const Result<size_t> bytes = parse_memory(g.text);
    ASSERT_TRUE(bytes) << g.text;
    EXPECT_EQ(*bytes, g.bytes) << g.text;
  }
  for (const char* bad : {"", "GiB", "-1", "6X", "6GiBB", "nan", "1e300", "6Gi B x"}) {
    const Result<size_t> bytes = parse_memory(bad);
    ASSERT_FALSE(bytes) << bad;
    EXPECT_NE(bytes.error().message.find("is no size"), std::string::npos);
  }
  EXPECT_EQ(memory_text(512 << 20), "512.0 MiB");
  EXPECT_EQ(memory_text(size_t{56} << 30), "56.0 GiB");
}

TEST(Memory, a_cap_counts_and_a_wrong_one_is_named) {
  const Result<size_t> all = available_memory();
  ASSERT_TRUE(all);
  EXPECT_GT(*all, size_t{16} << 20);
  setenv("ENGINE_MEMORY", "1MiB", 1);
  EXPECT_EQ(*available_memory(), size_t{1} << 20);
  setenv("ENGINE_MEMORY", "much", 1);
  EXPECT_NE(available_memory().error().message.find("ENGINE_MEMORY: \"much\""), std::string::npos);
  unsetenv("ENGINE_MEMORY");
}

TEST(MappedFile, reading_gives_what_mapping_gives) {
  const std::string path = ::testing::TempDir() + "/mapped_file_test";
  std::string text(100000, 'x');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 7);
  std::ofstream(path, std::ios::binary) << text;
  for (const bool map : {true, false}) {
    const Result<MappedFile> file = MappedFile::open(path, map);
    ASSERT_TRUE(file) << file.error().message;
    ASSERT_EQ(file->bytes().size(), text.size());
    EXPECT_EQ(std::memcmp(file->bytes().data(), text.data(), text.size()), 0);
    file->drop(4096, 8192);  // mapped pages come back, read ones are gone; the rest stays
    EXPECT_EQ(std::memcmp(file->bytes().data() + 50000, text.data() + 50000, 50000), 0);
    EXPECT_EQ(map, std::memcmp(file->bytes().data(), text.data(), text.size()) == 0);
  }
  std::filesystem::remove(path);
  for (const bool map : {true, false}) {
    EXPECT_EQ(MappedFile::open(path, map).error().code, Errc::not_found);
    EXPECT_EQ(MappedFile::open("/", map).error().code, Errc::invalid_argument);
  }
}

}  // namespace
}  // namespace engine
