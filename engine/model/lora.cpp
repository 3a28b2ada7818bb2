#include "engine/model/lora.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>

#include "engine/core/log.h"
#include "gguf/cursor.h"

namespace engine {
namespace {

using gguf::printable;

constexpr std::string_view kTokenTable = "token_embd.weight", kOutput = "output.weight",
                           kFusedQkv = "attn_qkv.weight";

struct Pair {
  std::optional<gguf::TensorInfo> a, b;
};
using Pairs = std::map<std::string, Pair>;  // by the name of the weight

Status check_header(const gguf::File& file, std::string_view arch) {
  ENGINE_TRY(type, file.str("general.type", ""));
  if (type != "adapter")
    return Error{Errc::invalid_argument,
                 fmt::format("expect general.type to be 'adapter', but got: {}", printable(type))};
  ENGINE_TRY(kind, file.str("adapter.type", ""));
  if (kind != "lora")
    return Error{Errc::unsupported,
                 fmt::format("expect adapter.type to be 'lora', but got: {}", printable(kind))};
  ENGINE_TRY(own, file.str("general.architecture", ""));
  if (own != arch)
    return Error{
        Errc::invalid_argument,
        fmt::format("model arch and LoRA arch mismatch: the model is '{}', the adapter is for '{}'",
                    arch, printable(own))};
  if (file.has("adapter.alora.invocation_tokens"))
    return Error{Errc::unsupported,
                 "the adapter works only behind its invocation tokens (aLoRA), which this version "
                 "cannot do"};
  return ok;
}

Result<Pairs> read_pairs(const gguf::File& file) {
  Pairs pairs;
  int norms = 0;
  for (const gguf::TensorInfo& t : file.tensors()) {
    const std::string_view name = t.name;
    if (name.ends_with("_norm.weight")) {
      ++norms;
    } else if (name.ends_with(".lora_a")) {
      pairs[std::string(name.substr(0, name.size() - 7))].a = t;
    } else if (name.ends_with(".lora_b")) {
      pairs[std::string(name.substr(0, name.size() - 7))].b = t;
    } else {
      return Error{Errc::corrupt,
                   fmt::format("LoRA tensor '{}' has unexpected suffix", printable(name))};
    }
  }
  if (norms > 0)
    log_warn("{}: {} norm vectors are not used: an adapter changes matrices only", file.path(),
             norms);
  if (pairs.empty()) return Error{Errc::corrupt, "the adapter has no LoRA tensors"};
  for (const auto& [name, pair] : pairs)
    if (!pair.a || !pair.b)
      return Error{Errc::corrupt, fmt::format("LoRA tensor pair for '{}' is missing one component",
                                              printable(name))};
  return pairs;
}

const Tensor* find_weight(const WeightFile& base, std::string_view name) {
  auto found = base.tensors.find(std::string(name));
  // a model without an output matrix uses the token table for it
  if (found == base.tensors.end() && name == kOutput)
    found = base.tensors.find(std::string(kTokenTable));
  return found == base.tensors.end() ? nullptr : &found->second;
}

Status check_shapes(const std::string& name, const Tensor& w, const Tensor& a, const Tensor& b) {
  const auto wrong = [&](const char* suffix, const Tensor& t) {
    return Error{Errc::invalid_argument,
                 fmt::format("tensor '{}.{}' has incorrect shape [{}, {}, {}] for the [{}, {}, {}] "
                             "of the base (hint: maybe wrong base model?)",
                             name, suffix, t.ne[0], t.ne[1], t.ne[2], w.ne[0], w.ne[1], w.ne[2])};
  };
  const bool table = name == kTokenTable;
  for (int i = 2; i < 4; ++i) {
    if (a.ne[i] != w.ne[i]) return wrong("lora_a", a);
    if (b.ne[i] != w.ne[i]) return wrong("lora_b", b);
  }
  if (table ? a.ne[1] != w.ne[1] : a.ne[0] != w.ne[0]) return wrong("lora_a", a);
  if (b.ne[1] != (table ? w.ne[0] : w.ne[1])) return wrong("lora_b", b);
  if (table && a.ne[0] != b.ne[0]) return wrong("lora_a", a);
  if (!table && a.ne[1] != b.ne[0])
    return Error{Errc::corrupt,
                 fmt::format("lora_a tensor of '{}' is not transposed: {} rows, but lora_b has {} "
                             "columns (hint: adapter from \"finetune\" example is no longer "
                             "supported)",
                             name, a.ne[1], b.ne[0])};
  return ok;
}

void add_pair(WeightFile& base, const std::string& name, const Tensor& a, const Tensor& b,
              float scale) {
  std::vector<LoraPair>& pairs = base.adapters[name];
  const std::string number = pairs.empty() ? "" : fmt::format(".{}", pairs.size() + 1);
  pairs.push_back({name + ".lora_a" + number, name + ".lora_b" + number, scale});
  base.tensors[pairs.back().a] = a;
  base.tensors[pairs.back().b] = b;
}

// The rows of a fused matrix are used as three: its A serves all of them, its B is cut as they are.
Status add_split(WeightFile& base, const std::string& name, const Tensor& a, const Tensor& b,
                 float scale) {
  const std::string prefix = name.substr(0, name.size() - kFusedQkv.size());
  int64_t at = 0;
  for (const char* part : {"attn_q.weight", "attn_k.weight", "attn_v.weight"}) {
    const Tensor* w = find_weight(base, prefix + part);
    if (w == nullptr || at + w->ne[1] > b.ne[1])
      return Error{Errc::unsupported, fmt::format("'{}' is not used by this model", name)};
    add_pair(base, prefix + part, a, rows_of(b, at, w->ne[1]), scale);
    at += w->ne[1];
  }
  return ok;
}

Status add(const gguf::File& file, std::string_view arch, float user_scale, WeightFile& base) {
  ENGINE_TRY_STATUS(check_header(file, arch));
  ENGINE_TRY(alpha, file.f32("adapter.lora.alpha", 0));
  ENGINE_TRY(pairs, read_pairs(file));
  for (const auto& [name, pair] : pairs) {
    const Tensor* w = find_weight(base, name);
    if (w == nullptr)
      return Error{
          Errc::invalid_argument,
          fmt::format("LoRA tensor '{}' does not exist in base model (hint: maybe wrong base "
                      "model?)",
                      printable(name))};
    ENGINE_TRY(a, file.view(*pair.a));
    ENGINE_TRY(b, file.view(*pair.b));
    ENGINE_TRY_STATUS(check_shapes(name, *w, a, b));
    const float scale = alpha != 0 ? user_scale * alpha / static_cast<float>(b.ne[0]) : user_scale;
    if (!std::isfinite(scale))
      return Error{
          Errc::invalid_argument,
          fmt::format("a scale of {} with alpha {} is no finite number", user_scale, alpha)};
    if (scale == 0) continue;
    if (name.ends_with(kFusedQkv)) {
      ENGINE_TRY_STATUS(add_split(base, name, a, b, scale));
    } else {
      add_pair(base, name, a, b, scale);
    }
  }
  return ok;
}

}  // namespace

Status add_adapter(const gguf::File& adapter, std::string_view arch, float scale,
                   WeightFile& base) {
  const Status status = add(adapter, arch, scale, base);
  if (status) return ok;
  const Error& e = status.error();
  // the reader names the file by itself
  if (e.message.starts_with(adapter.path())) return e;
  return Error{e.code, fmt::format("adapter {}: {}", adapter.path(), e.message)};
}

}  // namespace engine
