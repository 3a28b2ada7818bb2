// Importance: what is collected, both file forms there and back, files that are damaged.
#include "engine/quantize/importance.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "engine/quantize/collect.h"
#include "engine/quantize/quantize.h"
#include "tests/quantize/model.h"

namespace engine::quant {
namespace {

Importance example() {
  Importance m;
  m.datasets = {"text.txt"};
  m.chunk_count = 5, m.chunk_size = 512;
  m.entries["blk.0.attn_q.weight"] = {3, {10, 20, 40}, {4}};
  m.entries["blk.0.ffn_up_exps.weight"] = {2, {1, 2, 3, 4}, {2, 0}};
  return m;
}

TEST(ImportanceFiles, GgufThereAndBack) {
  gguf::TempDir dir;
  const std::string path = dir.file("m.gguf");
  const Importance m = example();
  ASSERT_TRUE(write_importance(m, ImportanceForm::gguf, path));
  const auto r = read_importance(path);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->datasets, m.datasets);
  EXPECT_EQ(r->chunk_count, 5u);
  EXPECT_EQ(r->chunk_size, 512u);
  ASSERT_EQ(r->entries.size(), 2u);
  for (const auto& [name, e] : m.entries) {
    EXPECT_EQ(r->entries.at(name).n_in, e.n_in);
    EXPECT_EQ(r->entries.at(name).sums, e.sums);
    EXPECT_EQ(r->entries.at(name).counts, e.counts);
  }
  // As other programs read it.
  const auto file = gguf::File::open(path);
  ASSERT_TRUE(file);
  EXPECT_EQ(*file->str("general.type"), "imatrix");
  const auto sums = file->find("blk.0.ffn_up_exps.weight.in_sum2"),
             counts = file->find("blk.0.ffn_up_exps.weight.counts");
  ASSERT_TRUE(sums && counts);
  EXPECT_EQ(sums->ne[0], 2);
  EXPECT_EQ(sums->ne[1], 2);
  EXPECT_EQ(counts->ne[0], 1);
  EXPECT_EQ(counts->ne[1], 2);
}

TEST(ImportanceFiles, DatThereAndBack) {
  gguf::TempDir dir;
  const Importance m = example();
  ASSERT_TRUE(write_importance(m, ImportanceForm::dat, dir.file("m.dat")));
  EXPECT_EQ(dir.entries(), 1u);
  const auto r = read_importance(dir.file("m.dat"));
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->datasets, m.datasets);
  EXPECT_EQ(r->chunk_count, 5u);
  for (const auto& [name, e] : m.entries) {
    const std::vector<float> a = m.weights(name), b = r->weights(name);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_FLOAT_EQ(a[i], b[i]) << name;
  }
}

TEST(ImportanceFiles, WeightsAreMeansAndOneWhereNothingCame) {
  const Importance m = example();
  EXPECT_EQ(m.weights("blk.0.attn_q.weight"), (std::vector<float>{2.5f, 5, 10}));
  EXPECT_EQ(m.weights("blk.0.ffn_up_exps.weight"), (std::vector<float>{0.5f, 1, 1, 1}));
  EXPECT_TRUE(m.weights("none").empty());
}

TEST(ImportanceFiles, RunsAreAddedUp) {
  Importance m = example();
  ASSERT_TRUE(m.merge(example()));
  EXPECT_EQ(m.chunk_count, 10u);
  EXPECT_EQ(m.entries["blk.0.attn_q.weight"].sums, (std::vector<float>{20, 40, 80}));
  EXPECT_EQ(m.entries["blk.0.attn_q.weight"].counts, std::vector<float>{8});
  Importance other = example();
  other.entries["blk.0.attn_q.weight"].sums.push_back(1);
  EXPECT_FALSE(m.merge(other));
}

// Every prefix and every changed byte of a .dat file is read or refused, and never more than the file holds.
TEST(ImportanceFiles, DamagedFilesAreRefused) {
  gguf::TempDir dir;
  const std::string path = dir.file("m.dat"), broken = dir.file("broken");
  ASSERT_TRUE(write_importance(example(), ImportanceForm::dat, path));
  const std::string bytes = gguf::read_file(path);
  for (size_t n = 0; n < bytes.size(); ++n) {
    gguf::write_file(broken, bytes.substr(0, n));
    // Whole entries without what follows them are what older programs wrote.
    const bool without_tail = n == bytes.size() - 8 - 8;
    EXPECT_EQ(static_cast<bool>(read_importance(broken)), without_tail) << n;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(0xff);
    gguf::write_file(broken, changed);
    const auto r = read_importance(broken);
    EXPECT_TRUE(r || !r.error().message.empty());
  }
  Importance m = example();
  m.entries["blk.0.attn_q.weight"].sums[1] = std::numeric_limits<float>::infinity();
  for (const ImportanceForm form : {ImportanceForm::gguf, ImportanceForm::dat}) {
    ASSERT_TRUE(write_importance(m, form, broken));
    const auto r = read_importance(broken);
    ASSERT_FALSE(r);
    EXPECT_NE(r.error().message.find("non-finite"), std::string::npos);
  }
}

TEST(ImportanceFiles, AGgufThatIsNoMatrixOrHalfOne) {
  gguf::TempDir dir;
  const std::string path = dir.file("m.gguf");
  testing::write_small_model(path);
  EXPECT_NE(read_importance(path).error().message.find("is no importance matrix"),
            std::string::npos);
  const std::vector<float> values = {1, 2};
  const int64_t ne[1] = {2};
  gguf::Writer w;
  w.set("general.type", "imatrix");
  w.set_array("imatrix.datasets", std::vector<std::string>{"t"});
  w.set("imatrix.chunk_count", uint32_t{1});
  w.add_tensor("a.in_sum2", DType::f32, ne, std::as_bytes(std::span(values)));
  ASSERT_TRUE(w.write(path));
  EXPECT_NE(read_importance(path).error().message.find("missing imatrix metadata"),
            std::string::npos);
  w.set("imatrix.chunk_size", uint32_t{512});
  ASSERT_TRUE(w.write(path));
  EXPECT_NE(read_importance(path).error().message.find("mismatched sums and counts for a"),
            std::string::npos);
  EXPECT_FALSE(read_importance(dir.file("none")));
}

struct SmallOptions {
  testing::SmallModel model = {};
  int threads = 2, max_rows = 64;
};

class Collect : public ::testing::Test {
 protected:
  std::unique_ptr<Model> load(const SmallOptions& o) {
    testing::write_small_model(path_, o.model);
    pool_ = make_native_pool(o.threads);
    LoadOptions load;
    load.n_ctx = 64;
    load.reference = true;
    load.max_rows = o.max_rows;
    load.max_outputs = o.max_rows;
    auto m = Model::load(path_, load, *pool_);
    EXPECT_TRUE(m) << (m ? "" : m.error().message);
    return m ? std::move(*m) : nullptr;
  }
  gguf::TempDir dir_;
  const std::string path_ = dir_.file("m.gguf");
  std::unique_ptr<ThreadPool> pool_;
};

std::vector<Token> some_tokens(int n) {
  std::vector<Token> out;
  for (int i = 0; i < n; ++i) out.push_back((i * i + 3 * i) % 96);
  return out;
}

TEST_F(Collect, EveryMatrixOfTheLayersAndEveryToken) {
  const auto model = load({});
  CollectOptions o;
  o.n_ctx = 64;
  int calls = 0;
  const auto r =
      collect_importance(*model, some_tokens(200), -1, "text", o, [&](const CollectState& s) {
        EXPECT_EQ(s.chunk, ++calls);
        EXPECT_EQ(s.n_chunks, 3);
        EXPECT_GT(s.perplexity, 1);
        return Status(ok);
      });
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(r->chunk_count, 3u);
  EXPECT_EQ(r->entries.size(), 3u * 7);
  for (const auto& [name, e] : r->entries) {
    EXPECT_EQ(e.counts, std::vector<float>{192}) << name;
    for (const float s : e.sums) EXPECT_TRUE(std::isfinite(s) && s >= 0) << name;
  }
  // The same rows go into these three.
  EXPECT_EQ(r->entries.at("blk.1.attn_q.weight").sums, r->entries.at("blk.1.attn_v.weight").sums);
  EXPECT_EQ(r->entries.at("blk.1.ffn_gate.weight").sums, r->entries.at("blk.1.ffn_up.weight").sums);
  EXPECT_EQ(r->entries.at("blk.1.ffn_down.weight").n_in, 512);
  // The input of the first matrices is a normed row: the mean of its squares, without the weights of the norm, is one.
  double mean = 0;
  for (const float w : r->weights("blk.0.attn_q.weight")) mean += static_cast<double>(w) / 256;
  EXPECT_NEAR(mean, 1, 0.1);
}

TEST_F(Collect, TheOutputMatrixWhenAskedFor) {
  const auto model = load({});
  CollectOptions o;
  o.n_ctx = 64, o.output = true;
  const auto r = collect_importance(*model, some_tokens(64), -1, "text", o, {});
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->entries.at("output.weight").counts, std::vector<float>{64});
}

TEST_F(Collect, ThreadsAndStepsOnlyChangeTheOrderOfAdding) {
  Importance first;
  for (const auto& [threads, rows] : {std::pair{1, 64}, std::pair{3, 64}, std::pair{2, 32}}) {
    const auto model = load({.threads = threads, .max_rows = rows});
    CollectOptions o;
    o.n_ctx = 64;
    const auto r = collect_importance(*model, some_tokens(128), -1, "text", o, {});
    ASSERT_TRUE(r) << r.error().message;
    if (first.entries.empty()) first = *r;
    for (const auto& [name, e] : first.entries) {
      EXPECT_EQ(r->entries.at(name).counts, e.counts);
      for (size_t i = 0; i < e.sums.size(); ++i)
        EXPECT_NEAR(r->entries.at(name).sums[i], e.sums[i], 1e-4f * e.sums[i] + 1e-6f) << name;
    }
  }
}

TEST_F(Collect, ExpertsCountTheirOwnRows) {
  const auto model = load({.model = {.experts = 4}});
  CollectOptions o;
  o.n_ctx = 64;
  const auto r = collect_importance(*model, some_tokens(128), -1, "text", o, {});
  ASSERT_TRUE(r) << r.error().message;
  for (const char* name : {"blk.0.ffn_up_exps.weight", "blk.2.ffn_down_exps.weight"}) {
    const ImportanceEntry& e = r->entries.at(name);
    ASSERT_EQ(e.matrices(), 4) << name;
    float sum = 0;
    for (const float c : e.counts) sum += c;
    EXPECT_EQ(sum, 2 * 128) << name;  // two experts per row
  }
  EXPECT_EQ(r->entries.at("blk.0.ffn_down_exps.weight").counts,
            r->entries.at("blk.0.ffn_gate_exps.weight").counts);
}

TEST_F(Collect, Errors) {
  auto model = load({});
  CollectOptions o;
  o.n_ctx = 64;
  EXPECT_FALSE(collect_importance(*model, some_tokens(63), -1, "text", o, {}));
  o.n_ctx = 65;
  EXPECT_FALSE(collect_importance(*model, some_tokens(200), -1, "text", o, {}));
  o.n_ctx = 64;
  const auto stopped =
      collect_importance(*model, some_tokens(200), -1, "text", o, [](const CollectState&) {
        return Status(Error{Errc::cancelled, "interrupted"});
      });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);

  // Rows of int8 are not what the weights were trained with.
  const std::string q8 = dir_.file("q8.gguf");
  ASSERT_TRUE(quantize_file({path_}, q8, *find_mix("Q8_0"), {}, *pool_, {}));
  LoadOptions fast;
  fast.n_ctx = 64;
  const auto quantized = Model::load(q8, fast, *pool_);
  ASSERT_TRUE(quantized);
  const auto refused = collect_importance(**quantized, some_tokens(200), -1, "text", o, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::unsupported);
}

}  // namespace
}  // namespace engine::quant
