#include "engine/quantize/create.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "engine/quantize/quantizer.h"
#include "gguf/file_type.h"

namespace engine::quant {
namespace {

struct Exception {
  const char *arch, *pattern;
  DType type;
};
// Matrices that lose too much with four bits.
constexpr Exception kExceptions[] = {
    {"qwen35", R"(^blk\.[0-9]+\.nextn\.eh_proj\.weight$)", DType::q8_0},
    {"qwen35moe", R"(^blk\.[0-9]+\.nextn\.eh_proj\.weight$)", DType::q8_0},
    {"gemma3n", R"(^per_layer_token_embd\.weight$)", DType::f16},
    {"deepseek2", R"(attn_k_b\.weight$)", DType::q8_0},
    {"deepseek2", R"(attn_q_a\.weight$)", DType::q8_0},
    {"deepseek2", R"(attn_q_b\.weight$)", DType::q8_0},
    {"deepseek2", R"(attn_v_b\.weight$)", DType::q8_0},
    {"deepseek2", R"(attn_kv_a_mqa\.weight$)", DType::q8_0},
    {"glmocr", R"(^token_embd\.weight$)", DType::f16},
    {"glmocr", R"(^output\.weight$)", DType::f16},
    {"glm4", R"(^token_embd\.weight$)", DType::f16},
    {"glm4", R"(^output\.weight$)", DType::f16},
};

bool is_k_type(std::string_view name) {
  return name.find("_K") != std::string_view::npos;
}

// What the file says it is; without a word from it, what most of its matrices are.
Result<std::string> type_name_of(const gguf::File& file) {
  if (file.has("general.file_type")) {
    ENGINE_TRY(id, file.u32("general.file_type"));
    const gguf::FileType* known = gguf::find_file_type(id);
    return std::string(known != nullptr ? known->name : "unknown");
  }
  std::map<DType, int> counts;
  for (const gguf::TensorInfo& t : file.tensors())
    if (t.ne[1] > 1) ++counts[t.dtype];
  const auto most = std::ranges::max_element(counts, {}, [](const auto& c) { return c.second; });
  return std::string(most == counts.end() ? "unknown" : display_name(most->first));
}

}  // namespace

Result<CreatePlan> plan_for_create(const std::string& path, std::string_view type) {
  std::string upper(type);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  CreatePlan plan;
  const bool is_number = !upper.empty() && std::isdigit(static_cast<unsigned char>(upper[0]));
  plan.mix = is_number ? nullptr : find_mix(upper);
  if (plan.mix == nullptr || find_quantizer(plan.mix->base, 0) == nullptr)
    return Error{Errc::invalid_argument,
                 fmt::format("unsupported quantization type {} - supported types are {}", upper,
                             writable_mixes())};
  ENGINE_TRY(file, gguf::File::open(path));
  ENGINE_TRY(source, type_name_of(file));
  plan.nothing_to_do = source == plan.mix->name;
  if (plan.nothing_to_do) return plan;
  if (source != "F16" && source != "BF16" && source != "F32")
    return Error{
        Errc::invalid_argument,
        fmt::format("quantization is only supported for F16, BF16 and F32 models; this one is {}",
                    source)};
  plan.status = fmt::format("quantizing {} model to {}", source, plan.mix->name);
  plan.options.allow_requantize = true;  // single tensors may be quantized
  plan.options.keep = {"v.", "a.", "s.", "mm."};
  ENGINE_TRY(arch, file.str("general.architecture", ""));
  if (is_k_type(plan.mix->name))
    for (const Exception& e : kExceptions)
      if (arch == e.arch) plan.options.tensor_types.emplace_back(e.pattern, e.type);
  return plan;
}

}  // namespace engine::quant
