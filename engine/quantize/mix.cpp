#include "engine/quantize/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "engine/quantize/quantizer.h"
#include "gguf/file_type.h"

namespace engine::quant {
namespace {

// Conditions of MIX_RULE.
enum Condition : uint32_t {
  gqa_4 = 1u << 0,  // at least 4 heads per key-value head
  experts_4 = 1u << 1,
  experts_8 = 1u << 2,
  not_experts_8 = 1u << 3,
  matrix = 1u << 4,  // an importance matrix was given
  no_matrix = 1u << 5,
  falcon = 1u << 6,
  not_falcon = 1u << 7,
  // by the place of the tensor among those of its part
  more = 1u << 8,  // the first and last eighth, and every third between
  first_2 = 1u << 9,
  first_4 = 1u << 10,
  first_eighth = 1u << 11,
  first_sixteenth = 1u << 12,
  middle = 1u << 13,        // but the first and last eighth
  visit_eighth = 1u << 14,  // first_eighth, counted by visits also where layers have experts
};

struct Rule {
  const char* file;
  Part part;
  uint32_t conditions;
  DType type;
};
constexpr Rule kRules[] = {
#define MIX_RULE(file, part, conditions, type) {#file, Part::part, conditions, DType::type},
#include "engine/quantize/mixes.inc"
};

struct Base {
  const char* name;
  DType type;
};
constexpr Base kBases[] = {
#define MIX(name, type) {#name, DType::type},
#include "engine/quantize/mixes.inc"
};

std::span<const MixInfo> all_mixes() {
  static const std::vector<MixInfo> all = [] {
    std::vector<MixInfo> out;
    for (const gguf::FileType& t : gguf::file_types())
      for (const Base& b : kBases)
        if (std::string_view(b.name) == t.name)
          out.push_back({static_cast<FileType>(t.id), b.name, b.type});
    return out;
  }();
  return all;
}

bool is_one_of(std::string_view s, std::initializer_list<std::string_view> list) {
  return std::ranges::find(list, s) != list.end();
}

bool is_more(int64_t i, int64_t n) {
  return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

// N of "blk.N."; nullopt for other names.
std::optional<int64_t> layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return std::nullopt;
  int64_t n = -1;
  const auto [end, code] = std::from_chars(name.data() + 4, name.data() + name.size(), n);
  if (code != std::errc() || end == name.data() + name.size() || *end != '.') return std::nullopt;
  return n;
}

bool is_value(Part p) {
  return p == Part::value || p == Part::fused || p == Part::latent;
}

// Metadata that may be a number or a list of one per layer: the first.
Result<int64_t> first_of(const gguf::File& file, const std::string& key, int64_t fallback) {
  const auto value = file.key(key);
  if (!value) return fallback;
  if (!value->is_array()) {
    ENGINE_TRY(n, value->get<int64_t>());
    return n;
  }
  ENGINE_TRY(list, value->get<std::vector<int64_t>>());
  return list.empty() ? fallback : list[0];
}

}  // namespace

const MixInfo* find_mix(FileType type) {
  for (const MixInfo& m : all_mixes())
    if (m.type == type) return &m;
  return nullptr;
}

const MixInfo* find_mix(std::string_view text) {
  std::string name(text);
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (is_one_of(name, {"Q3_K", "Q4_K", "Q5_K"})) name += "_M";
  for (const MixInfo& m : all_mixes())
    if (name == m.name) return &m;
  uint32_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return nullptr;
  return find_mix(static_cast<FileType>(number));
}

std::string writable_mixes() {
  std::string out;
  for (const MixInfo& m : all_mixes())
    if (find_quantizer(m.base, 0) != nullptr)
      out += (out.empty() ? "" : ", ") + std::string(m.name);
  return out;
}

Part part_of(std::string_view name) {
  struct Name {
    const char* text;
    Part part;
  };
  constexpr Name kNames[] = {
      {"attn_qkv.weight", Part::fused},
      {"attn_kv_b.weight", Part::latent},
      {"attn_v.weight", Part::value},
      {"attn_k.weight", Part::key},
      {"attn_q.weight", Part::query},
      {"attn_output.weight", Part::out},
      {"ffn_up", Part::up},
      {"ffn_gate", Part::gate},
      {"ffn_down", Part::down},
  };
  if (name == "output.weight") return Part::output;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return Part::embedding;
  for (const Name& n : kNames)
    if (name.find(n.text) != std::string_view::npos) return n.part;
  return Part::other;
}

Result<MixModel> MixModel::read(const gguf::File& file) {
  MixModel m;
  ENGINE_TRY(arch, file.str("general.architecture", ""));
  m.arch = arch;
  ENGINE_TRY(layers, file.u32(m.arch + ".block_count", 0));
  ENGINE_TRY(experts, file.u32(m.arch + ".expert_count", 0));
  ENGINE_TRY(heads, first_of(file, m.arch + ".attention.head_count", 0));
  ENGINE_TRY(heads_kv, first_of(file, m.arch + ".attention.head_count_kv", heads));
  m.n_layer = layers, m.n_expert = experts;
  m.gqa = heads_kv > 0 ? heads / heads_kv : 0;
  for (const gguf::TensorInfo& t : file.tensors()) m.n_value += is_value(part_of(t.name)) ? 1 : 0;
  m.tied = !file.find("output.weight").has_value();
  m.class_70b = (m.arch == "llama" && layers == 80 && heads != heads_kv) ||
                (is_one_of(m.arch, {"qwen2", "deci", "olmo"}) && layers == 80) ||
                (m.arch == "jais2" && layers == 68);
  return m;
}

bool is_converted(std::string_view name, const int64_t (&ne)[4], std::string_view arch) {
  // Small, and the answer hangs on them: routers, mixing weights, convolutions, indexers, and encoders of other senses.
  constexpr std::string_view kExact[] = {"_norm.weight",
                                         "ffn_gate_inp.weight",
                                         "ffn_gate_tid2eid.weight",
                                         "altup",
                                         "laurel",
                                         "per_layer_model_proj",
                                         "ssm_conv1d",
                                         "shortconv.conv.weight",
                                         "indexer.k_proj.weight",
                                         "indexer.q_proj.weight",
                                         "time_mix_first.weight",
                                         "time_mix_w0.weight",
                                         "time_mix_w1.weight",
                                         "time_mix_w2.weight",
                                         "time_mix_v0.weight",
                                         "time_mix_v1.weight",
                                         "time_mix_v2.weight",
                                         "time_mix_a0.weight",
                                         "time_mix_a1.weight",
                                         "time_mix_a2.weight",
                                         "time_mix_g1.weight",
                                         "time_mix_g2.weight",
                                         "time_mix_decay_w1.weight",
                                         "time_mix_decay_w2.weight",
                                         "time_mix_lerp_fused.weight",
                                         "attn_rel_b.weight",
                                         ".position_embd",
                                         "sam.pos_embd",
                                         "sam.neck.",
                                         "sam.net_",
                                         ".rel_pos",
                                         ".patch_embd",
                                         ".patch_merger",
                                         "a.rvq.codebook",
                                         "mm.a.code_embd"};
  constexpr std::string_view kExactGlm5Next[] = {"hc_",
                                                 "indexer.attn_q_b",
                                                 "indexer.attn_k",
                                                 "indexer.proj",
                                                 "indexer_compressor_gate",
                                                 "indexer_compressor_ape",
                                                 "ssm_f_a.weight",
                                                 "ssm_f_b.weight",
                                                 "ssm_g_a.weight",
                                                 "ssm_g_b.weight",
                                                 "ssm_beta.weight",
                                                 "attn_kv_a_mqa.weight",
                                                 "attn_k_b.weight",
                                                 "attn_v_b.weight"};
  if (ne[1] <= 1 && ne[2] <= 1 && ne[3] <= 1) return false;
  if (!name.ends_with("weight")) return false;
  if (name == "position_embd.weight" || name == "token_types.weight") return false;
  const auto contains = [&](std::string_view part) {
    return name.find(part) != std::string_view::npos;
  };
  if (std::ranges::any_of(kExact, contains)) return false;
  return arch != "glm5-next" || std::ranges::none_of(kExactGlm5Next, contains);
}

Result<DType> fallback_for(DType type, int64_t n) {
  if (n % traits(type).block_elems == 0) return type;
  DType other = DType::f16;
  switch (type) {
    case DType::iq1_s:
    case DType::iq1_m:
    case DType::iq2_xxs:
    case DType::iq2_xs:
    case DType::iq2_s:
    case DType::iq3_xxs:
    case DType::iq3_s:
    case DType::iq4_xs:
      other = DType::iq4_nl;
      break;
    case DType::q2_k:
    case DType::q3_k:
    case DType::tq1_0:
    case DType::tq2_0:
    case DType::q2_0:
      other = DType::q4_0;
      break;
    case DType::q4_k:
      other = DType::q5_0;
      break;
    case DType::q5_k:
      other = DType::q5_1;
      break;
    case DType::q6_k:
      other = DType::q8_0;
      break;
    default:
      if (traits(type).block_elems > 32)
        return Error{
            Errc::unsupported,
            fmt::format("no tensor type fallback is defined for type {}", display_name(type))};
  }
  return n % traits(other).block_elems == 0 ? other : DType::f16;
}

Result<DType> Mix::choose(std::string_view name, const int64_t (&ne)[4]) {
  const std::string_view file = info_.name;
  const DType base = info_.base;
  const Part part = part_of(name);
  const bool very_low = is_one_of(file, {"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"});
  if (part == Part::output || (part == Part::embedding && model_.tied)) {
    if (file == "MXFP4_MOE" || model_.arch == "falcon" || ne[0] % traits(base).block_elems != 0)
      return DType::q8_0;
    if (very_low || file == "IQ3_XXS") return DType::q5_k;
    return base == DType::q8_0 ? base : DType::q6_k;
  }
  if (file == "MXFP4_MOE") {
    const bool expert = ne[2] > 1 && (model_.arch != "bailingmoe3" || part == Part::up ||
                                      part == Part::gate || part == Part::down);
    return expert ? DType::mxfp4 : DType::q8_0;
  }

  // The place of the tensor among those of its part.
  int64_t place = 0, visit = 0, of = model_.n_layer;
  if (is_value(part)) {
    place = values_++, of = model_.n_value;
  } else if (part == Part::down || part == Part::up || part == Part::gate) {
    int64_t& count = part == Part::down ? downs_ : part == Part::up ? ups_ : gates_;
    place = visit = count++;
    if (model_.n_expert > 1) {
      const std::optional<int64_t> layer = layer_of(name);
      if (!layer || *layer < 0 || *layer >= model_.n_layer)
        return Error{Errc::corrupt, fmt::format("tensor '{}': no layer below {} in the name", name,
                                                model_.n_layer)};
      place = *layer;
    }
  }
  const bool is_falcon = model_.arch == "falcon";
  const auto flag = [](bool holds, uint32_t bit) { return holds ? bit : 0u; };
  const uint32_t holds =
      flag(model_.gqa >= 4, gqa_4) | flag(model_.n_expert >= 4, experts_4) |
      (model_.n_expert == 8 ? experts_8 : not_experts_8) | (matrix_ ? matrix : no_matrix) |
      (is_falcon ? falcon : not_falcon) | flag(is_more(place, of), more) |
      flag(place < 2, first_2) | flag(place < 4, first_4) | flag(place < of / 8, first_eighth) |
      flag(place < of / 16, first_sixteenth) | flag(place >= of / 8 && place < 7 * of / 8, middle) |
      flag(visit < of / 8, visit_eighth);
  const Part looked_up = is_value(part) ? Part::value : part;

  DType type = base;
  for (const Rule& r : kRules) {
    if (r.file != file || r.part != looked_up || (r.conditions & ~holds) != 0) continue;
    type = r.type;
    break;
  }
  if (very_low) return type;
  if (is_value(part)) {
    if (model_.class_70b && (type == DType::q3_k || type == DType::q4_k)) type = DType::q5_k;
    if (model_.n_expert == 8) type = DType::q8_0;
  }
  if (part == Part::key && model_.n_expert == 8) type = DType::q8_0;
  return type;
}

}  // namespace engine::quant
