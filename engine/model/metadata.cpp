#include "engine/model/metadata.h"

#include <fmt/format.h>

#include <cmath>

namespace engine {
namespace {

constexpr uint32_t kMaxLayers = 512, kMaxExperts = 1024, kMaxHeads = 65536, kMaxWidth = 1u << 24;

Result<uint32_t> bounded(const Metadata& m, std::string_view name, Result<uint32_t> value,
                         uint32_t lowest, uint32_t highest) {
  if (!value) return value;
  if (*value < lowest || *value > highest)
    return Error{Errc::corrupt,
                 fmt::format("{} is {}, must be {} to {}", m.key(name), *value, lowest, highest)};
  return value;
}

Result<std::vector<uint32_t>> layers(const Metadata& m, std::string_view name, int n,
                                     uint32_t fallback, uint32_t highest) {
  if (!m.has(name)) return std::vector<uint32_t>(static_cast<size_t>(n), fallback);
  ENGINE_TRY(values, m.file.per_layer<uint32_t>(m.key(name), static_cast<size_t>(n)));
  for (uint32_t v : values)
    if (v > highest)
      return Error{Errc::corrupt,
                   fmt::format("{} holds {}, must be at most {}", m.key(name), v, highest)};
  return std::move(values);
}

}  // namespace

Result<float> Metadata::finite(std::string_view name, Result<float> value) const {
  if (!value || std::isfinite(*value)) return value;
  return Error{Errc::corrupt, fmt::format("{} is {}, must be a finite number", key(name), *value)};
}

Result<Metadata> read_common(const gguf::File& file, ModelSpec& spec, std::string_view eps_key) {
  ENGINE_TRY(arch, file.str("general.architecture"));
  Metadata m{file, std::string(arch)};
  ENGINE_TRY(n_ctx, bounded(m, "context_length", m.u32("context_length"), 1, 1u << 30));
  ENGINE_TRY(n_embd, bounded(m, "embedding_length", m.u32("embedding_length"), 1, kMaxWidth));
  ENGINE_TRY(n_block, bounded(m, "block_count", m.u32("block_count"), 1, kMaxLayers));
  ENGINE_TRY(n_next,
             bounded(m, "nextn_predict_layers", m.u32("nextn_predict_layers", 0), 0, n_block - 1));
  const int n_layer = static_cast<int>(n_block - n_next);
  ENGINE_TRY(heads, layers(m, "attention.head_count", n_layer, 0, kMaxHeads));
  ENGINE_TRY(ff, layers(m, "feed_forward_length", n_layer, 0, kMaxWidth));
  ENGINE_TRY(eps, m.f32(eps_key));
  if (eps < 0)
    return Error{Errc::corrupt, fmt::format("{} is {}, must not be negative", m.key(eps_key), eps)};
  ENGINE_TRY(pooling, read_pooling(file));
  const std::optional<gguf::TensorInfo> embd = file.find("token_embd.weight");
  if (!embd) return Error{Errc::corrupt, "missing tensor 'token_embd.weight'"};
  if (embd->ne[0] != static_cast<int64_t>(n_embd))
    return Error{Errc::corrupt, fmt::format("token_embd.weight has {} columns, {} is {}",
                                            embd->ne[0], m.key("embedding_length"), n_embd)};
  if (embd->ne[1] < 1 || embd->ne[1] > (1 << 28))
    return Error{Errc::corrupt, fmt::format("token_embd.weight has {} rows", embd->ne[1])};

  ENGINE_TRY(n_expert, bounded(m, "expert_count", m.u32("expert_count", 0), 0, kMaxExperts));
  ENGINE_TRY(n_used, bounded(m, "expert_used_count", m.u32("expert_used_count", 0), 0, n_expert));
  if ((n_expert > 0) != (n_used > 0))
    return Error{Errc::corrupt, fmt::format("{} is {} with {} experts", m.key("expert_used_count"),
                                            n_used, n_expert)};
  ENGINE_TRY(weight_scale, m.f32("expert_weights_scale", 0));

  spec.n_layer = n_layer, spec.n_embd = static_cast<int32_t>(n_embd),
  spec.n_ctx_train = static_cast<int32_t>(n_ctx);
  spec.n_vocab = static_cast<int32_t>(embd->ne[1]);
  spec.head.eps = eps;
  spec.pooling = pooling;
  spec.blocks.assign(static_cast<size_t>(n_layer), {});
  ENGINE_TRY(kv_default, layers(m, "attention.head_count_kv", n_layer, 0, kMaxHeads));
  for (int il = 0; il < n_layer; ++il) {
    const size_t i = static_cast<size_t>(il);
    BlockSpec& b = spec.blocks[i];
    const uint32_t h = heads[i], hk = m.has("attention.head_count_kv") ? kv_default[i] : h;
    if (h == 0 || hk == 0 || h % hk != 0)
      return Error{Errc::corrupt,
                   fmt::format("layer {} has {} heads over {} key/value heads", il, h, hk)};
    ENGINE_TRY(
        dk, bounded(m, "attention.key_length", m.u32("attention.key_length", n_embd / h), 1, 4096));
    ENGINE_TRY(dv, bounded(m, "attention.value_length", m.u32("attention.value_length", n_embd / h),
                           1, 4096));
    b.n_head = static_cast<int32_t>(h), b.n_head_kv = static_cast<int32_t>(hk);
    b.dk = static_cast<int32_t>(dk), b.dv = static_cast<int32_t>(dv);
    b.n_ff = static_cast<int32_t>(ff[i]);
    b.eps = eps;
    b.attn_scale = 1.0f / std::sqrt(static_cast<float>(dk));
    b.moe.n_expert = static_cast<int32_t>(n_expert), b.moe.n_used = static_cast<int32_t>(n_used),
    b.moe.n_ff = b.n_ff;
    b.moe.weight_scale = weight_scale == 0 ? 1 : weight_scale;
  }
  return m;
}

Result<std::vector<bool>> read_window_pattern(const Metadata& m, int n_layer, uint32_t fallback) {
  const std::string name = m.key("attention.sliding_window_pattern");
  std::vector<bool> out(static_cast<size_t>(n_layer));
  if (const auto value = m.file.key(name); value && value->is_array()) {
    return m.file.per_layer<bool>(name, static_cast<size_t>(n_layer));  // flags, or integers
  }
  ENGINE_TRY(n, m.file.u32(name, fallback));
  for (size_t i = 0; i < out.size(); ++i) out[i] = n == 0 || i % n < n - 1;
  return out;
}

}  // namespace engine
