// Hostile and broken files: each must give its one error, in every version and byte order, and
// truncation anywhere must too.
#include <gtest/gtest.h>

#include "gguf/reader.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/hostile_files.h"

namespace engine::gguf {
namespace {

constexpr uint32_t kU32 = 4, kStr = 8, kArr = 9, kU64 = 10;

class Hostile : public ::testing::TestWithParam<Form> {};

TEST_P(Hostile, EachCaseGivesItsOneError) {
  for (const HostileFile& c : hostile_files()) {
    SCOPED_TRACE(c.name);
    if (GetParam().v1() && !c.in_v1) continue;
    Builder b(GetParam());
    c.make(b);
    Result<File> file = File::parse(b.span());
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().code, c.code) << file.error().message;
    EXPECT_NE(file.error().message.find(c.message), std::string::npos) << file.error().message;
    EXPECT_EQ(file.error().message.rfind("gguf: ", 0), 0u) << file.error().message;
    EXPECT_EQ(file.error().message.find('\n'), std::string::npos);
  }
}

TEST_P(Hostile, TruncationAnywhereIsAnError) {
  Builder b(GetParam());
  b.header(2, 3).key("general.architecture", kStr).str("llama").key("n", kU32).u32(1);
  b.key("a", kArr)
      .u32(kStr)
      .len(2)
      .str("x")
      .str("yz")
      .info("t", {3, 2}, 0, 0)
      .info("u", {32}, 8, 32);
  b.pad().zeros(32 + 34);
  ASSERT_TRUE(File::parse(b.span()));
  for (size_t n = 0; n < b.bytes().size(); ++n) {
    // An exact copy, so that a sanitizer sees every read past the end.
    const std::vector<std::byte> part(b.span().begin(),
                                      b.span().begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_FALSE(File::parse(part)) << n << " bytes";
  }
}

TEST_P(Hostile, EveryByteMayBeWrong) {
  Builder b(GetParam());
  b.header(2, 3).key("general.architecture", kStr).str("llama").key("n", kU32).u32(1);
  b.key("a", kArr)
      .u32(kStr)
      .len(2)
      .str("x")
      .str("yz")
      .info("t", {3, 2}, 0, 0)
      .info("u", {32}, 8, 32);
  b.pad().zeros(32 + 34);
  for (size_t i = 0; i < b.bytes().size(); ++i) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      std::string bytes = b.bytes();
      bytes[i] = static_cast<char>(static_cast<unsigned char>(bytes[i]) ^ flip);
      Result<File> file = File::parse(span_of(bytes));
      if (!file) continue;
      for (const TensorInfo& t : file->tensors()) {
        Result<Tensor> view = file->view(t);
        ASSERT_TRUE(view);
        EXPECT_EQ(view->bytes(), t.bytes);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, Hostile, ::testing::ValuesIn(kForms),
                         [](const auto& p) { return form_name(p.param); });

TEST(HostileHeader, Magic) {
  const auto message = [](std::string_view bytes) {
    Result<File> file = File::parse(span_of(bytes), "f");
    return file ? "opened" : file.error().message;
  };
  EXPECT_EQ(message(""), "f: failed to read magic");
  EXPECT_EQ(message("GGU"), "f: failed to read magic");
  EXPECT_EQ(message("PK\x03\x04....................."),
            "f: invalid magic characters: 'PK?"
            "?', expected 'GGUF'");
  EXPECT_EQ(message("lmgg...................."), "f: old ggml format 'ggml', convert to GGUF");
  EXPECT_EQ(message("algg...................."), "f: old ggml format 'ggla', convert to GGUF");
  EXPECT_EQ(message(std::string("GGUF\0\0\0\0", 8) + std::string(16, '\0')),
            "f: bad GGUF version: 0");
  EXPECT_EQ(message(std::string("GGUF\3\0\1\0", 8) + std::string(16, '\0')),
            "f: file is version 65539 but only up to 3 is supported");
}

TEST(HostileHeader, TypesThatVersion1DoesNotKnow) {
  Builder b({1, false});
  b.header(0, 1).key("k", kU64).u64(1);
  Result<File> file = File::parse(b.span());
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message, "gguf: key 'k' has invalid GGUF type 10");
}

TEST(HostileHeader, QuantizedTypeWithoutSwapRule) {
  for (const bool big : {false, true}) {
    Builder b({3, big});
    b.header(1, 0).info("t", {256}, 16, 0).pad().zeros(96);  // IQ2_XXS
    Result<File> file = File::parse(b.span());
    EXPECT_EQ(static_cast<bool>(file), !big);
    if (!file) {
      EXPECT_EQ(file.error().message,
                "gguf: tensor 't' of type IQ2_XXS is not supported in a big-endian file");
      EXPECT_EQ(file.error().code, Errc::unsupported);
    }
  }
}

TEST(HostileHeader, NamesInMessagesAreEscapedAndShort) {
  Builder b;
  b.header(0, 1).key(std::string(1000, 'k') + "\xff", 77).zeros(64);
  Result<File> file = File::parse(b.span());
  ASSERT_FALSE(file);
  EXPECT_LT(file.error().message.size(), 250u);
  EXPECT_NE(file.error().message.find("..."), std::string::npos);
}

TEST(HostileHeader, SizeNearTheEndOfTheAddressSpace) {
  // The size fits in 63 bits, the padding to an alignment of 2^31 or the place
  // in the file does not matter: it is outside.
  Builder b;
  b.header(1, 1)
      .key("general.alignment", kU32)
      .u32(1u << 31)
      .info("t", {INT64_MAX}, 24, 0)
      .zeros(4096);
  Result<File> file = File::parse(b.span());
  ASSERT_FALSE(file);
  EXPECT_EQ(
      file.error().message,
      "gguf: tensor 't' data is not within the file bounds, model is corrupted or incomplete");
}

}  // namespace
}  // namespace engine::gguf
