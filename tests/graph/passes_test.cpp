// The passes of a plan on small hand-made graphs.
#include "kernels/plan/passes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/graph/builder.h"
#include "kernels/plan/lifetime.h"

namespace engine {
namespace {

WeightTable table(DType matrix) {
  WeightTable t;
  const auto add = [&](const char* name, DType type, int64_t ne0, int64_t ne1) {
    WeightInfo w;
    w.name = name, w.dtype = type, w.ne[0] = ne0, w.ne[1] = ne1;
    t.tensors.emplace(name, w);
  };
  add("embd", matrix, 64, 100);
  add("norm", DType::f32, 64, 1);
  for (const char* n : {"q", "k", "v", "o"}) add(n, matrix, 64, 64);
  add("gate", matrix, 64, 128), add("up", matrix, 64, 128), add("down", matrix, 128, 64);
  return t;
}

Graph model(DType matrix) {
  const WeightTable t = table(matrix);
  GraphBuilder g(t, 1);
  const Weight norm = g.weight("norm");
  Value x = g.embed(g.weight("embd"), 1);
  g.begin_layer(0);
  const Value a = g.rms_norm(x, norm, 1e-5f);
  const Value q = g.matmul(g.weight("q"), a), k = g.matmul(g.weight("k"), a),
              v = g.matmul(g.weight("v"), a);
  const int slot = g.cache_slot({0, 1, 64, 64});
  g.kv_store(slot, k, v);
  x = g.add(x, g.matmul(g.weight("o"), g.attend(q, slot, {1, 1.0f})));
  const Value f = g.rms_norm(x, norm, 1e-5f);
  x = g.add(x, g.matmul(g.weight("down"), g.glu(g.matmul(g.weight("gate"), f),
                                                g.matmul(g.weight("up"), f), Act::silu)));
  const Value h = g.rms_norm(x, norm, 1e-5f);
  auto graph = g.finish(h, g.matmul(g.weight("embd"), h), 100, 64);
  EXPECT_TRUE(static_cast<bool>(graph));
  return std::move(*graph);
}

std::vector<Tensor> tensors(const Graph& g) {
  std::vector<Tensor> out;
  for (const WeightInfo& w : g.weights)
    out.push_back(make_tensor(nullptr, w.dtype, w.ne[0], w.ne[1]));
  return out;
}

int count(const Graph& g, Op op) {
  return static_cast<int>(
      std::count_if(g.nodes.begin(), g.nodes.end(), [&](const Node& n) { return n.op == op; }));
}

void expect_ordered(const Graph& g) {
  for (size_t i = 0; i < g.nodes.size(); ++i)
    for (Value in : {g.nodes[i].in[0], g.nodes[i].in[1], g.nodes[i].in[2], g.nodes[i].in[3],
                     g.nodes[i].residual})
      EXPECT_LT(in, static_cast<Value>(i)) << "node " << i << " reads what comes later";
}

TEST(Passes, gated_pairs_and_residuals_become_epilogues) {
  Graph g = model(DType::q4_0);
  const auto w = tensors(g);
  fuse(g, w);
  expect_ordered(g);
  EXPECT_EQ(count(g, Op::glu), 0);
  EXPECT_EQ(count(g, Op::add), 0);
  int pairs = 0, residuals = 0;
  for (const Node& n : g.nodes)
    pairs += n.op == Op::matmul && n.w[1] >= 0, residuals += n.residual >= 0;
  EXPECT_EQ(pairs, 1);
  EXPECT_EQ(residuals, 2);
}

TEST(Passes, a_pair_of_different_types_stays_apart) {
  Graph g = model(DType::q4_0);
  auto w = tensors(g);
  for (size_t i = 0; i < w.size(); ++i)
    if (g.weights[i].name == "up") w[i].dtype = DType::q8_0;
  fuse(g, w);
  EXPECT_EQ(count(g, Op::glu), 1);
}

TEST(Passes, only_output_rows_go_through_the_tail) {
  Graph g = model(DType::q4_0);
  const auto w = tensors(g);
  fuse(g, w);
  take_outputs(g);
  expect_ordered(g);
  EXPECT_EQ(count(g, Op::take_rows), 2);  // the attention result and the residual
  bool tail = false;
  for (const Node& n : g.nodes) {
    if (n.op == Op::take_rows) tail = true;
    EXPECT_EQ(n.rows == Rows::outputs, tail) << op_name(n.op);
  }
}

TEST(Passes, an_input_is_quantized_once_for_all_its_readers) {
  Graph g = model(DType::q4_0);
  const auto w = tensors(g);
  fuse(g, w);
  take_outputs(g);
  quantize_inputs(g, w);
  expect_ordered(g);
  EXPECT_EQ(count(g, Op::quantize_act), 5);  // qkv, o, gate+up, down, head
  Graph f = model(DType::f16);
  const auto wf = tensors(f);
  quantize_inputs(f, wf);
  EXPECT_EQ(count(f, Op::quantize_act), 0);
}

TEST(Passes, readers_of_both_formats_get_one_node_each) {
  Graph g = model(DType::q4_0);
  auto w = tensors(g);
  // the first projection of the first layer alone is of a type with blocks of 256
  const Node* first = nullptr;
  for (const Node& n : g.nodes)
    if (n.op == Op::matmul && first == nullptr) first = &n;
  w[static_cast<size_t>(first->w[0])].dtype = DType::q4_k;
  quantize_inputs(g, w);
  expect_ordered(g);
  int of_blocks = 0;
  for (const Node& n : g.nodes) {
    if (n.op == Op::quantize_act && n.dtype == DType::a8x256) ++of_blocks;
    if (n.op != Op::matmul) continue;
    EXPECT_EQ(g.nodes[static_cast<size_t>(n.in[0])].dtype,
              traits(w[static_cast<size_t>(n.w[0])].dtype).act);
  }
  EXPECT_EQ(of_blocks, 1);
}

TEST(Lifetime, live_values_never_overlap) {
  Graph g = model(DType::q4_0);
  const auto w = tensors(g);
  fuse(g, w), take_outputs(g), quantize_inputs(g, w), append_top(g);
  const Layout layout = place_values(g, 16, 4);
  const size_t n = g.nodes.size();
  std::vector<size_t> last(n);
  for (size_t i = 0; i < n; ++i) {
    last[i] = i;
    for (Value in : {g.nodes[i].in[0], g.nodes[i].in[1], g.nodes[i].in[2], g.nodes[i].in[3],
                     g.nodes[i].residual})
      if (in >= 0) last[static_cast<size_t>(in)] = i;
  }
  last[static_cast<size_t>(g.logits)] = last[static_cast<size_t>(g.hidden)] = n;
  for (size_t a = 0; a < n; ++a)
    for (size_t b = a + 1; b < n; ++b) {
      const Placement &x = layout.values[a], &y = layout.values[b];
      if (x.bytes == 0 || y.bytes == 0 || x.worker != y.worker || last[a] < b) continue;
      EXPECT_TRUE(x.offset + x.bytes <= y.offset || y.offset + y.bytes <= x.offset)
          << "values " << a << " and " << b;
    }
}

TEST(Builder, the_first_error_names_the_tensor) {
  const WeightTable t = table(DType::f16);
  GraphBuilder g(t, 1);
  g.weight("blk.%d.attn_q.weight", 3);
  g.weight("norm", -1, 65);
  auto graph = g.finish(-1, -1, 1, 1);
  ASSERT_FALSE(graph);
  EXPECT_EQ(graph.error().message, "missing tensor 'blk.3.attn_q.weight'");
}

}  // namespace
}  // namespace engine
