// The form of adapter files: what belongs to a weight of the base and what does not, and one clear
// error for each broken file.
#include "engine/model/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "engine/graph/builder.h"
#include "gguf/writer.h"

namespace engine {
namespace {

// A base of a matrix [8, 6], a token table [8, 5], one fused matrix [8, 12] with its three parts,
// and experts [8, 6, 3].
class LoraFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto add = [&](const char* name, int64_t ne0, int64_t ne1, int64_t ne2 = 1) {
      base_.tensors[name] =
          make_tensor(reinterpret_cast<std::byte*>(zeros_.data()), DType::f32, ne0, ne1, ne2);
    };
    add("w.weight", 8, 6), add("token_embd.weight", 8, 5), add("e.weight", 8, 6, 3);
    add("blk.0.attn_qkv.weight", 8, 12), add("blk.0.attn_q.weight", 8, 8);
    add("blk.0.attn_k.weight", 8, 2), add("blk.0.attn_v.weight", 8, 2);
  }

  using Change = std::function<void(gguf::Writer&)>;
  void tensor(gguf::Writer& w, const char* name, std::vector<int64_t> ne,
              DType type = DType::f32) const {
    int64_t elements = 1;
    for (const int64_t n : ne) elements *= n;
    w.add_tensor(
        name, type, ne,
        std::as_bytes(std::span(zeros_)).first(static_cast<size_t>(row_bytes(type, elements))));
  }
  // An adapter with the usual header, and what `change` adds or breaks.
  Status add(const Change& change, float scale = 1) {
    gguf::Writer w;
    w.set("general.type", std::string_view("adapter"));
    w.set("general.architecture", std::string_view("llama"));
    w.set("adapter.type", std::string_view("lora"));
    w.set("adapter.lora.alpha", 8.0f);
    change(w);
    auto bytes = w.to_bytes();
    if (!bytes) return bytes.error();
    bytes_.push_back(std::move(*bytes));
    files_.push_back(std::move(*gguf::File::parse(bytes_.back(), "adapter.gguf")));
    return add_adapter(files_.back(), "llama", scale, base_);
  }
  void pair(gguf::Writer& w, const std::string& name = "w.weight", int64_t in = 8, int64_t out = 6,
            int64_t rank = 2) const {
    tensor(w, (name + ".lora_a").c_str(), {in, rank});
    tensor(w, (name + ".lora_b").c_str(), {rank, out});
  }
  void expect_error(const Change& change, const std::string& text, float scale = 1) {
    const Status status = add(change, scale);
    ASSERT_FALSE(status) << text;
    EXPECT_NE(status.error().message.find(text), std::string::npos) << status.error().message;
    EXPECT_NE(status.error().message.find("adapter.gguf"), std::string::npos)
        << status.error().message;
    EXPECT_EQ(status.error().message.find('\n'), std::string::npos);
    EXPECT_EQ(status.error().message.find('\x1b'), std::string::npos);
  }

  std::vector<float> zeros_ = std::vector<float>(4096);
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<gguf::File> files_;
  WeightFile base_;
};

TEST_F(LoraFileTest, pairs_and_their_scale) {
  ASSERT_TRUE(add([&](gguf::Writer& w) { pair(w); }, 0.5f));
  ASSERT_TRUE(add([&](gguf::Writer& w) {
    pair(w, "w.weight", 8, 6, 4);
    w.remove("adapter.lora.alpha");
  }));
  ASSERT_TRUE(add([&](gguf::Writer& w) { pair(w, "w.weight", 8, 6, 1); }, 0));
  const std::vector<LoraPair>& pairs = base_.adapters.at("w.weight");
  ASSERT_EQ(pairs.size(), 2u) << "without effect: left out";
  EXPECT_EQ(pairs[0].scale, 2) << "0.5 * 8 / 2";
  EXPECT_EQ(pairs[1].scale, 1) << "no alpha: the factor of the user alone";
  EXPECT_EQ(base_.tensors.at(pairs[0].a).ne[1], 2);
  EXPECT_EQ(base_.tensors.at(pairs[1].a).ne[1], 4);
  EXPECT_EQ(base_.table().adapters.at("w.weight").size(), 2u);
}

TEST_F(LoraFileTest, every_kind_of_weight) {
  ASSERT_TRUE(add([&](gguf::Writer& w) {
    tensor(w, "token_embd.weight.lora_a", {3, 5});
    tensor(w, "token_embd.weight.lora_b", {3, 8});
    tensor(w, "e.weight.lora_a", {8, 2, 3});
    tensor(w, "e.weight.lora_b", {2, 6, 3});
    pair(w, "output.weight", 8, 5);  // of a base that uses its token table
    pair(w, "blk.0.attn_qkv.weight", 8, 12);
    tensor(w, "blk.0.attn_norm.weight", {8});  // not used
  }));
  EXPECT_EQ(base_.adapters.size(), 6u);
  EXPECT_EQ(base_.adapters.count("blk.0.attn_qkv.weight"), 0u);
  const Tensor q = base_.tensors.at("blk.0.attn_q.weight.lora_b"),
               k = base_.tensors.at("blk.0.attn_k.weight.lora_b");
  EXPECT_EQ(q.ne[1], 8);
  EXPECT_EQ(k.ne[1], 2);
  EXPECT_EQ(k.data, q.data + 8 * q.nb[1]) << "cut like the fused matrix";
  EXPECT_EQ(base_.tensors.at("blk.0.attn_k.weight.lora_a").data,
            base_.tensors.at("blk.0.attn_q.weight.lora_a").data);
}

TEST_F(LoraFileTest, headers_of_other_files) {
  const auto set = [&](const char* key, const char* value) {
    return [this, key, value](gguf::Writer& w) {
      w.set(key, std::string_view(value));
      pair(w);
    };
  };
  expect_error(set("general.type", "model"), "expect general.type to be 'adapter', but got: model");
  expect_error(set("general.type", "\x1b[2J\n"), "expect general.type to be 'adapter'");
  expect_error([&](gguf::Writer& w) { w.remove("general.type"), pair(w); },
               "expect general.type to be 'adapter', but got: ");
  expect_error(set("adapter.type", "control"),
               "expect adapter.type to be 'lora', but got: control");
  expect_error(set("general.architecture", "gemma3"), "model arch and LoRA arch mismatch");
  expect_error([&](gguf::Writer& w) { w.set("general.type", uint32_t{3}), pair(w); },
               "general.type");
  expect_error(
      [&](gguf::Writer& w) { w.set("adapter.lora.alpha", std::string_view("8")), pair(w); },
      "adapter.lora.alpha");
  expect_error(
      [&](gguf::Writer& w) {
        w.set_array("adapter.alora.invocation_tokens", std::vector<uint32_t>{1, 2});
        pair(w);
      },
      "invocation tokens");
  EXPECT_TRUE(base_.adapters.empty());
}

TEST_F(LoraFileTest, scales_that_are_no_numbers) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float alpha : {infinity, std::nanf("")})
    expect_error([&](gguf::Writer& w) { w.set("adapter.lora.alpha", alpha), pair(w); },
                 "is no finite number");
  expect_error([&](gguf::Writer& w) { pair(w); }, "is no finite number", infinity);
  expect_error([&](gguf::Writer& w) { pair(w); }, "is no finite number", 3e38f);
}

TEST_F(LoraFileTest, tensors_that_do_not_belong_to_the_base) {
  expect_error([](gguf::Writer&) {}, "has no LoRA tensors");
  expect_error(
      [&](gguf::Writer& w) {
        pair(w), tensor(w, "w.weight", {8, 6});
      },
      "LoRA tensor 'w.weight' has unexpected suffix");
  expect_error(
      [&](gguf::Writer& w) {
        tensor(w, "w.weight.lora_a", {8, 2});
      },
      "LoRA tensor pair for 'w.weight' is missing one component");
  expect_error(
      [&](gguf::Writer& w) {
        pair(w), tensor(w, "e.weight.lora_b", {2, 6, 3});
      },
      "LoRA tensor pair for 'e.weight' is missing one component");
  expect_error(
      [&](gguf::Writer& w) { pair(w, "v.weight"); },
      "LoRA tensor 'v.weight' does not exist in base model (hint: maybe wrong base model?)");
}

TEST_F(LoraFileTest, shapes_of_other_models) {
  const auto shapes = [&](const char* name, std::vector<int64_t> a, std::vector<int64_t> b) {
    return [=, this](gguf::Writer& w) {
      tensor(w, (std::string(name) + ".lora_a").c_str(), a);
      tensor(w, (std::string(name) + ".lora_b").c_str(), b);
    };
  };
  expect_error(shapes("w.weight", {9, 2}, {2, 6}),
               "tensor 'w.weight.lora_a' has incorrect shape [9, 2, 1]");
  expect_error(shapes("w.weight", {8, 2}, {2, 7}), "tensor 'w.weight.lora_b' has incorrect shape");
  expect_error(shapes("w.weight", {8, 2}, {3, 6}), "lora_a tensor of 'w.weight' is not transposed");
  expect_error(shapes("w.weight", {8, 2, 2}, {2, 6}), "'w.weight.lora_a' has incorrect shape");
  expect_error(shapes("e.weight", {8, 2}, {2, 6}), "'e.weight.lora_a' has incorrect shape");
  expect_error(shapes("e.weight", {8, 2, 3}, {2, 6, 2}), "'e.weight.lora_b' has incorrect shape");
  expect_error(shapes("token_embd.weight", {8, 2}, {2, 5}),
               "'token_embd.weight.lora_a' has incorrect shape");
  expect_error(shapes("token_embd.weight", {2, 5}, {3, 8}),
               "'token_embd.weight.lora_a' has incorrect shape");
}

TEST_F(LoraFileTest, types_that_cannot_be_computed_and_weights_that_nothing_reads) {
  ASSERT_TRUE(add([&](gguf::Writer& w) {
    tensor(w, "w.weight.lora_a", {8, 2}, DType::f64);
    tensor(w, "w.weight.lora_b", {2, 6});
  }));
  const auto graph = [&] {
    const WeightTable table = base_.table();
    GraphBuilder g(table, 0);
    const Value x = g.embed(g.weight("token_embd.weight"), 1);
    return g.finish(g.matmul(g.weight("w.weight"), x), -1, 0, 6);
  };
  auto made = graph();
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("tensor 'w.weight.lora_a' has type F64"), std::string::npos)
      << made.error().message;
  base_.adapters.clear();
  ASSERT_TRUE(add([&](gguf::Writer& w) { pair(w, "blk.0.attn_k.weight", 8, 2); }));
  made = graph();
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message.find("'blk.0.attn_k.weight', which no matrix product"),
            std::string::npos)
      << made.error().message;
}

}  // namespace
}  // namespace engine
