// Which models can move their keys to other positions.
#include "kernels/plan/key_ropes.h"

#include <gtest/gtest.h>

#include "engine/graph/builder.h"

namespace engine {
namespace {

WeightTable table() {
  WeightTable t;
  const auto add = [&](const char* name, DType type, int64_t ne0, int64_t ne1) {
    WeightInfo w;
    w.name = name, w.dtype = type, w.ne[0] = ne0, w.ne[1] = ne1;
    t.tensors.emplace(name, w);
  };
  add("embd", DType::f32, 64, 100);
  for (const char* n : {"norm", "head_norm"}) add(n, DType::f32, n[0] == 'n' ? 64 : 32, 1);
  for (const char* n : {"q", "k", "v"}) add(n, DType::f32, 64, 64);
  return t;
}

using Keys = std::optional<std::vector<int32_t>>;

class KeyRopes : public ::testing::Test {
 protected:
  Value input(LookupBy by = LookupBy::token) {
    g.begin_layer(0);
    return g.embed(g.weight("embd"), 1, by);
  }
  Value matrix(const char* name, Value x) { return g.matmul(g.weight(name), x); }
  int rope(double base) {
    RopeSpec r;
    r.n_rot = 32, r.freq.assign(16, base);
    return g.rope_spec(r);
  }
  // A layer whose keys are k.
  Value layer(Value x, Value k, int window = 0) {
    const int slot = g.cache_slot({window, 2, 32, 32});
    g.kv_store(slot, k, matrix("v", x));
    return g.attend(matrix("q", x), slot, {2, 1.0f});
  }
  Keys keys(Value x) {
    auto graph = g.finish(x, matrix("embd", x), 100, 64);
    EXPECT_TRUE(static_cast<bool>(graph));
    return key_ropes(*graph);
  }

  WeightTable weights = table();
  GraphBuilder g{weights, 4};
};

TEST_F(KeyRopes, each_slot_has_the_rotation_of_its_layer) {
  const int a = rope(1), b = rope(0.5);
  Value x = input();
  x = layer(x, g.rope(matrix("k", x), a, 2, 32));
  x = layer(x, g.rope(g.rms_norm(matrix("k", x), g.weight("head_norm"), 1e-5f, 2), b, 2, 32), 128);
  x = layer(x, matrix("k", x));
  x = layer(x, g.rms_norm(matrix("k", x), g.weight("head_norm"), 1e-5f, 2));
  EXPECT_EQ(keys(x), (std::vector<int32_t>{a, b, -1, -1}));
}

TEST_F(KeyRopes, learned_positions_do_not_move) {
  Value x = input();
  x = g.add(x, input(LookupBy::position));
  EXPECT_EQ(keys(layer(x, matrix("k", x))), std::nullopt);
}

TEST_F(KeyRopes, encoders_and_models_without_a_cache_do_not_move) {
  Value x = input();
  x = g.attend_batch(matrix("q", x), g.rope(matrix("k", x), rope(1), 2, 32), matrix("v", x),
                     {2, 1.0f}, 2, 0);
  EXPECT_EQ(keys(x), std::nullopt);
}

TEST_F(KeyRopes, keys_that_are_made_in_an_unknown_way_do_not_move) {
  Value x = input();
  const Value k = g.rope(matrix("k", x), rope(1), 2, 32);
  EXPECT_EQ(keys(layer(x, g.rms_norm(k, g.weight("head_norm"), 1e-5f, 2))), std::nullopt)
      << "a norm behind the rotation has weights per dimension";
}

TEST_F(KeyRopes, a_rotation_of_other_heads_than_the_stored_ones_does_not_move) {
  Value x = input();
  EXPECT_EQ(keys(layer(x, g.rope(matrix("k", x), rope(1), 1, 64))), std::nullopt);
}

}  // namespace
}  // namespace engine
