// The model that a base and its adapters stand for, written out: W + scale * B A in float32.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gguf/reader.h"
#include "gguf/writer.h"
#include "kernels/types/codec.h"

namespace engine::golden {

using Values = std::vector<float>;

inline Values values_of(const gguf::File& file, const gguf::TensorInfo& t) {
  auto view = file.view(t);
  EXPECT_TRUE(view);
  Values out(static_cast<size_t>(t.elements()));
  for (int64_t r = 0; r < view->rows(); ++r)
    codec(t.dtype)->dequant_row(view->row(r), out.data() + r * t.ne[0], t.ne[0]);
  return out;
}

// w[o, i] += scale * sum_r b[o, r] * a[r, i], for every expert; of the token table, where rows are
// tokens, w[t, i] += scale * sum_r a[t, r] * b[i, r].
inline void add_pair(Values& w, const gguf::TensorInfo& shape, bool table, const Values& a,
                     const Values& b, int64_t rank, float scale) {
  const int64_t in = shape.ne[0], out = shape.ne[1];
  for (int64_t e = 0; e < shape.ne[2]; ++e) {
    const float *ae = a.data() + e * in * rank, *be = b.data() + e * out * rank;
    for (int64_t o = 0; o < out; ++o)
      for (int64_t i = 0; i < in; ++i) {
        double sum = 0;
        for (int64_t r = 0; r < rank; ++r)
          sum += static_cast<double>(table ? ae[o * rank + r] : be[o * rank + r]) *
                 (table ? be[i * rank + r] : ae[r * in + i]);
        w[static_cast<size_t>((e * out + o) * in + i)] += static_cast<float>(scale * sum);
      }
  }
}

// adapters: with the scale of the user.
inline std::vector<std::byte> merged_model(
    const gguf::File& base, const std::vector<std::pair<const gguf::File*, float>>& adapters) {
  struct Weight {
    gguf::TensorInfo shape;
    Values values;
  };
  std::map<std::string, Weight> weights;
  for (const gguf::TensorInfo& t : base.tensors())
    weights[std::string(t.name)] = {t, values_of(base, t)};
  // The output of a model without one is the token table as it was.
  weights.try_emplace("output.weight", weights.at("token_embd.weight"));
  for (const auto& [adapter, user_scale] : adapters) {
    const float alpha = *adapter->f32("adapter.lora.alpha", 0);
    for (auto& [name, w] : weights) {
      const auto a = adapter->find(name + ".lora_a"), b = adapter->find(name + ".lora_b");
      if (!a || !b) continue;
      const int64_t rank = b->ne[0];
      add_pair(w.values, w.shape, name == "token_embd.weight", values_of(*adapter, *a),
               values_of(*adapter, *b), rank,
               alpha != 0 ? user_scale * alpha / static_cast<float>(rank) : user_scale);
    }
  }
  gguf::Writer out;
  for (const gguf::Value& v : base.keys()) out.copy(v);
  for (const auto& [name, w] : weights)
    out.add_tensor(name, DType::f32, std::span(w.shape.ne).first(std::max<size_t>(1, w.shape.rank)),
                   std::as_bytes(std::span<const float>(w.values)));
  auto bytes = out.to_bytes();
  EXPECT_TRUE(bytes) << bytes.error().message;
  return bytes ? std::move(*bytes) : std::vector<std::byte>();
}

}  // namespace engine::golden
