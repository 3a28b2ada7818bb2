// Splitting and merging: the same tensors and keys, names of parts, what is refused.
#include "engine/quantize/split.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "engine/quantize/quantize.h"
#include "tests/quantize/model.h"

namespace engine::quant {
namespace {

class Split : public ::testing::Test {
 protected:
  void SetUp() override { testing::write_small_model(in_, {}); }

  void expect_same_tensors(const std::string& a, const std::string& b) {
    const auto x = gguf::File::open(a), y = gguf::File::open(b);
    ASSERT_TRUE(x) << x.error().message;
    ASSERT_TRUE(y) << y.error().message;
    ASSERT_EQ(x->tensors().size(), y->tensors().size());
    for (size_t i = 0; i < x->tensors().size(); ++i) {
      const gguf::TensorInfo s = x->tensors()[i], t = y->tensors()[i];
      EXPECT_EQ(s.name, t.name);
      EXPECT_EQ(s.dtype, t.dtype);
      const Tensor p = *x->view(s), q = *y->view(t);
      ASSERT_EQ(p.bytes(), q.bytes());
      EXPECT_EQ(std::memcmp(p.data, q.data, p.bytes()), 0) << s.name;
    }
    for (const gguf::Value& key : x->keys()) {
      const bool of_parts = key.key().starts_with("split.");
      EXPECT_TRUE(of_parts || y->has(key.key())) << key.key();
    }
  }

  gguf::TempDir dir_;
  const std::string in_ = dir_.file("in.gguf"), prefix_ = dir_.file("part");
};

TEST_F(Split, ThereAndBack) {
  SplitOptions by_count, by_size, empty_first;
  by_count.max_tensors = 7;
  by_size.max_bytes = 500'000;
  empty_first.max_tensors = 16;
  empty_first.no_tensor_first = true;
  int n = 0;
  for (const SplitOptions& o : {by_count, by_size, empty_first}) {
    const std::string prefix = prefix_ + std::to_string(n++), merged = prefix + ".gguf";
    const auto parts = split_file(in_, prefix, o, {});
    ASSERT_TRUE(parts) << parts.error().message;
    ASSERT_GT(parts->size(), 1u);
    size_t tensors = 0;
    for (const SplitPart& p : *parts) {
      tensors += p.n_tensors;
      EXPECT_TRUE(o.max_bytes == 0 || p.bytes <= o.max_bytes) << p.bytes;
    }
    EXPECT_EQ(tensors, 30u);
    EXPECT_EQ(parts->front().n_tensors == 0, o.no_tensor_first);
    expect_same_tensors(in_, parts->front().path);
    const auto back = merge_files(parts->front().path, merged, false, {});
    ASSERT_TRUE(back) << back.error().message;
    expect_same_tensors(in_, merged);
    EXPECT_EQ(*gguf::File::open(merged)->u32("split.count"), 0u);
  }
}

TEST_F(Split, NamesAndKeysOfTheParts) {
  SplitOptions o;
  o.max_tensors = 16;
  const auto parts = split_file(in_, prefix_, o, {});
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[1].path, prefix_ + "-00002-of-00002.gguf");
  const auto bytes = gguf::read_file((*parts)[1].path);
  const auto second = gguf::File::parse(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->keys().size(), 3u);
  EXPECT_EQ(second->key("split.no")->type(), gguf::Type::u16);
  EXPECT_EQ(second->key("split.tensors.count")->type(), gguf::Type::i32);
  EXPECT_EQ(*second->u32("split.no"), 1u);
  EXPECT_EQ(*second->u32("split.count"), 2u);
  EXPECT_EQ(*second->u32("split.tensors.count"), 30u);
}

TEST_F(Split, NothingIsOverwrittenOrHalfDone) {
  SplitOptions o;
  o.max_tensors = 16;
  o.dry_run = true;
  ASSERT_TRUE(split_file(in_, prefix_, o, {}));
  EXPECT_EQ(dir_.entries(), 1u);
  o.dry_run = false;
  const auto stopped =
      split_file(in_, prefix_, o, [](uint64_t done, uint64_t total) { return done < total / 2; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
  EXPECT_EQ(dir_.entries(), 1u);
  gguf::write_file(prefix_ + "-00002-of-00002.gguf", "mine");
  const auto taken = split_file(in_, prefix_, o, {});
  ASSERT_FALSE(taken);
  EXPECT_NE(taken.error().message.find("already exists"), std::string::npos);
  EXPECT_EQ(gguf::read_file(prefix_ + "-00002-of-00002.gguf"), "mine");

  const auto whole = merge_files(in_, dir_.file("merged.gguf"), false, {});
  ASSERT_FALSE(whole);
  EXPECT_NE(whole.error().message.find("no part of a split file"), std::string::npos);
  const auto parts = split_file(in_, dir_.file("q"), o, {});
  ASSERT_TRUE(parts);
  const auto over = merge_files(parts->front().path, in_, false, {});
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, Errc::already_exists);
  std::remove((*parts)[1].path.c_str());
  EXPECT_FALSE(merge_files(parts->front().path, dir_.file("merged.gguf"), false, {}));
  EXPECT_FALSE(std::filesystem::exists(dir_.file("merged.gguf")));
}

TEST_F(Split, QuantizingReadsPartsAndCanKeepThem) {
  SplitOptions o;
  o.max_tensors = 16;
  const auto parts = split_file(in_, prefix_, o, {});
  ASSERT_TRUE(parts);
  const auto pool = make_native_pool(2);
  const std::string one = dir_.file("one.gguf");
  ASSERT_TRUE(quantize_file({parts->front().path}, one, *find_mix("Q8_0"), {}, *pool, {}));
  EXPECT_FALSE(gguf::File::open(one)->has("split.count"));
  QuantizeOptions keep;
  keep.keep_split = true;
  const auto r =
      quantize_file({parts->front().path}, dir_.file("kept"), *find_mix("Q8_0"), keep, *pool, {});
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->files, (std::vector<std::string>{dir_.file("kept-00001-of-00002.gguf"),
                                                dir_.file("kept-00002-of-00002.gguf")}));
  EXPECT_EQ(testing::logits_of(r->files[0], *pool), testing::logits_of(one, *pool));
  const auto same =
      quantize_file({parts->front().path}, prefix_, *find_mix("Q8_0"), keep, *pool, {});
  ASSERT_FALSE(same);
  EXPECT_NE(same.error().message.find("are the same"), std::string::npos);
}

}  // namespace
}  // namespace engine::quant
