// Both dumps: complete, parseable and safe to print.
#include "gguf/dump.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "gguf/writer.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

std::string sample() {
  static const std::vector<std::byte> data(1024);
  Writer w;
  w.set("general.architecture", "llama");
  w.set("n", int64_t{-5});
  w.set("u", std::numeric_limits<uint64_t>::max());
  w.set("f", 1e-5f);
  w.set("nan", std::numeric_limits<float>::quiet_NaN());
  w.set("inf", -std::numeric_limits<double>::infinity());
  w.set("flag", true);
  w.set("evil", "\x1b[31m\n\"\\\xff");
  w.set("long", std::string(500, 'x'));
  w.set_array("words", std::vector<std::string>{"a", "b\nc"});
  w.set_array("numbers", std::vector<int32_t>(100, -7));
  w.set_array("nothing", std::vector<float>{});
  w.add_tensor("blk.0.w", DType::q4_k, std::vector<int64_t>{256, 2}, std::span(data).first(288));
  w.add_tensor("b", DType::f32, std::vector<int64_t>{3}, std::span(data).first(12));
  Result<std::vector<std::byte>> bytes = w.to_bytes();
  EXPECT_TRUE(bytes);
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

TEST(Dump, Json) {
  const std::string bytes = sample();
  Result<File> file = File::parse(span_of(bytes), "a \"b\".gguf");
  ASSERT_TRUE(file);
  Result<Json> json = parse_json(dump_json(*file));
  ASSERT_TRUE(json) << json.error().message;
  const Json& j = *json;
  EXPECT_EQ(j["path"], "a \"b\".gguf");
  EXPECT_EQ(j["version"], 3);
  EXPECT_EQ(j["byte_order"], "little");
  EXPECT_EQ(j["alignment"], 32);
  EXPECT_EQ(j["size"], bytes.size());
  EXPECT_EQ(j["shards"], 1);
  EXPECT_EQ(j["data_offset"], file->data_offset());
  const Json& m = j["metadata"];
  EXPECT_EQ(m.size(), 12u);
  EXPECT_EQ(m["n"]["type"], "i64");
  EXPECT_EQ(m["n"]["value"], -5);
  EXPECT_EQ(m["u"]["value"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(m["f"]["value"].get<float>(), 1e-5f);
  EXPECT_EQ(m["nan"]["value"], "nan");
  EXPECT_EQ(m["inf"]["value"], "-inf");
  EXPECT_EQ(m["flag"]["value"], true);
  EXPECT_EQ(m["evil"]["value"], "\x1b[31m\n\"\\\xef\xbf\xbd");
  EXPECT_EQ(m["long"]["value"].get<std::string>().size(), 500u) << "never shortened";
  EXPECT_EQ(m["words"]["type"], "arr");
  EXPECT_EQ(m["words"]["element_type"], "str");
  EXPECT_EQ(m["words"]["count"], 2);
  EXPECT_EQ(m["words"]["value"][1], "b\nc");
  EXPECT_EQ(m["numbers"]["value"].size(), 100u);
  EXPECT_EQ(m["numbers"]["value"][99], -7);
  EXPECT_TRUE(m["nothing"]["value"].empty());
  ASSERT_EQ(j["tensors"].size(), 2u);
  EXPECT_EQ(j["tensors"][0]["name"], "blk.0.w");
  EXPECT_EQ(j["tensors"][0]["type"], "Q4_K");
  EXPECT_EQ(j["tensors"][0]["shape"], Json::array({256, 2}));
  EXPECT_EQ(j["tensors"][0]["bytes"], 288);
  EXPECT_EQ(j["tensors"][1]["offset"], 288);
}

TEST(Dump, JsonOfHugeArraysIsCut) {
  Builder b;
  b.header(0, 1).key("k", 9).u32(0).len(kJsonArrayLimit + 1).zeros(kJsonArrayLimit + 1);
  Result<File> file = File::parse(b.span());
  ASSERT_TRUE(file);
  Result<Json> json = parse_json(dump_json(*file));
  ASSERT_TRUE(json);
  const Json& k = (*json)["metadata"]["k"];
  EXPECT_EQ(k["count"], kJsonArrayLimit + 1);
  EXPECT_EQ(k["truncated"], true);
  EXPECT_EQ(k["value"].size(), kJsonArrayLimit);
}

TEST(Dump, Text) {
  const std::string bytes = sample();
  Result<File> file = File::parse(span_of(bytes), "m.gguf");
  ASSERT_TRUE(file);
  const std::string text = dump_text(*file);
  for (const char* part :
       {"m.gguf", "version     3, little endian", "12 keys", "general.architecture = \"llama\"",
        "n = -5", "i32[100]", "numbers = [-7, -7, -7, -7, -7, -7, -7, -7, ...]", "nothing = []",
        "words = [\"a\", \"b\\nc\"]", "... (500 bytes)", "2 tensors, 300 bytes", "256 x 2", "Q4_K",
        "blk.0.w"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\nin\n" << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "nothing of a file drives the terminal";
  EXPECT_EQ(text.find("\xff"), std::string::npos);
}

TEST(Dump, EveryForm) {
  for (const Form form : kForms) {
    Builder b(form);
    b.header(0, 1).key("k", 9).u32(3).len(2).num(int16_t{-2}).num(int16_t{300});
    Result<File> file = File::parse(b.span());
    ASSERT_TRUE(file);
    Result<Json> json = parse_json(dump_json(*file));
    ASSERT_TRUE(json);
    EXPECT_EQ((*json)["version"], form.version);
    EXPECT_EQ((*json)["byte_order"], form.big ? "big" : "little");
    EXPECT_EQ((*json)["metadata"]["k"]["value"], Json::array({-2, 300}));
  }
}

}  // namespace
}  // namespace engine::gguf
