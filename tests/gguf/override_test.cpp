// Metadata of the user in place of that of a file.
#include "gguf/override.h"

#include <gtest/gtest.h>

#include "gguf/reader.h"
#include "tests/gguf/minimal.h"
#include "tests/support/gguf_builder.h"

namespace engine::gguf {
namespace {

TEST(Override, Forms) {
  const auto parsed = [](std::string_view text) { return *parse_override(text); };
  EXPECT_EQ(parsed("a.b=int:-7"), (Override{"a.b", int64_t{-7}}));
  EXPECT_EQ(parsed("a=float:1e-5"), (Override{"a", 1e-5}));
  EXPECT_EQ(parsed("a=bool:true"), (Override{"a", true}));
  EXPECT_EQ(parsed("a=bool:false"), (Override{"a", false}));
  EXPECT_EQ(parsed("a=str:x=y:z"), (Override{"a", std::string("x=y:z")}));
  EXPECT_EQ(parsed("a=str:"), (Override{"a", std::string()}));
}

TEST(Override, WhatIsNone) {
  for (const char* text :
       {"", "a", "a=", "a=int", "=int:1", "a:int=1", "a=int:", "a=int:1.5",
        "a=int:99999999999999999999", "a=float:x", "a=float:inf", "a=bool:1", "a=u32:1"}) {
    const auto got = parse_override(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, Errc::invalid_argument);
    EXPECT_NE(got.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(Override, TakesThePlaceOfAKey) {
  const std::string bytes = minimal_file();
  Result<File> file = File::parse(span_of(bytes));
  ASSERT_TRUE(file);
  for (const char* text : {"llama.block_count=int:5", "llama.block_count=int:6", "new.f=float:0.5",
                           "new.b=bool:true", "new.s=str:word", "t.s=int:-1"})
    file->set(*parse_override(text));
  EXPECT_EQ(*file->u32("llama.block_count"), 6u) << "the last one wins";
  EXPECT_EQ(*file->f32("new.f"), 0.5f);
  EXPECT_EQ(*file->boolean("new.b"), true);
  EXPECT_EQ(*file->str("new.s"), "word");
  EXPECT_EQ(*file->i32("t.s"), -1);
  EXPECT_EQ(file->key("new.s")->key(), "new.s");
  EXPECT_EQ(*file->str("general.architecture"), "llama");
  const auto wrong = file->u32("t.s");
  ASSERT_FALSE(wrong) << "a number that does not fit";
  EXPECT_NE(wrong.error().message.find("t.s"), std::string::npos);
  EXPECT_EQ(file->keys().size(), 3u) << "what the file says stays";
  File moved = std::move(*file);
  EXPECT_EQ(*moved.str("new.s"), "word");
}

}  // namespace
}  // namespace engine::gguf
