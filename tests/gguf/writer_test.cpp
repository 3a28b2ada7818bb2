// Writing: the canonical bytes, round trips through the reader, and what is refused.
#include "gguf/writer.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "tests/gguf/minimal.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

using Extents = std::vector<int64_t>;

std::string bytes_of(const Writer& w) {
  Result<std::vector<std::byte>> r = w.to_bytes();
  EXPECT_TRUE(r) << r.error().message;
  return r ? std::string(reinterpret_cast<const char*>(r->data()), r->size()) : "";
}

std::string error_of(const Writer& w) {
  Result<std::vector<std::byte>> r = w.to_bytes();
  return r ? "no error" : r.error().message;
}

TEST(Writer, MinimalFileByteForByte) {
  const std::array<float, 6> a = {0, 1, 2, 3, 4, 5};
  const std::array<char, 34> b{};
  Writer w;
  w.set("general.architecture", "llama");
  w.set("llama.block_count", uint32_t{1});
  w.set_array("t.s", std::vector<std::string>{"a", "bc"});
  w.add_tensor("a.weight", DType::f32, Extents{3, 2}, std::as_bytes(std::span(a)));
  w.add_tensor("b.weight", DType::q8_0, Extents{32, 1}, std::as_bytes(std::span(b)));
  // The writer of the example also stores extents of one
  // that follow the last larger one; ours does not.
  std::string expected =
      from_hex(kMinimalKeys) + from_hex(kMinimalInfoA) +
      from_hex(
          "0800000000000000 622e776569676874 01000000 2000000000000000 08000000 2000000000000000");
  expected.resize(0x100, '\0');
  expected += from_hex(kMinimalDataA) + std::string(64, '\0');
  EXPECT_EQ(bytes_of(w), expected);
}

TEST(Writer, EveryValueTypeRoundTrips) {
  Writer w;
  w.set("u8", uint8_t{255});
  w.set("i8", int8_t{-128});
  w.set("u16", uint16_t{65535});
  w.set("i16", int16_t{-32768});
  w.set("u32", uint32_t{4294967295});
  w.set("i32", std::numeric_limits<int32_t>::min());
  w.set("f32", 3.25f);
  w.set("true", true);
  w.set("false", false);
  w.set("str", std::string_view("nul \0 inside", 12));
  w.set("empty", "");
  w.set("u64", std::numeric_limits<uint64_t>::max());
  w.set("i64", std::numeric_limits<int64_t>::min());
  w.set("f64", 1e300);
  w.set_array("a.u8", std::vector<uint8_t>{1, 255});
  w.set_array("a.i8", std::vector<int8_t>{-1, 127});
  w.set_array("a.u16", std::vector<uint16_t>{1, 65535});
  w.set_array("a.i16", std::vector<int16_t>{-1, 32767});
  w.set_array("a.u32", std::vector<uint32_t>{1, 4294967295});
  w.set_array("a.i32", std::vector<int32_t>{-1, 2147483647});
  w.set_array("a.f32", std::vector<float>{0.5f, -1.5f});
  w.set_array("a.bool", std::vector<bool>{true, false, true});
  w.set_array("a.str", std::vector<std::string_view>{"", "x", std::string_view("\0", 1)});
  w.set_array("a.u64", std::vector<uint64_t>{1, uint64_t{1} << 63});
  w.set_array("a.i64", std::vector<int64_t>{-1, 1});
  w.set_array("a.f64", std::vector<double>{0.1, -1e-300});
  w.set_array("a.none", std::vector<std::string>{});
  const std::string bytes = bytes_of(w);
  Result<File> file = File::parse(span_of(bytes));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->keys().size(), 27u);

  EXPECT_EQ(*file->get<uint8_t>("u8"), 255);
  EXPECT_EQ(*file->get<int8_t>("i8"), -128);
  EXPECT_EQ(*file->get<uint16_t>("u16"), 65535);
  EXPECT_EQ(*file->get<int16_t>("i16"), -32768);
  EXPECT_EQ(*file->u32("u32"), 4294967295u);
  EXPECT_EQ(*file->i32("i32"), std::numeric_limits<int32_t>::min());
  EXPECT_EQ(*file->f32("f32"), 3.25f);
  EXPECT_TRUE(*file->boolean("true"));
  EXPECT_FALSE(*file->boolean("false"));
  EXPECT_EQ(*file->str("str"), std::string_view("nul \0 inside", 12));
  EXPECT_EQ(*file->str("empty"), "");
  EXPECT_EQ(*file->u64("u64"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(*file->get<int64_t>("i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(*file->get<double>("f64"), 1e300);
  EXPECT_EQ(*file->u32s("a.u8"), (std::vector<uint32_t>{1, 255}));
  EXPECT_EQ(*file->i32s("a.i8"), (std::vector<int32_t>{-1, 127}));
  EXPECT_EQ(*file->u32s("a.u16"), (std::vector<uint32_t>{1, 65535}));
  EXPECT_EQ(*file->i32s("a.i16"), (std::vector<int32_t>{-1, 32767}));
  EXPECT_EQ(*file->u32s("a.u32"), (std::vector<uint32_t>{1, 4294967295}));
  EXPECT_EQ(*file->i32s("a.i32"), (std::vector<int32_t>{-1, 2147483647}));
  EXPECT_EQ(*file->f32s("a.f32"), (std::vector<float>{0.5f, -1.5f}));
  EXPECT_EQ(*file->bools("a.bool"), (std::vector<bool>{true, false, true}));
  EXPECT_EQ(file->strs("a.str")->to_vector(),
            (std::vector<std::string_view>{"", "x", std::string_view("\0", 1)}));
  EXPECT_EQ(*file->get<std::vector<uint64_t>>("a.u64"),
            (std::vector<uint64_t>{1, uint64_t{1} << 63}));
  EXPECT_EQ(*file->get<std::vector<int64_t>>("a.i64"), (std::vector<int64_t>{-1, 1}));
  EXPECT_EQ(std::get<double>(file->key("a.f64")->element(1)), -1e-300);
  EXPECT_TRUE(file->strs("a.none")->empty());

  // Types are kept, not only values; and copying every value gives the same file again.
  EXPECT_EQ(file->key("a.u8")->element_type(), Type::u8);
  EXPECT_EQ(file->key("i64")->type(), Type::i64);
  Writer again;
  for (const Value& v : file->keys()) again.copy(v);
  EXPECT_EQ(bytes_of(again), bytes);
}

TEST(Writer, CopiesValuesOfEveryForm) {
  Writer expected;
  expected.set("n", int32_t{-5});
  expected.set("s", "text");
  expected.set_array("a", std::vector<uint16_t>{1, 2, 300});
  expected.set_array("l", std::vector<std::string>{"p", "qr"});
  for (const Form form : kForms) {
    Builder b(form);
    b.header(0, 4).key("n", 5).num(int32_t{-5}).key("s", 8).str("text");
    b.key("a", 9).u32(2).len(3).num(uint16_t{1}).num(uint16_t{2}).num(uint16_t{300});
    b.key("l", 9).u32(8).len(2).str("p").str("qr");
    Result<File> file = File::parse(b.span());
    ASSERT_TRUE(file);
    Writer w;
    for (const Value& v : file->keys()) w.copy(v);
    EXPECT_EQ(bytes_of(w), bytes_of(expected)) << form_name(form);
  }
}

TEST(Writer, ReplacedKeysMoveToTheEnd) {
  Writer w;
  w.set("a", uint32_t{1});
  w.set("b", uint32_t{2});
  w.set("c", uint32_t{3});
  w.set("a", "new");
  w.remove("b");
  w.remove("never there");
  EXPECT_TRUE(w.has("a"));
  EXPECT_FALSE(w.has("b"));
  const std::string bytes = bytes_of(w);
  Result<File> file = File::parse(span_of(bytes));
  ASSERT_TRUE(file);
  ASSERT_EQ(file->keys().size(), 2u);
  EXPECT_EQ(file->keys()[0].key(), "c");
  EXPECT_EQ(file->keys()[1].key(), "a");
  EXPECT_EQ(*file->str("a"), "new");
}

TEST(Writer, TensorsOfAllShapesAndSources) {
  const std::vector<std::byte> data(1000, std::byte{7});
  Writer w;
  w.set("general.alignment", uint32_t{64});
  w.add_tensor("one", DType::i8, Extents{1, 1, 1, 1}, std::span(data).first(1));
  w.add_tensor("none", DType::f32, Extents{3, 0}, std::span<const std::byte>());
  w.add_tensor("cube", DType::i8, Extents{5, 1, 2}, std::span(data).first(10));
  w.add_tensor("stream", DType::q4_k, Extents{256, 2}, [&](const Emit& emit) -> Status {
    for (int i = 0; i < 3; ++i) ENGINE_TRY_STATUS(emit(std::span(data).first(96)));
    return emit({});
  });
  const std::string bytes = bytes_of(w);
  EXPECT_EQ(bytes.size() % 64, 0u) << "the last tensor is padded too";
  Result<File> file = File::parse(span_of(bytes));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->alignment(), 64u);
  EXPECT_EQ(file->find("one")->rank, 1);
  EXPECT_EQ(file->find("none")->rank, 2);
  EXPECT_EQ(file->find("cube")->rank, 3);
  EXPECT_EQ(file->find("cube")->ne[2], 2);
  EXPECT_EQ(file->find("stream")->bytes, 288u);
  EXPECT_EQ(file->view(*file->find("stream"))->as<char>()[287], 7);
}

TEST(Writer, SortByLayer) {
  const std::byte x{};
  Writer w;
  for (const char* name : {"blk.10.a", "output", "blk.2.b", "blk.2.a", "blk.x", "blk.2", "a"})
    w.add_tensor(name, DType::i8, Extents{1}, {&x, 1});
  w.sort_by_layer();
  const std::string bytes = bytes_of(w);
  Result<File> file = File::parse(span_of(bytes));
  ASSERT_TRUE(file);
  std::vector<std::string> names;
  for (const TensorInfo& t : file->tensors()) names.emplace_back(t.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "blk.2", "blk.x", "output", "blk.2.a", "blk.2.b",
                                             "blk.10.a"}));
}

TEST(Writer, Refuses) {
  const std::vector<std::byte> data(64);
  const auto with = [&](const char* name, DType dtype, const Extents& ne, size_t bytes) {
    Writer w;
    w.add_tensor(name, dtype, ne, std::span(data).first(bytes));
    return error_of(w);
  };
  EXPECT_EQ(with("t", DType::f32, {2}, 8), "no error");
  EXPECT_EQ(with("t", DType::f32, {2}, 7), "tensor 't': 7 bytes of data, expected 8");
  EXPECT_EQ(with("t", DType::f32, {2}, 9), "tensor 't': more data than its 8 bytes");
  EXPECT_EQ(with("t", DType::f32, {}, 4), "tensor 't' has 0 dimensions, not 1 to 4");
  EXPECT_EQ(with("t", DType::f32, {1, 1, 1, 1, 1}, 4), "tensor 't' has 5 dimensions, not 1 to 4");
  EXPECT_EQ(with("t", DType::f32, {-1}, 4), "tensor 't' has a negative extent: -1");
  EXPECT_EQ(with("t", DType::f32, {int64_t{1} << 40, int64_t{1} << 40}, 4),
            "tensor 't' shape overflows");
  EXPECT_EQ(with("t", DType::f32, {int64_t{1} << 62}, 4), "tensor 't' size overflows");
  EXPECT_EQ(with("t", DType::q8_0, {33}, 34),
            "tensor 't' of type Q8_0 has 33 elements per row, not a multiple of block size (32)");
  EXPECT_EQ(with("t", DType::q8_1, {32}, 36), "tensor 't': type Q8_1 does not exist in files");
  EXPECT_EQ(with("t", DType::a8x32, {32}, 40), "tensor 't': type A8X32 does not exist in files");
  EXPECT_NE(with("", DType::f32, {1}, 4), "no error");
  EXPECT_NE(with(std::string(64, 'n').c_str(), DType::f32, {1}, 4), "no error");

  Writer twice;
  twice.add_tensor("t", DType::i8, Extents{1}, std::span(data).first(1));
  twice.add_tensor("t", DType::i8, Extents{1}, std::span(data).first(1));
  EXPECT_EQ(error_of(twice), "duplicate tensor name 't'");

  Writer key;
  key.set("a\nb", uint32_t{1});
  EXPECT_NE(error_of(key), "no error");
  Writer align;
  align.set("general.alignment", uint32_t{48});
  EXPECT_EQ(error_of(align), "alignment 48 is not a power of 2");
  align.set("general.alignment", int32_t{32});
  EXPECT_EQ(error_of(align), "key 'general.alignment' must be of type u32 but is i32");
}

TEST(Writer, FilesAppearWholeOrNotAtAll) {
  const TempDir dir;
  const std::string path = dir.file("m.gguf");
  Writer good;
  good.set("general.architecture", "llama");
  ASSERT_TRUE(good.write(path));
  EXPECT_EQ(read_file(path), bytes_of(good));
  EXPECT_EQ(dir.entries(), 1u);

  Writer bad = good;
  bad.add_tensor("t", DType::i8, Extents{4}, [](const Emit&) -> Status {
    return Error{Errc::cancelled, "stopped"};
  });
  const Status status = bad.write(path);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::cancelled);
  EXPECT_EQ(read_file(path), bytes_of(good)) << "the old file is untouched";
  EXPECT_EQ(dir.entries(), 1u) << "no temporary file is left";

  EXPECT_EQ(good.write(dir.file("none/m.gguf")).error().code, Errc::io);
  EXPECT_EQ(good.write(dir.file("")).error().code, Errc::io);

  EXPECT_TRUE(check_distinct(path, dir.file("other.gguf")));
  std::filesystem::create_symlink(path, dir.file("link.gguf"));
  const Status same = check_distinct(path, dir.file("link.gguf"));
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().message,
            "input and output files are the same: '" + dir.file("link.gguf") + "'");
}

}  // namespace
}  // namespace engine::gguf
