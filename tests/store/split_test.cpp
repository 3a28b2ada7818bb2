// Split files in the store: their parts as layers in order, and what is wrong with some.
#include "engine/store/split_name.h"
#include "gguf/reader.h"
#include "tests/store/create_fixture.h"
#include "tests/support/split_model.h"

namespace engine {
namespace {

class SplitTest : public CreateTest {
 protected:
  void SetUp() override {
    CreateTest::SetUp();
    auto paths = testing::split_model(tiny(), folder_ + "/part", 3);
    ASSERT_TRUE(paths) << paths.error().message;
    paths_ = *paths;
  }
  std::string error(const std::vector<NamedBlob>& files) {
    CreateRequest r = request("s");
    r.files = files;
    return fail(r).message;
  }
  std::vector<std::string> paths_;
};

TEST_F(SplitTest, ShardsAreLayersInOrder) {
  CreateRequest r = request("s");
  r.files = {blob(paths_[2]), blob(paths_[0]), blob(paths_[1])};
  const ModelRecord record = create(r);
  ASSERT_EQ(record.shard_paths.size(), 3u);
  EXPECT_EQ(record.manifest.layers[0].name, "part-00001-of-00003.gguf");
  EXPECT_EQ(record.manifest.layers[2].name, "part-00003-of-00003.gguf");
  EXPECT_EQ(record.model_path, record.shard_paths[0]);
  EXPECT_EQ(record.config.families.size(), 1u);
  const auto whole = gguf::File::open(record.shard_paths);
  ASSERT_TRUE(whole) << whole.error().message;
  const auto original = gguf::File::open(tiny());
  EXPECT_EQ(whole->tensors().size(), original->tensors().size());

  CreateRequest child = request("t");
  child.from = "s";
  EXPECT_EQ(create(child).shard_paths, record.shard_paths);
  child.quantize = "q8_0";
  child.name = *parse_model_name("u");
  EXPECT_EQ(fail(child).code, Errc::unsupported);
}

TEST_F(SplitTest, Errors) {
  const NamedBlob a = blob(paths_[0]), b = blob(paths_[1]), c = blob(paths_[2]);
  const auto as = [](NamedBlob blob, const char* name) { return blob.name = name, blob; };
  EXPECT_EQ(error({a, b}), "split GGUF \"part-00001-of-00003.gguf\" has 2 shards, expected 3");
  EXPECT_EQ(error({as(a, "a.gguf"), b, c}),
            "split GGUF \"a.gguf\" must use llama.cpp split filename pattern");
  EXPECT_EQ(error({as(a, "part-00001-of-00004.gguf")}),
            "split GGUF \"part-00001-of-00004.gguf\" filename count 4 does not match metadata "
            "count 3");
  EXPECT_EQ(error({as(a, "part-00002-of-00003.gguf")}),
            "split GGUF \"part-00002-of-00003.gguf\" filename index 1 does not match metadata "
            "index 0");
}

TEST(OrderShards, EachText) {
  const auto message = [](std::vector<ShardFacts> shards) {
    const auto order = order_shards(shards);
    return order ? "no error" : order.error().message;
  };
  const ShardFacts a{"p-00001-of-00002.gguf", 2, 0}, b{"p-00002-of-00002.gguf", 2, 1};
  EXPECT_EQ(message({b, a}), "no error");
  EXPECT_EQ(*order_shards({b, a}), (std::vector<size_t>{1, 0}));
  EXPECT_EQ(message({{"p-00001-of-00002.gguf", 2, std::nullopt}}),
            "split GGUF \"p-00001-of-00002.gguf\" is missing split.no metadata");
  EXPECT_EQ(message({a, a, b}), "split GGUF has duplicate shard index 0");
  EXPECT_EQ(message({b, {"p-00003-of-00003.gguf", 3, 2}}),
            "split GGUF \"p-00003-of-00003.gguf\" has 3 shards, expected 2");
}

TEST(SplitName, Forms) {
  const auto split = parse_split_name("a/b-00002-of-00010.gguf");
  ASSERT_TRUE(split);
  EXPECT_EQ(split->prefix, "a/b");
  EXPECT_EQ(split->index, 1u);
  EXPECT_EQ(split->count, 10u);
  EXPECT_EQ(shard_name(*split, 9), "a/b-00010-of-00010.gguf");
  for (const char* other : {"", "m.gguf", "-00001-of-00002.gguf", "m-0001-of-0002.gguf",
                            "m-00000-of-00002.gguf", "m-00001-of-00000.gguf",
                            "m-00001-of-00002.bin", "m-0000a-of-00002.gguf", "m-00001-00002.gguf"})
    EXPECT_FALSE(parse_split_name(other)) << other;
}

}  // namespace
}  // namespace engine
