// Reading: the minimal file, values and their conversions, tensors and views.
#include "gguf/reader.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/gguf/minimal.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

TEST(Reader, MinimalFile) {
  const std::string bytes = minimal_file();
  ASSERT_EQ(bytes.size(), 352u);
  Result<File> file = File::parse(span_of(bytes));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(file->alignment(), 32u);
  EXPECT_EQ(file->data_offset(), 0x100u);
  EXPECT_EQ(file->size(), 352u);
  EXPECT_EQ(file->shards(), 1u);
  EXPECT_FALSE(file->big_endian());
  EXPECT_EQ(*file->str("general.architecture"), "llama");
  EXPECT_EQ(*file->u32("llama.block_count"), 1u);
  EXPECT_EQ(file->strs("t.s")->to_vector(), (std::vector<std::string_view>{"a", "bc"}));

  std::vector<std::string> keys;
  for (const Value& v : file->keys()) keys.emplace_back(v.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"general.architecture", "llama.block_count", "t.s"}));

  ASSERT_EQ(file->tensors().size(), 2u);
  const TensorInfo a = file->tensors()[0];
  EXPECT_EQ(a.name, "a.weight");
  EXPECT_EQ(a.dtype, DType::f32);
  EXPECT_EQ(a.rank, 2);
  EXPECT_EQ(a.ne[0], 3);
  EXPECT_EQ(a.ne[1], 2);
  EXPECT_EQ(a.ne[2], 1);
  EXPECT_EQ(a.bytes, 24u);
  const auto found = file->find("b.weight");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->dtype, DType::q8_0);
  EXPECT_EQ(found->type_id, 8u);
  EXPECT_EQ(found->offset, 32u);
  EXPECT_EQ(found->bytes, 34u);
  EXPECT_EQ(found->index, 1u);
  EXPECT_FALSE(file->find("b.weigh"));
  EXPECT_FALSE(file->find("b.weight2"));

  Result<Tensor> view = file->view(a);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->bytes(), 24u);
  EXPECT_EQ(view->nb[1], 12);
  EXPECT_EQ(view->as<float>()[5], 5.0f);
}

TEST(Reader, FinalPaddingMayBeMissing) {
  std::string bytes = minimal_file();
  bytes.resize(bytes.size() - 30);
  EXPECT_TRUE(File::parse(span_of(bytes)));
  bytes.resize(bytes.size() - 1);
  EXPECT_FALSE(File::parse(span_of(bytes)));
}

TEST(Reader, EmptyFileOfAllForms) {
  for (const Form form : kForms) {
    Builder b(form);
    b.header(0, 0);
    Result<File> file = File::parse(b.span());
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->version(), form.version);
    EXPECT_EQ(file->big_endian(), form.big);
    EXPECT_TRUE(file->keys().empty());
    EXPECT_TRUE(file->tensors().empty());
  }
}

TEST(Reader, SwappedMagicMeansBigEndian) {
  Builder b({3, true});
  b.raw("FUGG").u32(3).len(0).len(1).key("k", 4).u32(7);
  Result<File> file = File::parse(b.span());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(file->big_endian());
  EXPECT_EQ(*file->u32("k"), 7u);
}

class Forms : public ::testing::TestWithParam<Form> {};
INSTANTIATE_TEST_SUITE_P(All, Forms, ::testing::ValuesIn(kForms),
                         [](const auto& p) { return form_name(p.param); });

TEST_P(Forms, ValuesAndTensors) {
  Builder b(GetParam());
  const bool v1 = GetParam().v1();
  b.header(2, v1 ? 12 : 15);
  b.key("u8", 0)
      .num(uint8_t{200})
      .key("i8", 1)
      .num(int8_t{-100})
      .key("u16", 2)
      .num(uint16_t{60000});
  b.key("i16", 3)
      .num(int16_t{-30000})
      .key("u32", 4)
      .num(uint32_t{4000000000})
      .key("i32", 5)
      .num(int32_t{-2000000000});
  b.key("f32", 6).num(1.5f).key("yes", 7).num(uint8_t{1}).key("str", 8).str("text");
  b.key("arr", 9).u32(5).len(3).num(int32_t{-1}).num(int32_t{0}).num(int32_t{70000});
  b.key("strs", 9).u32(8).len(3).str("").str("two").str("x");
  b.key("none", 9).u32(4).len(0);
  if (!v1) {
    b.key("u64", 10).num(uint64_t{1} << 63).key("i64", 11).num(std::numeric_limits<int64_t>::min());
    b.key("f64", 12).num(0.1);
  }
  b.info("t", {2, 2}, 0, 0).info("h", {4}, 1, 32).pad();
  for (const float v : {1.0f, -2.0f, 3.0f, 4.0f}) b.num(v);
  b.pad();
  for (const uint16_t v : {0x3c00, 0x0001, 0xfc00, 0x1234}) b.num(v);

  Result<File> file = File::parse(b.span());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file->u32("u8"), 200u);
  EXPECT_EQ(*file->i32("i8"), -100);
  EXPECT_EQ(*file->u32("u16"), 60000u);
  EXPECT_EQ(*file->i32("i16"), -30000);
  EXPECT_EQ(*file->u32("u32"), 4000000000u);
  EXPECT_EQ(*file->i32("i32"), -2000000000);
  EXPECT_EQ(*file->f32("f32"), 1.5f);
  EXPECT_TRUE(*file->boolean("yes"));
  EXPECT_EQ(*file->str("str"), "text");
  EXPECT_EQ(*file->i32s("arr"), (std::vector<int32_t>{-1, 0, 70000}));
  EXPECT_EQ(*file->f32s("arr"), (std::vector<float>{-1, 0, 70000}));
  EXPECT_EQ(file->strs("strs")->to_vector(), (std::vector<std::string_view>{"", "two", "x"}));
  EXPECT_TRUE(file->u32s("none")->empty());
  if (!v1) {
    EXPECT_EQ(*file->u64("u64"), uint64_t{1} << 63);
    EXPECT_EQ(*file->get<int64_t>("i64"), std::numeric_limits<int64_t>::min());
    EXPECT_EQ(*file->get<double>("f64"), 0.1);
    EXPECT_EQ(*file->f32("f64"), 0.1f);
  }
  Result<Tensor> t = file->view(*file->find("t"));
  ASSERT_TRUE(t);
  EXPECT_EQ(t->as<float>()[1], -2.0f);
  EXPECT_EQ(t->as<float>()[3], 4.0f);
  Result<Tensor> h = file->view(*file->find("h"));
  ASSERT_TRUE(h);
  EXPECT_EQ(h->as<uint16_t>()[0], 0x3c00);
  EXPECT_EQ(h->as<uint16_t>()[3], 0x1234);
  EXPECT_EQ(h->data, file->view(*file->find("h"))->data) << "a copy is made once";
}

TEST(Reader, Version1StripsOneCountedTerminator) {
  Builder b({1, false});
  b.header(1, 2).key(std::string_view("k\0", 2), 8).str(std::string_view("v\0\0", 3));
  b.key("l", 9).u32(8).len(2).str(std::string_view("a\0", 2)).str("b");
  b.info(std::string(63, 'n') + '\0', {1}, 0, 0).pad().zeros(4);
  Result<File> file = File::parse(b.span());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file->str("k"), std::string_view("v\0", 2));
  EXPECT_EQ(file->strs("l")->to_vector(), (std::vector<std::string_view>{"a", "b"}));
  EXPECT_TRUE(file->find(std::string(63, 'n')));

  Builder twice({1, false});
  twice.header(0, 2).key("k", 0).num(uint8_t{1}).key(std::string_view("k\0", 2), 0).num(uint8_t{1});
  EXPECT_FALSE(File::parse(twice.span()));
}

// Every conversion of one scalar that must work, and what the others must say.
TEST(Reader, ConversionsOfScalars) {
  Builder b;
  b.header(0, 7);
  b.key("minus", 5)
      .num(int32_t{-1})
      .key("big", 10)
      .num(uint64_t{1} << 40)
      .key("flag", 7)
      .num(uint8_t{2});
  b.key("text", 8)
      .str("7")
      .key("double", 12)
      .num(1e300)
      .key("inf", 12)
      .num(std::numeric_limits<double>::infinity());
  b.key("list", 9).u32(4).len(1).u32(5);
  Result<File> file = File::parse(b.span(), "m.gguf");
  ASSERT_TRUE(file);
  const auto message = [](auto r) { return r ? std::string("a value") : r.error().message; };
  EXPECT_EQ(message(file->u32("minus")), "m.gguf: key 'minus': value -1 out of range");
  EXPECT_EQ(message(file->u32("big")), "m.gguf: key 'big': value 1099511627776 out of range");
  EXPECT_EQ(*file->u64("big"), uint64_t{1} << 40);
  EXPECT_TRUE(*file->boolean("flag")) << "any non-zero byte is true";
  EXPECT_EQ(message(file->u32("flag")),
            "m.gguf: key 'flag' has wrong type bool but expected type u32");
  EXPECT_EQ(message(file->u32("text")),
            "m.gguf: key 'text' has wrong type str but expected type u32");
  EXPECT_EQ(message(file->boolean("minus")),
            "m.gguf: key 'minus' has wrong type i32 but expected type bool");
  EXPECT_EQ(message(file->f32("minus")),
            "m.gguf: key 'minus' has wrong type i32 but expected type f32");
  EXPECT_EQ(message(file->f32("double")), "m.gguf: key 'double': value 1e+300 out of range");
  EXPECT_TRUE(std::isinf(*file->f32("inf")));
  EXPECT_EQ(message(file->str("list")),
            "m.gguf: key 'list' has wrong type arr[u32] but expected type str");
  EXPECT_EQ(message(file->u32("list")),
            "m.gguf: key 'list' has wrong type arr[u32] but expected type u32");
  EXPECT_EQ(message(file->strs("list")),
            "m.gguf: key 'list' has wrong type arr[u32] but expected type arr[str]");
  EXPECT_EQ(message(file->u32s("text")),
            "m.gguf: key 'text' has wrong type str but expected type arr[u32]");
  EXPECT_EQ(message(file->u32("absent")), "m.gguf: missing key 'absent'");
  EXPECT_EQ(file->u32("absent").error().code, Errc::not_found);
  EXPECT_EQ(*file->u32("absent", 9), 9u);
  EXPECT_FALSE(file->u32("text", 9)) << "a fallback does not hide a wrong type";
  EXPECT_EQ(*file->str("absent", "none"), "none");
  EXPECT_EQ(*file->number("minus"), -1.0);
  EXPECT_EQ(*file->number("double"), 1e300);
  EXPECT_FALSE(file->number("text"));
  EXPECT_FALSE(file->number("list"));
}

TEST(Reader, ConversionsOfArrays) {
  Builder b;
  b.header(0, 4);
  b.key("ints", 9).u32(5).len(3).num(int32_t{1}).num(int32_t{0}).num(int32_t{-3});
  b.key("flags", 9).u32(7).len(3).raw(std::string_view("\1\0\5", 3));
  b.key("floats", 9).u32(6).len(2).num(0.5f).num(-0.0f);
  b.key("scalar", 4).u32(6);
  Result<File> file = File::parse(b.span());
  ASSERT_TRUE(file);
  Result<std::vector<uint32_t>> bad = file->u32s("ints");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "gguf: key 'ints': value -3 (element 2) out of range");
  EXPECT_EQ(*file->bools("flags"), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(*file->bools("ints"), (std::vector<bool>{true, false, true}));
  EXPECT_FALSE(file->u32s("flags"));
  EXPECT_FALSE(file->i32s("floats"));
  EXPECT_EQ(*file->f32s("floats"), (std::vector<float>{0.5f, -0.0f}));

  EXPECT_EQ(*file->per_layer<int32_t>("ints", 3), (std::vector<int32_t>{1, 0, -3}));
  EXPECT_EQ(*file->per_layer<uint32_t>("scalar", 4), (std::vector<uint32_t>(4, 6)));
  Result<std::vector<int32_t>> length = file->per_layer<int32_t>("ints", 2);
  ASSERT_FALSE(length);
  EXPECT_EQ(length.error().message, "gguf: key 'ints' has wrong array length; expected 2, got 3");
  EXPECT_EQ(file->per_layer<int32_t>("absent", 2).error().code, Errc::not_found);
}

TEST(Reader, ZeroExtentsAndScalars) {
  Builder b;
  b.header(4, 0)
      .info("scalar", {}, 0, 0)
      .info("empty", {0, 5}, 0, 32)
      .info("also", {5, 0, 3}, 0, 32)
      .info("q", {0}, 8, 32);
  b.pad().zeros(4).pad();
  Result<File> file = File::parse(b.span());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("scalar")->rank, 0);
  EXPECT_EQ(file->find("scalar")->bytes, 4u);
  for (const char* name : {"empty", "also", "q"}) {
    const TensorInfo t = *file->find(name);
    EXPECT_EQ(t.bytes, 0u);
    EXPECT_EQ(t.elements(), 0);
    EXPECT_EQ(file->view(t)->bytes(), 0u);
  }
}

TEST(Reader, AlignmentOneGivesAlignedViews) {
  Builder b;
  b.header(2, 1).key("general.alignment", 4).u32(1).info("byte", {1}, 24, 0).info("f", {2}, 0, 1);
  b.raw("x").num(1.0f).num(2.0f);
  for (size_t shift = 0; shift < 8; ++shift) {
    const std::string moved = std::string(shift, ' ') + b.bytes();
    Result<File> file = File::parse(span_of(std::string_view(moved).substr(shift)));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->alignment(), 1u);
    Result<Tensor> f = file->view(*file->find("f"));
    ASSERT_TRUE(f);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(f->data) % 8, 0u);
    EXPECT_EQ(f->as<float>()[1], 2.0f);
    file->drop(*file->find("f"));
    EXPECT_EQ(file->view(*file->find("f"))->as<float>()[0], 1.0f) << "the copy is made again";
  }
}

TEST(Reader, FileMovesWithItsViews) {
  const std::string bytes = minimal_file();
  Result<File> first = File::parse(span_of(bytes));
  ASSERT_TRUE(first);
  const TensorInfo t = *first->find("a.weight");
  const std::byte* data = first->view(t)->data;
  File second = std::move(*first);
  EXPECT_EQ(second.view(t)->data, data);
  EXPECT_EQ(*second.u32("llama.block_count"), 1u);
}

TEST(Reader, OpenErrors) {
  EXPECT_EQ(File::open("/nonexistent/m.gguf").error().code, Errc::not_found);
  EXPECT_EQ(File::open("/").error().code, Errc::invalid_argument);
  EXPECT_EQ(File::open("/dev/null").error().code, Errc::invalid_argument);
}

}  // namespace
}  // namespace engine::gguf
