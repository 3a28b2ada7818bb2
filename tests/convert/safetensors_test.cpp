// The reader of safetensors: what it reads, and one clear error for each way to break a file.
#include "engine/convert/safetensors.h"

#include <gtest/gtest.h>

#include "tests/gguf/temp_dir.h"
#include "tests/support/safetensors_builder.h"

namespace engine::convert {
namespace {

using testing::SafetensorsBuilder;

std::span<const std::byte> bytes(const std::string& s) {
  return std::as_bytes(std::span(s));
}

std::string error_of(const std::string& file) {
  const auto parsed = SafetensorsFile::parse(bytes(file), "x.safetensors");
  if (parsed) return "no error";
  EXPECT_TRUE(parsed.error().message.starts_with("x.safetensors: ")) << parsed.error().message;
  return parsed.error().message;
}

void expect_error(const std::string& file, const std::string& part) {
  const std::string message = error_of(file);
  EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  SafetensorsBuilder b;
  b.entry("later", "F16", "[3]", 8, 14).entry("first", "F32", "[2,1]", 0, 8);
  b.entry("__metadata", "U8", "[]", 14, 15).data(std::string(15, 'x'));
  const std::string file = b.bytes();
  auto parsed = SafetensorsFile::parse(bytes(file), "x");
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->tensors().size(), 3u);
  EXPECT_EQ(parsed->tensors()[0].name, "first");
  EXPECT_EQ(parsed->tensors()[0].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(parsed->tensors()[1].name, "later");
  EXPECT_EQ(parsed->tensors()[1].elements(), 3);
  EXPECT_EQ(parsed->tensors()[2].elements(), 1) << "no axes: one number";
}

TEST(Safetensors, MetadataPaddingAndEmptyTensorsAreFine) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
      R"("a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}      )";
  EXPECT_EQ(error_of(SafetensorsBuilder::with_header(header, "12345678")), "no error");
  EXPECT_EQ(error_of(SafetensorsBuilder::with_header("{}", "")), "no error");
}

TEST(Safetensors, EveryTruncationIsAnError) {
  SafetensorsBuilder b;
  b.add("a", "F32", "[2]", std::string(8, 'x')).add("b", "F16", "[1]", "yy");
  const std::string file = b.bytes();
  ASSERT_EQ(error_of(file), "no error");
  for (size_t n = 0; n < file.size(); ++n) EXPECT_NE(error_of(file.substr(0, n)), "no error") << n;
}

TEST(Safetensors, SizesOfTheHeader) {
  expect_error("", "shorter than the 8 bytes");
  expect_error(std::string(8, '\xff'), "is longer than the file");
  std::string huge = SafetensorsBuilder::with_header("{}", "");
  huge[4] = 1;
  expect_error(huge, "is longer than the file");
  expect_error(SafetensorsBuilder::with_header("[]", ""), "no JSON object");
  expect_error(SafetensorsBuilder::with_header("{\"a\":", ""), "invalid JSON");
  expect_error(SafetensorsBuilder::with_header("", ""), "no JSON object");
  expect_error("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
  std::string deep = "{\"a\":" + std::string(100000, '[');
  expect_error(SafetensorsBuilder::with_header(deep, ""), "nested deeper");
}

TEST(Safetensors, EntriesThatMakeNoSense) {
  const auto entry = [](const std::string& text) {
    return SafetensorsBuilder::with_header("{\"t\":" + text + "}", "12345678");
  };
  expect_error(entry("7"), "no JSON object");
  expect_error(entry("{}"), "must have a dtype");
  expect_error(entry(R"({"dtype":"F32","shape":[2]})"), "must have a dtype");
  expect_error(entry(R"({"dtype":4,"shape":[2],"data_offsets":[0,8]})"), "must have a dtype");
  expect_error(entry(R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})"), "must have a dtype");
  expect_error(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,9]})"), "must have a dtype");
  expect_error(entry(R"({"dtype":"Q4_0","shape":[2],"data_offsets":[0,8]})"),
               "has the type Q4_0, which is not supported");
  expect_error(entry(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"), "invalid shape");
  expect_error(entry(R"({"dtype":"F32","shape":[2.5],"data_offsets":[0,8]})"), "invalid shape");
  expect_error(entry(R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})"), "invalid shape");
  expect_error(entry(R"({"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]})"),
               "9 axes");
  expect_error(entry(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})"),
               "overflows");
  expect_error(entry(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]})"),
               "invalid shape");
  expect_error(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "data_offsets");
  expect_error(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})"), "data_offsets");
  expect_error(entry(R"({"dtype":"F32","shape":[2],"data_offsets":[0,16]})"), "not complete");
  expect_error(entry(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
               "has 8 bytes of data, its shape and type F32 need 12");
  expect_error(SafetensorsBuilder::with_header(
                   R"({"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678"),
               "tensor name '' is empty");
}

TEST(Safetensors, OverlapsAndGaps) {
  SafetensorsBuilder overlap;
  overlap.entry("a", "F32", "[2]", 0, 8).entry("b", "F32", "[2]", 4, 12).data("123456789012");
  expect_error(overlap.bytes(), "overlaps the one before it");
  SafetensorsBuilder twice;
  twice.entry("a", "F32", "[2]", 0, 8).entry("b", "F32", "[2]", 0, 8).data("12345678");
  expect_error(twice.bytes(), "overlaps");
  SafetensorsBuilder gap;
  gap.entry("a", "F32", "[1]", 0, 4).entry("b", "F32", "[1]", 8, 12).data("123456789012");
  expect_error(gap.bytes(), "4 bytes before tensor 'b' belong to no tensor");
  SafetensorsBuilder tail;
  tail.entry("a", "F32", "[1]", 0, 4).data("12345");
  expect_error(tail.bytes(), "1 bytes at the end");
}

TEST(Safetensors, MessagesAreShortAndPrintable) {
  const std::string name = "bad\\u0007" + std::string(400, 'n');
  const std::string message = error_of(SafetensorsBuilder::with_header(
      "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,0]}}", ""));
  EXPECT_LT(message.size(), 400u);
  EXPECT_EQ(message.find('\a'), std::string::npos);
}

TEST(Safetensors, FilesThatCannotBeOpened) {
  gguf::TempDir dir;
  const auto missing = SafetensorsFile::open(dir.file("none"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  SafetensorsBuilder b;
  b.add("a", "F32", "[2]", std::string(8, 'x'));
  gguf::write_file(dir.file("a.safetensors"), b.bytes());
  auto file = SafetensorsFile::open(dir.file("a.safetensors"));
  ASSERT_TRUE(file) << file.error().message;
  const SafetensorsFile moved = std::move(*file);
  EXPECT_EQ(moved.tensors()[0].data[7], std::byte{'x'}) << "the mapping moves along";
}

}  // namespace
}  // namespace engine::convert
