#include "engine/model/weights.h"

#include <fmt/format.h>

namespace engine {
namespace {

Tensor elements_of(const Tensor& t, int64_t first, int64_t count) {
  Tensor s = t;
  s.data += row_bytes(t.dtype, first);
  s.ne[0] = count;
  s.nb[1] = s.nb[2] = s.nb[3] = row_bytes(t.dtype, count);
  return s;
}

// attn_qkv: rows of all Q heads, then K heads, then V heads.
Status split_qkv(WeightFile& out, const BlockSpec& b, int il) {
  const std::string prefix = fmt::format("blk.{}.", il);
  const int64_t width[3] = {int64_t{b.dk} * b.n_head, int64_t{b.dk} * b.n_head_kv,
                            int64_t{b.dv} * b.n_head_kv};
  const char* names[3] = {"attn_q", "attn_k", "attn_v"};
  const auto fused = out.tensors.find(prefix + "attn_qkv.weight");
  if (fused == out.tensors.end()) return ok;
  if (fused->second.ne[1] != width[0] + width[1] + width[2])
    return Error{Errc::corrupt, fmt::format("tensor '{}' has {} rows, expected {}", fused->first,
                                            fused->second.ne[1], width[0] + width[1] + width[2])};
  const Tensor matrix = fused->second;
  const auto bias = out.tensors.find(prefix + "attn_qkv.bias");
  const Tensor vector = bias == out.tensors.end() ? Tensor{} : bias->second;
  if (vector && vector.ne[0] != matrix.ne[1])
    return Error{Errc::corrupt,
                 fmt::format("tensor '{}attn_qkv.bias' has {} elements", prefix, vector.ne[0])};
  int64_t at = 0;
  for (int i = 0; i < 3; ++i) {
    out.tensors[fmt::format("{}{}.weight", prefix, names[i])] = rows_of(matrix, at, width[i]);
    if (vector)
      out.tensors[fmt::format("{}{}.bias", prefix, names[i])] = elements_of(vector, at, width[i]);
    at += width[i];
  }
  return ok;
}

}  // namespace

Tensor rows_of(const Tensor& t, int64_t first, int64_t count) {
  Tensor s = t;
  s.data += first * t.nb[1];
  s.ne[1] = count;
  s.nb[2] = s.nb[3] = s.nb[1] * count;
  return s;
}

WeightTable WeightFile::table() const {
  WeightTable t;
  for (const auto& [name, tensor] : tensors) {
    WeightInfo info;
    info.name = name, info.dtype = tensor.dtype;
    for (int i = 0; i < 4; ++i) info.ne[i] = tensor.ne[i];
    t.tensors.emplace(name, info);
  }
  t.adapters = adapters;
  return t;
}

Result<WeightFile> read_weights(const gguf::File& file, const ModelSpec& spec) {
  WeightFile out;
  for (const gguf::TensorInfo& info : file.tensors()) {
    ENGINE_TRY(t, file.view(info));
    out.tensors.emplace(std::string(info.name), t);
  }
  for (int il = 0; il < spec.n_layer; ++il)
    ENGINE_TRY_STATUS(split_qkv(out, spec.blocks[static_cast<size_t>(il)], il));
  return out;
}

}  // namespace engine
