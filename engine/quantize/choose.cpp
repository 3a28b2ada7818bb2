#include "engine/quantize/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/quantize/quantizer.h"
#include "kernels/types/codec.h"

namespace engine::quant {
namespace {

bool is_float(DType t) {
  return t == DType::f32 || t == DType::f16 || t == DType::bf16;
}

std::string lower_name(DType t) {
  return traits(t).name;
}

std::string writable_types() {
  std::string out;
  for (const Quantizer* q : all_quantizers())
    if (q->needs == 0) out += (out.empty() ? "" : ", ") + std::string(display_name(q->type));
  return out;
}

// N and what follows of "blk.N.rest".
bool split_layer(std::string_view name, int64_t& layer, std::string_view& rest) {
  if (!name.starts_with("blk.")) return false;
  const auto [end, code] = std::from_chars(name.data() + 4, name.data() + name.size(), layer);
  if (code != std::errc() || end == name.data() + name.size() || *end != '.') return false;
  rest = name.substr(static_cast<size_t>(end - name.data()));
  return layer >= 0;
}

// Very few bits: without a matrix the model breaks.
bool needs_importance(DType t, const MixInfo& mix, std::string_view name) {
  if (name == "output.weight" || name == "token_embd.weight" ||
      name == "per_layer_token_embd.weight")
    return false;
  switch (t) {
    case DType::iq1_s:
    case DType::iq1_m:
    case DType::iq2_xxs:
    case DType::iq2_xs:
    case DType::iq2_s:
    case DType::iq3_xxs:
      return true;
    default:
      return t == DType::q2_k && std::string_view(mix.name) == "Q2_K_S";
  }
}

class Chooser {
 public:
  Chooser(const MixInfo& mix, const QuantizeOptions& options, MixModel model, NamePatterns patterns)
      : mix_(mix),
        options_(options),
        model_(std::move(model)),
        patterns_(std::move(patterns)),
        rules_(mix, model_, options.importance != nullptr) {}

  Result<DType> target(const gguf::TensorInfo& t) {
    if (options_.copy || !is_converted(t.name, t.ne, model_.arch)) return t.dtype;
    if (options_.leave_output && t.name == "output.weight") return t.dtype;
    for (const std::string& begin : options_.keep)
      if (t.name.starts_with(begin)) return t.dtype;
    ENGINE_TRY(type, wanted(t));
    if (type == t.dtype) return type;
    return check(t, type);
  }

 private:
  Result<DType> wanted(const gguf::TensorInfo& t) {
    const std::string name(t.name);
    const Part part = part_of(t.name);
    const DType named = patterns_.find(name);
    if (options_.embedding_type != DType::count_ && part == Part::embedding &&
        (t.name == "token_embd.weight" || named == DType::count_))
      return options_.embedding_type;
    const bool acts_as_output =
        part == Part::output || (part == Part::embedding && model_.tied && !options_.pure);
    if (options_.output_type != DType::count_ && acts_as_output) return options_.output_type;
    if (is_float(mix_.base)) return mix_.base;
    DType type = mix_.base;
    if (named != DType::count_) {
      type = named;
    } else if (!options_.pure) {
      ENGINE_TRY(chosen, rules_.choose(t.name, t.ne));
      type = chosen;
    }
    return fallback_for(type, t.ne[0]);
  }

  Result<DType> check(const gguf::TensorInfo& t, DType type) const {
    if (t.ne[0] % traits(type).block_elems != 0)
      return invalid_argument(
          fmt::format("tensor '{}' has rows of {} elements, no whole blocks of {}", t.name, t.ne[0],
                      lower_name(type)));
    if (!is_float(t.dtype) && !options_.allow_requantize)
      return invalid_argument(
          fmt::format("requantizing from type {} is disabled: quantize from an F16, BF16 "
                      "or F32 file, or give --allow-requantize and lose quality (tensor '{}')",
                      lower_name(t.dtype), t.name));
    if (codec(t.dtype) == nullptr)
      return Error{Errc::unsupported,
                   fmt::format("tensor '{}': cannot read type {}", t.name, lower_name(t.dtype))};
    if (needs_importance(type, mix_, t.name)) {
      if (options_.importance == nullptr)
        return invalid_argument(
            fmt::format("this quantization requires an imatrix! make one with `engine "
                        "imatrix` and give it with --imatrix (tensor '{}')",
                        t.name));
      if (!options_.importance->entries.contains(t.name))
        return invalid_argument(
            fmt::format("Missing importance matrix for tensor {} in a very low-bit "
                        "quantization",
                        t.name));
    }
    if (find_quantizer(type, 0) == nullptr)
      return Error{Errc::unsupported, fmt::format("tensor '{}': type {} cannot be written, only {}",
                                                  t.name, lower_name(type), writable_types())};
    return type;
  }

  const MixInfo& mix_;
  const QuantizeOptions& options_;
  const MixModel model_;
  const NamePatterns patterns_;
  Mix rules_;
};

// The name behind pruned layers; "" for a tensor of one of them.
std::string new_name(std::string_view name, const std::set<int64_t>& pruned) {
  int64_t layer = 0;
  std::string_view rest;
  if (pruned.empty() || !split_layer(name, layer, rest)) return std::string(name);
  if (pruned.contains(layer)) return "";
  const int64_t before = std::distance(pruned.begin(), pruned.lower_bound(layer));
  return fmt::format("blk.{}{}", layer - before, rest);
}

// The matrix of the tensor must have its shape; for embeddings another one only counts as none.
Status check_importance(const gguf::TensorInfo& t, const QuantizeOptions& options,
                        TensorChoice& choice) {
  if (options.importance == nullptr || choice.from == choice.to) return ok;
  const auto it = options.importance->entries.find(t.name);
  choice.no_importance = it == options.importance->entries.end();
  if (choice.no_importance) return ok;
  const int64_t have = static_cast<int64_t>(it->second.sums.size()), want = t.ne[0] * t.ne[2];
  if (have == want) return ok;
  choice.no_importance = true;
  if (t.name == "token_embd.weight" || t.name == "per_layer_token_embd.weight") return ok;
  return invalid_argument(
      fmt::format("imatrix size {} is different from tensor size {} for {}", have, want, t.name));
}

}  // namespace

Result<std::vector<TensorChoice>> choose_types(const gguf::File& file, const MixInfo& mix,
                                               const QuantizeOptions& options) {
  ENGINE_TRY(model, MixModel::read(file));
  ENGINE_TRY(patterns, NamePatterns::make(options.tensor_types));
  const std::set<int64_t> pruned(options.prune_layers.begin(), options.prune_layers.end());
  if (!pruned.empty() && (*pruned.begin() < 0 || *pruned.rbegin() >= model.n_layer ||
                          static_cast<int64_t>(pruned.size()) >= model.n_layer))
    return invalid_argument(fmt::format(
        "layers to prune must be some of 0 to {}, and not all of them", model.n_layer - 1));
  std::vector<gguf::TensorInfo> order;
  for (const gguf::TensorInfo& t : file.tensors()) order.push_back(t);
  const auto place = [&](const gguf::TensorInfo& t) {
    int64_t layer = -1;
    std::string_view rest;
    if (!split_layer(t.name, layer, rest)) layer = -1;
    return std::tuple(options.keep_split ? t.shard : 0, layer, t.name);
  };
  std::ranges::sort(order, {}, place);

  Chooser chooser(mix, options, std::move(model), std::move(patterns));
  std::vector<TensorChoice> out;
  for (const gguf::TensorInfo& t : order) {
    TensorChoice c;
    c.name = t.name;
    c.new_name = new_name(t.name, pruned);
    if (c.new_name.empty()) continue;
    std::copy(t.ne, t.ne + 4, c.ne);
    c.shard = t.shard;
    c.from = t.dtype;
    ENGINE_TRY(to, chooser.target(t));
    c.to = to;
    c.bytes = t.bytes;
    c.new_bytes = static_cast<uint64_t>(t.ne[1] * t.ne[2] * t.ne[3] * row_bytes(c.to, t.ne[0]));
    ENGINE_TRY_STATUS(check_importance(t, options, c));
    out.push_back(std::move(c));
  }
  return out;
}

}  // namespace engine::quant
