// Tensor data of big-endian files: every type
// with a rule gives the bytes of the little-endian file.
#include <gtest/gtest.h>

#include <map>

#include "gguf/reader.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

// Where each two-byte member of a block begins, from the block layouts of the quantization formats;
// everything else of a quantized block is bytes.
const std::map<DType, std::vector<int>> kHalves = {
    {DType::q4_0, {0}},    {DType::q4_1, {0, 2}},   {DType::q5_0, {0}},   {DType::q5_1, {0, 2}},
    {DType::q8_0, {0}},    {DType::q2_k, {80, 82}}, {DType::q3_k, {108}}, {DType::q4_k, {0, 2}},
    {DType::q5_k, {0, 2}}, {DType::q6_k, {208}},    {DType::iq4_nl, {0}}, {DType::iq4_xs, {0, 2}},
    {DType::tq1_0, {52}},  {DType::tq2_0, {64}},    {DType::q1_0, {0}},   {DType::q2_0, {0}},
    {DType::mxfp4, {}},    {DType::nvfp4, {}},
};

TEST(ByteOrder, QuantizedBlocks) {
  for (const auto& [dtype, halves] : kHalves) {
    SCOPED_TRACE(traits(dtype).name);
    const size_t block = static_cast<size_t>(traits(dtype).block_bytes);
    std::string little, big;
    for (size_t i = 0; i < 3 * block; ++i) little += static_cast<char>(i * 37 + 11);
    big = little;
    for (size_t i = 0; i < 3; ++i)
      for (const int at : halves) std::swap(big[i * block + at], big[i * block + at + 1]);

    const uint64_t elements = static_cast<uint64_t>(traits(dtype).block_elems);
    const uint32_t id = static_cast<uint32_t>(traits(dtype).gguf_id);
    Builder b({3, true});
    b.header(1, 0).info("t", {elements, 3}, id, 0).pad().raw(big);
    Result<File> file = File::parse(b.span());
    ASSERT_TRUE(file) << file.error().message;
    Result<Tensor> view = file->view(*file->find("t"));
    ASSERT_TRUE(view);
    ASSERT_EQ(view->bytes(), little.size());
    EXPECT_EQ(std::string_view(view->as<char>(), little.size()), little);
    EXPECT_NE(view->data, b.span().data() + file->data_offset()) << "never swapped in place";
  }
}

TEST(ByteOrder, PlainTypes) {
  const auto check = [](DType dtype, auto value) {
    SCOPED_TRACE(traits(dtype).name);
    Builder b({3, true});
    b.header(1, 0)
        .info("t", {2}, static_cast<uint32_t>(traits(dtype).gguf_id), 0)
        .pad()
        .num(value)
        .num(value);
    Result<File> file = File::parse(b.span());
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->view(*file->find("t"))->template as<decltype(value)>()[1], value);
  };
  check(DType::f32, 1.25f);
  check(DType::f64, 1e-7);
  check(DType::f16, uint16_t{0x1234});
  check(DType::bf16, uint16_t{0x4321});
  check(DType::i8, int8_t{-7});
  check(DType::i16, int16_t{-700});
  check(DType::i32, int32_t{-70000});
  check(DType::i64, int64_t{-7000000000});
}

}  // namespace
}  // namespace engine::gguf
