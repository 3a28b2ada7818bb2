// convert_adapter(): the low-rank matrices of a PEFT (or mlx) directory under the names of the base
// model.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/convert/convert.h"
#include "engine/convert/directory.h"
#include "engine/convert/family.h"
#include "engine/convert/write.h"
#include "gguf/reader.h"

namespace engine::convert {
namespace {

struct Spelling {
  std::string_view suffix;
  bool is_b, embedding;  // embedding: of a look-up table, A is stored the other way round
};
constexpr Spelling kSpellings[] = {{".lora_A.weight", false, false},
                                   {".lora_B.weight", true, false},
                                   {".lora_A.default.weight", false, false},
                                   {".lora_B.default.weight", true, false},
                                   {".lora_embedding_A", false, true},
                                   {".lora_embedding_B", true, true},
                                   {".lora_embedding_A.default", false, true},
                                   {".lora_embedding_B.default", true, true},
                                   {".lora_a", false, false},
                                   {".lora_b", true, false}};

struct Pair {
  const SafeTensor *a = nullptr, *b = nullptr;
  Target target;
  bool embedding = false;
};

class AdapterConverter {
 public:
  AdapterConverter(const std::string& dir, const gguf::File& base, const Family& family,
                   Model model, Checkpoint checkpoint, const ConvertOptions& options)
      : dir_(dir),
        base_(base),
        family_(family),
        model_(std::move(model)),
        checkpoint_(std::move(checkpoint)),
        options_(options) {}

  Status run(const std::string& out_path) {
    ENGINE_TRY_STATUS(read_config());
    for (const auto& [name, tensor] : checkpoint_.tensors())
      ENGINE_TRY_STATUS(take_tensor(name, *tensor));
    if (pairs_.empty()) return corrupt("no tensors of a LoRA adapter");
    for (const auto& [name, pair] : pairs_) ENGINE_TRY_STATUS(add_pair(name, pair));
    for (NewTensor& t : tensors_) choose_type(t, options_);
    gguf::Writer writer;
    writer.set("general.architecture", std::string_view(family_.arch));
    writer.set("general.type", std::string_view("adapter"));
    writer.set("general.file_type", file_type_of(tensors_));
    writer.set("adapter.type", std::string_view("lora"));
    // Rank-stabilized adapters divide by the root of the rank.
    const double rank = static_cast<double>(rank_);
    writer.set("adapter.lora.alpha", static_cast<float>(root_of_rank_ ? alpha_ * std::sqrt(rank)
                                                        : times_rank_ ? alpha_ * rank
                                                                      : alpha_));
    Keys keys(writer, family_.arch);
    keys.set("attention.head_count", model_.dims.heads);
    keys.set("attention.head_count_kv", model_.dims.kv_heads);
    return write_file(std::move(tensors_), checkpoint_, writer, out_path, options_);
  }

 private:
  Error corrupt(const std::string& text) const {
    return {Errc::corrupt, fmt::format("{}: {}", dir_, text)};
  }
  Error unsupported(const std::string& text) const {
    return {Errc::unsupported, fmt::format("{}: {}", dir_, text)};
  }

  Status read_config() {
    ENGINE_TRY(json, read_json_file(dir_ + "/adapter_config.json"));
    const std::string type = text_member(json, "peft_type");
    if (!type.empty() && type != "LORA")
      return unsupported(
          fmt::format("adapters of the type {} are not supported, only LORA", type.substr(0, 64)));
    if (flag_member(json, "use_dora", false))
      return unsupported("DoRA adapters are not supported; merge it into its model");
    for (const char* key : {"alpha_pattern", "modules_to_save"})
      if (const SortedJson* v = member(json, key); v != nullptr && !v->empty())
        return unsupported(
            fmt::format("adapters with \"{}\" are not supported; merge it into its model", key));
    root_of_rank_ = flag_member(json, "use_rslora", false);
    const SortedJson* alpha = member(json, "lora_alpha");
    if (const SortedJson* mlx = member(json, "lora_parameters")) {
      if (alpha == nullptr) alpha = member(*mlx, "alpha");
      times_rank_ = alpha == nullptr;
      if (alpha == nullptr) alpha = member(*mlx, "scale");
    }
    if (alpha == nullptr || !alpha->is_number() || !std::isfinite(alpha->get<double>()))
      return corrupt("adapter_config.json: \"lora_alpha\" must be a number");
    alpha_ = alpha->get<double>();
    return ok;
  }

  Status take_tensor(std::string_view name, const SafeTensor& tensor) {
    const std::string shown(name.substr(0, 128));
    constexpr std::string_view kPrefix = "base_model.model.";
    if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
    const Spelling* spelling = nullptr;
    for (const Spelling& s : kSpellings)
      if (name.ends_with(s.suffix)) spelling = &s;
    if (spelling == nullptr)
      return unsupported(fmt::format("LoRA tensor '{}' has unexpected suffix", shown));
    const std::string module =
        std::string(name.substr(0, name.size() - spelling->suffix.size())) + ".weight";
    const std::optional<Target> target = family_.target(model_, module);
    if (!target || target->name.empty() || target->expert >= 0)
      return unsupported(fmt::format("LoRA tensor '{}' belongs to no tensor of the architecture {}",
                                     shown, family_.arch));
    ENGINE_TRY_STATUS(check_readable(tensor));
    Pair& pair = pairs_[target->name];
    const SafeTensor*& place = spelling->is_b ? pair.b : pair.a;
    if (place != nullptr) return corrupt(fmt::format("LoRA tensor '{}' stands there twice", shown));
    place = &tensor;
    pair.target = *target;
    pair.embedding = spelling->embedding;
    return ok;
  }

  // A is [rank, in] and B [out, rank], or both the other way round.
  Status add_pair(const std::string& name, const Pair& pair) {
    if (pair.a == nullptr || pair.b == nullptr)
      return corrupt(fmt::format("LoRA tensor pair for '{}' is missing one component", name));
    const std::optional<gguf::TensorInfo> weight = base_.find(name);
    if (!weight)
      return corrupt(fmt::format(
          "LoRA tensor '{}' does not exist in base model (hint: maybe wrong base model?)", name));
    // A look-up table multiplies from the other side.
    const int64_t in = weight->ne[pair.embedding ? 1 : 0], out = weight->ne[pair.embedding ? 0 : 1];
    const auto shape = [](const SafeTensor& t) {
      return t.shape.size() == 2 ? std::pair(t.shape[0], t.shape[1])
                                 : std::pair(int64_t{0}, int64_t{0});
    };
    const auto [a0, a1] = shape(*pair.a);
    const auto [b0, b1] = shape(*pair.b);
    const bool usual = a1 == in && b0 == out && a0 == b1, mlx = a0 == in && b1 == out && a1 == b0;
    const bool small = std::string_view(pair.a->name).ends_with(".lora_a");
    if (weight->ne[2] != 1 || (!usual && !mlx) || in == 0 || out == 0)
      return corrupt(
          fmt::format("tensor '{}' has incorrect shape (hint: maybe wrong base model?)", name));
    const bool turned = mlx && (!usual || small);
    const int64_t rank = turned ? a1 : a0;
    if (rank_ != 0 && rank_ != rank && (root_of_rank_ || times_rank_))
      return unsupported("ranks that differ are not supported together with such scales");
    if (rank == 0) return corrupt(fmt::format("tensor '{}' has the rank 0", name));
    rank_ = rank;
    // Files keep the A of a look-up table with one row per token.
    add(name + ".lora_a", *pair.a, pair.embedding ? in : rank, pair.embedding ? rank : in,
        turned != pair.embedding, 0);
    add(name + ".lora_b", *pair.b, out, rank, turned, pair.target.heads);
    return ok;
  }

  void add(std::string name, const SafeTensor& source, int64_t rows, int64_t cols, bool transposed,
           int64_t heads) {
    NewTensor t;
    t.name = std::move(name);
    t.ne = {cols, rows};
    Part part{&source, 0, rows, cols};
    part.transposed = transposed;
    part.heads = heads;
    t.parts.push_back(part);
    tensors_.push_back(std::move(t));
  }

  const std::string& dir_;
  const gguf::File& base_;
  const Family& family_;
  Model model_;
  Checkpoint checkpoint_;
  const ConvertOptions& options_;
  double alpha_ = 0;
  bool root_of_rank_ = false, times_rank_ = false;
  int64_t rank_ = 0;
  std::map<std::string, Pair> pairs_;  // by the tensor of the base
  std::vector<NewTensor> tensors_;
};

Result<Dims> dims_of_base(const gguf::File& base, const std::string& arch) {
  Dims d;
  ENGINE_TRY(layers, base.u32(arch + ".block_count"));
  ENGINE_TRY(heads, base.u32(arch + ".attention.head_count"));
  ENGINE_TRY(kv_heads, base.u32(arch + ".attention.head_count_kv", heads));
  d.layers = layers, d.heads = heads, d.kv_heads = kv_heads;
  for (const auto& [name, n] :
       {std::pair("blk.0.attn_q.weight", heads), std::pair("blk.0.attn_k.weight", kv_heads)})
    if (const auto t = base.find(name); t && (n == 0 || t->ne[1] % (2 * int64_t{n}) != 0))
      return Error{Errc::corrupt,
                   fmt::format("{}: {} heads cannot share the rows of {}", base.path(), n, name)};
  return d;
}

}  // namespace

bool is_adapter_directory(const std::string& dir) {
  return file_exists(dir + "/adapter_config.json");
}

Status convert_adapter(const std::string& dir, const std::string& base_path,
                       const std::string& out_path, const ConvertOptions& options) {
  if (!is_adapter_directory(dir))
    return Error{Errc::not_found,
                 fmt::format("{}/adapter_config.json is missing: {} is no directory of an adapter",
                             dir, dir)};
  ENGINE_TRY(base, gguf::File::open(base_path));
  ENGINE_TRY(arch_view, base.str("general.architecture"));
  const std::string arch(arch_view);
  const Family* family = find_family_of_arch(arch);
  if (family == nullptr)
    return Error{Errc::unsupported, fmt::format("unsupported architecture \"{}\" of the base model",
                                                arch.substr(0, 128))};
  ConvertOptions mine = options;
  if (mine.type == OutType::automatic) mine.type = OutType::f16;
  if (mine.type != OutType::f16 && mine.type != OutType::f32)
    return Error{Errc::invalid_argument, "adapters are written as f16 or f32"};
  ENGINE_TRY(dims, dims_of_base(base, arch));
  std::string weights = dir + "/adapter_model.safetensors";
  if (!file_exists(weights)) weights = dir + "/adapters.safetensors";
  if (!file_exists(weights))
    return Error{Errc::not_found,
                 fmt::format("{}: no adapter_model.safetensors; adapters in the form of .bin files "
                             "are not read, save them as safetensors",
                             dir)};
  ENGINE_TRY(checkpoint, Checkpoint::open_file(weights));
  return AdapterConverter(dir, base, *family, {ModelConfig::none(), dims}, std::move(checkpoint),
                          mine)
      .run(out_path);
}

}  // namespace engine::convert
