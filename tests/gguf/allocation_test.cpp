// Memory: whatever a file says, opening it requests no more than twice its size.
#include <gtest/gtest.h>

#include "gguf/reader.h"
#include "tests/gguf/count_new.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

// the object itself and its messages, whatever the size of the file
constexpr size_t kFixed = 4096;

// All bytes requested, freed ones included.
size_t cost(const Builder& b, bool expect_open) {
  const size_t before = requested_bytes();
  {
    Result<File> file = File::parse(b.span());
    EXPECT_EQ(static_cast<bool>(file), expect_open);
  }
  return requested_bytes() - before;
}

class Allocation : public ::testing::TestWithParam<Form> {};
INSTANTIATE_TEST_SUITE_P(Forms, Allocation, ::testing::ValuesIn(kForms),
                         [](const auto& p) { return form_name(p.param); });

std::string short_name(size_t i) {
  std::string out;
  do out += static_cast<char>('!' + i % 90);
  while (i /= 90);
  return out;
}

TEST_P(Allocation, CounterCounts) {
  const size_t before = requested_bytes();
  std::vector<char> v(1000);
  EXPECT_GE(requested_bytes() - before, v.size());
}

TEST_P(Allocation, HugeCountsInSmallFiles) {
  for (const uint64_t n : {uint64_t{1} << 20, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
    Builder keys(GetParam()), tensors(GetParam()), array(GetParam()), strings(GetParam()),
        text(GetParam()), name(GetParam());
    EXPECT_LE(cost(keys.header(0, n).zeros(1000), false), kFixed);
    EXPECT_LE(cost(tensors.header(n, 0).zeros(1000), false), kFixed);
    EXPECT_LE(cost(array.header(0, 1).key("k", 9).u32(10 - 4).len(n).zeros(1000), false), kFixed);
    EXPECT_LE(cost(strings.header(0, 1).key("k", 9).u32(8).len(n).zeros(1000), false), kFixed);
    EXPECT_LE(cost(text.header(0, 1).key("k", 8).len(n).zeros(1000), false), kFixed);
    EXPECT_LE(cost(name.header(1, 0).len(n).zeros(1000), false), kFixed);
  }
}

TEST_P(Allocation, CountsThatTheFileJustHolds) {
  const size_t size = 1 << 20;
  Builder keys(GetParam()), tensors(GetParam());
  const size_t pair = GetParam().v1() ? 10 : 14, info = GetParam().v1() ? 20 : 24;
  EXPECT_LE(cost(keys.header(0, size / pair).zeros(size), false), 2 * size);
  EXPECT_LE(cost(tensors.header(size / info, 0).zeros(size), false), 2 * size);
}

TEST_P(Allocation, ManySmallestKeys) {
  Builder b(GetParam());
  const size_t n = 50000;
  b.header(0, n);
  for (size_t i = 0; i < n; ++i) b.key(short_name(i), 0).num(uint8_t{1});
  EXPECT_LE(cost(b, true), 2 * b.bytes().size());
}

TEST_P(Allocation, ManySmallestTensors) {
  Builder b(GetParam());
  const size_t n = 50000;
  b.header(n, 1).key("general.alignment", 4).u32(1);
  for (size_t i = 0; i < n; ++i) b.info(short_name(i), {}, 24, i);
  b.zeros(n);
  EXPECT_LE(cost(b, true), 2 * b.bytes().size());
}

TEST_P(Allocation, LargeVocabularyCostsNothing) {
  Builder b(GetParam());
  const size_t n = 262144;
  b.header(0, 2).key("tokenizer.ggml.tokens", 9).u32(8).len(n);
  for (size_t i = 0; i < n; ++i) b.str(short_name(i));
  b.key("tokenizer.ggml.scores", 9).u32(6).len(n).zeros(4 * n);
  EXPECT_LE(cost(b, true), kFixed);
}

}  // namespace
}  // namespace engine::gguf
