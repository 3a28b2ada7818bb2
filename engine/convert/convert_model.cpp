// convert_directory(): configuration, weights and tokenizer of a directory become one file.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/convert/convert.h"
#include "engine/convert/directory.h"
#include "engine/convert/family.h"
#include "engine/convert/write.h"
#include "engine/core/log.h"

namespace engine::convert {
namespace {

constexpr int64_t kMaxVocabulary = int64_t{1} << 23;
constexpr std::string_view kScaleSuffixes[] = {".weight_scale_inv", ".weight_scale"};

// 7.2e9 as "7.2B".
std::string size_label(int64_t parameters) {
  const auto n = static_cast<double>(parameters);
  const auto [scaled, unit] = n > 1e12  ? std::pair(n / 1e12, 'T')
                              : n > 1e9 ? std::pair(n / 1e9, 'B')
                              : n > 1e6 ? std::pair(n / 1e6, 'M')
                                        : std::pair(n / 1e3, 'K');
  return fmt::format("{:.{}f}{}", scaled, scaled < 9.5 ? 1 : 0, unit);
}

class ModelConverter {
 public:
  ModelConverter(const std::string& dir, const Family& family, Model model, Checkpoint checkpoint,
                 TokenizerData tokenizer, const ConvertOptions& options)
      : dir_(dir),
        family_(family),
        model_(std::move(model)),
        checkpoint_(std::move(checkpoint)),
        tokenizer_(std::move(tokenizer)),
        options_(options) {}

  Status run(const std::string& out_path) {
    for (const auto& [name, tensor] : checkpoint_.tensors())
      ENGINE_TRY_STATUS(take_tensor(name, *tensor));
    ENGINE_TRY_STATUS(stack_experts());
    ENGINE_TRY_STATUS(fit_vocabulary());
    ENGINE_TRY_STATUS(check_needs());
    if (family_.computed != nullptr) ENGINE_TRY_STATUS(family_.computed(model_, tensors_));
    for (NewTensor& t : tensors_) choose_type(t, options_);
    gguf::Writer writer;
    ENGINE_TRY_STATUS(write_keys(writer));
    return write_file(std::move(tensors_), checkpoint_, writer, out_path, options_);
  }

 private:
  Error corrupt(std::string text) const {
    return {Errc::corrupt, fmt::format("{}: {}", dir_, text)};
  }

  // The scales of an F8 tensor; nullptr: none.
  const SafeTensor* scale_of(const std::string& name) const {
    constexpr std::string_view kWeight = ".weight";
    if (!name.ends_with(kWeight)) return nullptr;
    const std::string stem = name.substr(0, name.size() - kWeight.size());
    for (const std::string_view suffix : kScaleSuffixes)
      if (const SafeTensor* s = checkpoint_.find(stem + std::string(suffix))) return s;
    return nullptr;
  }
  bool is_scale(const std::string& name) const {
    for (const std::string_view suffix : kScaleSuffixes)
      if (name.ends_with(suffix) &&
          checkpoint_.find(name.substr(0, name.size() - suffix.size()) + ".weight") != nullptr)
        return true;
    return name.ends_with(".input_scale") || name.ends_with(".activation_scale");
  }

  Status take_tensor(const std::string& name, const SafeTensor& source) {
    if (is_scale(name)) return ok;
    const std::optional<Target> target = family_.target(model_, name);
    if (!target)
      return Error{Errc::unsupported,
                   fmt::format("{}: tensor '{}' is not known for {}; leaving it out would give "
                               "wrong answers",
                               dir_, name.substr(0, 128), model_.config.hf_class())};
    if (target->name.empty()) return ok;
    ENGINE_TRY_STATUS(check_readable(source));
    NewTensor t = whole_tensor(target->name, source);
    if (t.ne.size() > 3) return corrupt(fmt::format("tensor '{}' has {} axes", name, t.ne.size()));
    t.add = target->add;
    Part& part = t.parts.front();
    if (source.type == SafeType::F8_E4M3) {
      part.scale = scale_of(name);
      ENGINE_TRY_STATUS(check_scale(part));
    }
    if (target->heads > 0) ENGINE_TRY_STATUS(reorder(t, target->heads));
    if (target->skip_rows > 0) {
      if (t.ne.size() != 2 || t.ne[1] <= target->skip_rows)
        return corrupt(fmt::format("tensor '{}' is too short", name));
      part.first = target->skip_rows;
      part.rows = t.ne[1] -= target->skip_rows;
    }
    if (target->expert >= 0) {
      experts_[t.name][target->expert] = std::move(t);
      return ok;
    }
    if (!names_.emplace(t.name, tensors_.size()).second)
      return corrupt(fmt::format("tensor '{}' stands there under another name, too", name));
    tensors_.push_back(std::move(t));
    return ok;
  }

  Status reorder(NewTensor& t, int64_t heads) {
    Part& part = t.parts.front();
    if (t.ne.size() == 1) part.rows = t.ne[0], part.cols = 1;
    if (part.rows % (2 * heads) != 0)
      return corrupt(
          fmt::format("{} has {} rows, which {} heads cannot share", t.name, part.rows, heads));
    part.heads = heads;
    return ok;
  }

  // One scale for all, one per row, or one per block of 128 by 128.
  Status check_scale(const Part& part) const {
    const SafeTensor& t = *part.tensor;
    if (part.scale == nullptr) return ok;
    ENGINE_TRY_STATUS(check_readable(*part.scale));
    const int64_t n = part.scale->elements(), block = part.scale_block;
    const int64_t blocks = (part.rows + block - 1) / block * ((part.cols + block - 1) / block);
    if (t.shape.size() == 2 && (n == 1 || n == part.rows || n == blocks)) return ok;
    return corrupt(fmt::format("tensor '{}' has {} scales; 1, {} or {} would fit", t.name, n,
                               part.rows, blocks));
  }

  // One tensor of the slices of all experts.
  Status stack_experts() {
    for (auto& [name, slices] : experts_) {
      NewTensor all = slices.begin()->second;
      all.parts.clear();
      for (auto& [expert, slice] : slices) {
        if (slice.ne != all.ne || expert != std::ssize(all.parts)) break;
        all.parts.push_back(slice.parts.front());
      }
      if (std::ssize(all.parts) != model_.dims.experts)
        return corrupt(fmt::format("the experts of {} are not complete", name));
      all.ne.push_back(model_.dims.experts);
      names_.emplace(name, tensors_.size());
      tensors_.push_back(std::move(all));
    }
    return ok;
  }

  // As many tokens as rows of the embedding.
  Status fit_vocabulary() {
    const auto it = names_.find("token_embd.weight");
    if (it == names_.end()) return corrupt("missing tensor: the embedding of the tokens");
    for (const char* name : {"token_embd.weight", "output.weight"}) {
      const auto at = names_.find(name);
      if (at == names_.end()) continue;
      NewTensor& t = tensors_[at->second];
      if (t.ne.size() != 2 || t.ne[0] != model_.dims.embd || t.ne[1] == 0)
        return wrong_shape(t, {name, model_.dims.embd, 0});
      const int64_t tokens = std::ssize(tokenizer_.tokens);
      if (family_.cut_embedding && t.ne[1] > tokens) t.parts.front().rows = t.ne[1] = tokens;
    }
    const int64_t rows = tensors_[it->second].ne[1];
    if (const auto head = names_.find("output.weight");
        head != names_.end() && tensors_[head->second].ne[1] != rows)
      return wrong_shape(tensors_[head->second], {"output.weight", model_.dims.embd, rows});
    if (rows > kMaxVocabulary)
      return corrupt(
          fmt::format("the embedding has {} rows, at most {} are possible", rows, kMaxVocabulary));
    if (std::ssize(tokenizer_.tokens) > rows)
      log_warn("{}: the tokenizer has {} tokens, the model only {}; the last ones are left out",
               dir_, tokenizer_.tokens.size(), rows);
    tokenizer_.cut_to(static_cast<size_t>(rows));
    tokenizer_.pad_to(static_cast<size_t>(rows));
    return ok;
  }

  Error wrong_shape(const NewTensor& t, const Need& need) const {
    std::string expected = fmt::format("{}", need.ne0);
    if (need.ne1 > 0) expected += fmt::format(" x {}", need.ne1);
    return corrupt(fmt::format("tensor '{}' has wrong shape; expected {}, got {}", t.name, expected,
                               fmt::join(t.ne, " x ")));
  }

  Status check_needs() const {
    for (const Need& need : family_.needs(model_)) {
      const auto it = names_.find(need.name);
      if (it == names_.end())
        return corrupt(
            fmt::format("missing tensor '{}': the weights are not complete, or do not "
                        "belong to this config.json",
                        need.name));
      const NewTensor& t = tensors_[it->second];
      if (t.ne[0] != need.ne0 || (t.ne.size() > 1 ? t.ne[1] : 0) != need.ne1)
        return wrong_shape(t, need);
    }
    const SortedJson* tied = model_.config.find({"tie_word_embeddings"});
    const bool own_head = tied != nullptr && tied->is_boolean() && !tied->get<bool>();
    if (own_head && model_.config.hf_class().ends_with("ForCausalLM") &&
        !names_.contains("output.weight") && !file_exists(dir_ + "/modules.json"))
      return corrupt(
          "missing tensor 'lm_head.weight', which \"tie_word_embeddings\": false asks for");
    return ok;
  }

  Status write_keys(gguf::Writer& writer) {
    writer.set("general.architecture", std::string_view(family_.arch));
    writer.set("general.type", std::string_view("model"));
    writer.set("general.name", std::filesystem::weakly_canonical(dir_).filename().string());
    int64_t parameters = 0;
    for (const NewTensor& t : tensors_) parameters += t.elements();
    writer.set("general.size_label", size_label(parameters));
    writer.set("general.file_type", file_type_of(tensors_));
    writer.set("general.quantization_version", uint32_t{2});
    Keys keys(writer, family_.arch);
    ENGINE_TRY_STATUS(family_.keys(model_, keys));
    keys.set("vocab_size", static_cast<uint32_t>(tokenizer_.tokens.size()));
    ENGINE_TRY_STATUS(write_pooling(writer, keys));
    write_tokenizer(tokenizer_, writer);
    return ok;
  }

  Status write_pooling(gguf::Writer& writer, Keys& keys) {
    if (writer.has(std::string(family_.arch) + ".pooling_type")) return ok;
    ENGINE_TRY(pooling, read_pooling(dir_));
    if (!pooling.type && std::string_view(family_.arch) == "bert") {
      log_warn("{}: no modules.json says how rows become a vector; their mean is taken", dir_);
      pooling.type = 1;
    }
    if (!pooling.type) return ok;
    keys.set("pooling_type", *pooling.type);
    if (pooling.normalize) keys.set("normalize_embeddings", true);
    return ok;
  }

  const std::string& dir_;
  const Family& family_;
  Model model_;
  Checkpoint checkpoint_;
  TokenizerData tokenizer_;
  const ConvertOptions& options_;
  std::vector<NewTensor> tensors_;
  std::map<std::string, size_t, std::less<>> names_;  // index in tensors_
  std::map<std::string, std::map<int64_t, NewTensor>> experts_;
};

// Weights that a tool has quantized already are of no use here, but for F8.
Status check_not_quantized(const ModelConfig& config) {
  const SortedJson* quantization = config.find({"quantization_config"});
  if (quantization == nullptr) return ok;
  const std::string method = text_member(*quantization, "quant_method");
  if (method == "fp8" || method == "compressed-tensors") return ok;
  return Error{Errc::unsupported,
               fmt::format("the weights are quantized by {}; convert the original model instead",
                           method.empty() ? "a tool that is not known" : method.substr(0, 64))};
}

}  // namespace

bool is_model_directory(const std::string& dir) {
  return file_exists(dir + "/config.json");
}

Status convert_directory(const std::string& dir, const std::string& out_path,
                         const ConvertOptions& options) {
  ENGINE_TRY(config, ModelConfig::read(dir));
  const Family* family = find_family(config.hf_class());
  if (family == nullptr)
    return Error{Errc::unsupported,
                 fmt::format("unsupported architecture \"{}\"; these can be converted: {}",
                             config.hf_class().substr(0, 128), family_list())};
  ENGINE_TRY_STATUS(check_not_quantized(config));
  ENGINE_TRY(dims, family->dims(config));
  ENGINE_TRY(tokenizer, read_tokenizer(dir, config));
  ENGINE_TRY(checkpoint, Checkpoint::open(dir));
  return ModelConverter(dir, *family, {std::move(config), dims}, std::move(checkpoint),
                        std::move(tokenizer), options)
      .run(out_path);
}

}  // namespace engine::convert
