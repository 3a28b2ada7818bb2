// The steps of create: base, files, adapters, drafts, quantization, texts, config, manifest.
#include "engine/store/create.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/core/options.h"
#include "engine/store/create_files.h"
#include "engine/store/describe.h"
#include "engine/store/hash_json.h"
#include "engine/store/split_name.h"
#include "engine/store/store_lock.h"
#include "engine/text/chat_template.h"
#include "gguf/file_type.h"

namespace engine {
namespace {

constexpr std::pair<std::string_view, std::string_view> kAliases[] = {
#define ALIAS(model, published) {model, published},
#include "engine/store/aliases.inc"
};

// Families that are written and read by code of their own: what a config names when nobody else did.
struct FamilyDefault {
  std::string_view architecture;  // * at the end: all that begin so
  std::string_view renderer, parser, stop;
};
constexpr FamilyDefault kFamilies[] = {
    {"gemma4", "gemma4", "gemma4", "<turn|>"},
    {"laguna", "laguna", "laguna", ""},
    {"nemotron_h*", "nemotron-3-nano", "nemotron-3-nano", ""},
};

bool is_text(const Layer& layer, std::initializer_list<std::string_view> types) {
  return std::find(types.begin(), types.end(), layer.media_type) != types.end();
}

class Creator {
 public:
  Creator(const ModelStore& store, const CreateRequest& request, const CreateTools& tools,
          const CreateEvents& events)
      : store_(store), request_(request), tools_(tools), context_{store, tools, events} {}

  Result<ModelRecord> run() {
    if (request_.from.empty() && request_.files.empty())
      return invalid_argument("neither 'from' or 'files' was specified");
    ENGINE_TRY_STATUS(check());
    if (!request_.from.empty()) ENGINE_TRY_STATUS(find_base());
    ENGINE_TRY_STATUS(write());
    context_.status({"success"});
    return store_.find(request_.name);
  }

 private:
  Status write() {
    const std::optional<Manifest> old = store_.manifest(request_.name);
    ENGINE_TRY_STATUS(add_all());
    return old ? store_.remove_unused(*old) : Status(ok);
  }

  // From the first blob to the manifest.
  Status add_all() {
    const StoreLock lock(store_.root(), StoreLock::shared);
    ENGINE_TRY_STATUS(inherit());
    ENGINE_TRY_STATUS(add_files());
    ENGINE_TRY_STATUS(quantize());
    ENGINE_TRY_STATUS(fill_config());
    for (const Layer& layer : manifest_.layers)
      context_.status({"using existing layer " + layer.digest});
    ENGINE_TRY_STATUS(add_texts());
    ENGINE_TRY_STATUS(context_.check_cancelled());
    ENGINE_TRY(config, store_.put_layer(media::kConfig, write_config(config_)));
    manifest_.config = std::move(config);
    context_.status({"writing manifest"});
    return store_.write_bytes(request_.name, write_manifest(manifest_));
  }

  // What can be said before anything is fetched or written.
  Status check() {
    if (!request_.quantize.empty()) {
      ENGINE_TRY(type, quantization(request_.quantize));
      type_ = std::move(type);
    }
    if (!request_.draft_quantize.empty()) {
      if (request_.drafts.empty())
        return invalid_argument("--draft-quantize requires a DRAFT model");
      ENGINE_TRY(type, quantization(request_.draft_quantize));
      draft_type_ = std::move(type);
    }
    if (!request_.template_text.empty())
      if (const auto parsed = ChatTemplate::parse_go(request_.template_text); !parsed)
        return invalid_argument("template error: " + parsed.error().message);
    if (!request_.parameters.is_null()) {
      Options scratch;
      ENGINE_TRY_STATUS(apply_options(request_.parameters, scratch));
      ENGINE_TRY_STATUS(check_options(scratch));
    }
    return ok;
  }

  static Result<std::string> quantization(const std::string& text) {
    if (const auto type = find_quantization(text)) return *type;
    return Error{Errc::internal,
                 fmt::format("unsupported quantization type {} - supported types are F32, F16, "
                             "Q4_K_S, Q4_K_M, Q8_0",
                             text)};
  }

  // The model itself, else from the registry, else what the registry knows it by.
  Status find_base() {
    const auto name = parse_user_name(request_.from);
    if (!name)
      return name.error().code == Errc::unsupported ? name.error()
                                                    : invalid_argument("invalid model name");
    Status found = take_base(*name);
    if (found) return ok;
    const auto alias = find_alias(*name);
    // Where the registry was not reached, what is here will do.
    if (!alias || (found.error().code != Errc::not_found && !store_.has(*alias))) return found;
    context_.status({fmt::format("note: {} is not in the registry, using {}", name->short_form(),
                                 alias->short_form())});
    return take_base(*alias);
  }

  Status take_base(const ModelName& name) {
    if (!store_.has(name)) {
      if (!tools_.pull)
        return Error{Errc::not_found, fmt::format("model '{}' not found", name.short_form())};
      ENGINE_TRY_STATUS(tools_.pull(name, context_.events));
    }
    ENGINE_TRY(record, store_.find(name));
    base_ = std::move(record);
    return ok;
  }

  Status inherit() {
    if (!base_) return ok;
    const std::string name = base_->name.short_form();
    for (Layer layer : base_->manifest.layers) {
      if (!store_.blobs().has(layer.digest))
        return Error{Errc::corrupt,
                     fmt::format("model '{}' lacks the blob {}; pull or create it again", name,
                                 layer.digest)};
      store_.blobs().touch(layer.digest);
      layer.from = name;
      manifest_.layers.push_back(std::move(layer));
    }
    config_ = base_->config;
    return ok;
  }

  Status add_files() {
    if (!request_.files.empty()) {
      ENGINE_TRY(layers, layers_of_files(context_, request_.files, FilesFor::model, weights()));
      const auto is_model = [](const Layer& l) { return l.media_type == media::kModel; };
      // weights that are given take the place of those of the base
      if (std::any_of(layers.begin(), layers.end(), is_model)) {
        std::erase_if(manifest_.layers, is_model);
        config_.family.clear(), config_.families.clear();
        config_.parameter_size.clear(), config_.file_type.clear();
      }
      append(std::move(layers));
    }
    if (!manifest_.find(media::kModel))
      return invalid_argument(manifest_.find(media::kAdapter) ? "no base model was found"
                                                              : "no files provided to convert");
    if (!request_.adapters.empty()) {
      ENGINE_TRY(layers,
                 layers_of_files(context_, request_.adapters, FilesFor::adapter, weights()));
      append(std::move(layers));
    }
    if (!request_.drafts.empty()) {
      ENGINE_TRY(layers, layers_of_files(context_, request_.drafts, FilesFor::draft, {}));
      std::erase_if(manifest_.layers, [](const Layer& l) { return l.media_type == media::kDraft; });
      append(std::move(layers));
    }
    return ok;
  }

  void append(std::vector<Layer> layers) {
    for (Layer& layer : layers) manifest_.layers.push_back(std::move(layer));
  }

  // The path of the weights so far, "" without any.
  std::string weights() const {
    const Layer* layer = manifest_.find(media::kModel);
    return layer ? store_.blobs().path(layer->digest) : std::string();
  }

  Status quantize() {
    for (Layer& layer : manifest_.layers) {
      const bool draft = layer.media_type == media::kDraft;
      const std::string& type = draft ? draft_type_ : type_;
      if (type.empty() || (!draft && layer.media_type != media::kModel)) continue;
      if (parse_split_name(layer.name))
        return Error{Errc::unsupported,
                     "a split model cannot be quantized; merge its files into one before"};
      ENGINE_TRY(done,
                 quantize_layer(context_, layer, type, draft ? FilesFor::draft : FilesFor::model));
      if (done.digest != layer.digest && !draft) config_.file_type.clear();
      layer = std::move(done);
    }
    return ok;
  }

  Status fill_config() {
    ENGINE_TRY(shards, shard_layers(manifest_));
    std::vector<std::string> paths;
    for (const Layer* shard : shards) paths.push_back(store_.blobs().path(shard->digest));
    if (paths.empty()) paths.push_back(weights());
    ENGINE_TRY(file, gguf::File::open(paths));
    const GgufFacts facts = describe(file);
    const auto fill = [](std::string& field, const std::string& value) {
      if (field.empty()) field = value;
    };
    fill(config_.family, facts.architecture);
    fill(config_.parameter_size, parameter_text(facts.n_params));
    fill(config_.file_type, facts.file_type);
    if (config_.families.empty()) {
      size_t models = 0;
      for (const Layer& layer : manifest_.layers) models += layer.media_type == media::kModel;
      if (!shards.empty()) models -= shards.size() - 1;
      config_.families.assign(models, facts.architecture);
    }
    if (!request_.renderer.empty()) config_.renderer = request_.renderer;
    if (!request_.parser.empty()) config_.parser = request_.parser;
    if (!request_.requires_version.empty()) config_.requires_version = request_.requires_version;
    for (const FamilyDefault& f : kFamilies) {
      const bool prefix = f.architecture.ends_with('*');
      const std::string_view name = f.architecture.substr(0, f.architecture.size() - prefix);
      if (prefix ? !facts.architecture.starts_with(name) : facts.architecture != name) continue;
      if (config_.renderer.empty() || config_.parser.empty()) default_stop_ = f.stop;
      fill(config_.renderer, std::string(f.renderer));
      fill(config_.parser, std::string(f.parser));
    }
    if (const Layer* draft = manifest_.find(media::kDraft)) {
      ENGINE_TRY(weights, gguf::File::open(store_.blobs().path(draft->digest)));
      config_.draft = dump_json(
          Json{{"model_format", "gguf"}, {"architecture", describe(weights).architecture}});
    }
    return ok;
  }

  // A text in the place of those of its types.
  Status replace(std::initializer_list<std::string_view> types, const std::string& text) {
    std::erase_if(manifest_.layers, [&](const Layer& layer) { return is_text(layer, types); });
    return add(*types.begin(), text);
  }

  Status add(std::string_view type, const std::string& text) {
    ENGINE_TRY(info, store_.put_blob("", source_of(text)));
    context_.status_of(info);
    manifest_.layers.push_back({std::string(type), info.digest, info.size, "", ""});
    return ok;
  }

  Status add_texts() {
    if (!request_.template_text.empty())
      ENGINE_TRY_STATUS(replace({media::kTemplate, media::kPrompt}, request_.template_text));
    if (!request_.system.empty()) ENGINE_TRY_STATUS(replace({media::kSystem}, request_.system));
    for (const std::string& license : request_.licenses) {
      const bool known = base_ && std::find(base_->licenses.begin(), base_->licenses.end(),
                                            license) != base_->licenses.end();
      if (!known && !license.empty()) ENGINE_TRY_STATUS(add(media::kLicense, license));
    }
    ENGINE_TRY_STATUS(add_parameters());
    if (request_.messages.is_array() && !request_.messages.empty())
      ENGINE_TRY_STATUS(replace({media::kMessages}, hash_json(request_.messages)));
    if (request_.meta.empty()) return ok;
    ENGINE_TRY(own, parse_meta(base_ ? base_->meta : std::string()));
    return replace({media::kMeta}, write_meta(merge_meta(std::move(own), request_.meta)));
  }

  Status add_parameters() {
    Json merged = Json::object();
    if (base_ && !base_->params.empty()) {
      ENGINE_TRY(own, parse_json(base_->params));
      if (own.is_object()) merged = std::move(own);
    }
    const Json before = merged;
    if (request_.parameters.is_object())
      for (const auto& [key, value] : request_.parameters.items())
        if (!value.is_null()) merged[key] = value;
    if (!default_stop_.empty() && !merged.contains("stop"))
      merged["stop"] = Json::array({default_stop_});
    if (merged == before) return ok;
    return replace({media::kParams}, hash_json(merged, KeyOrder::sorted));
  }

  const ModelStore& store_;
  const CreateRequest& request_;
  const CreateTools& tools_;
  const CreateContext context_;
  std::optional<ModelRecord> base_;
  Manifest manifest_;
  ModelConfig config_;
  std::string type_, draft_type_, default_stop_;
};

}  // namespace

Result<ModelRecord> create_model(const ModelStore& store, const CreateRequest& request,
                                 const CreateTools& tools, const CreateEvents& events) {
  return Creator(store, request, tools, events).run();
}

std::optional<ModelName> find_alias(const ModelName& name) {
  if (!equal_ignoring_case(name.host, kDefaultHost) ||
      !equal_ignoring_case(name.space, kDefaultNamespace))
    return std::nullopt;
  for (const auto& [model, published] : kAliases) {
    if (!equal_ignoring_case(name.model, model)) continue;
    ModelName out = name;
    out.model = published;
    return out;
  }
  return std::nullopt;
}

std::optional<std::string> find_quantization(const std::string& text) {
  std::string wanted = text;
  for (char& c : wanted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  // the types that are mixes go by the name of the middle one
  for (const std::string_view mix : {"Q3_K", "Q4_K", "Q5_K"})
    if (wanted == mix) wanted += "_M";
  for (const gguf::FileType& type : gguf::file_types())
    if (wanted == type.name) return wanted;
  return std::nullopt;
}

Result<ModelRecord> ModelStore::create(const ModelName& name, const CreateSpec& spec) const {
  CreateRequest request;
  request.name = name;
  if (!spec.params.empty()) {
    ENGINE_TRY(params, parse_json(spec.params));
    if (!params.is_object())
      return Error{Errc::invalid_argument, "the parameters of a model must be a JSON object"};
    request.parameters = std::move(params);
  }
  {
    // before the bytes are copied
    ENGINE_TRY(file, gguf::File::open(spec.gguf_path));
    if (file.shards() > 1)
      return Error{
          Errc::unsupported,
          spec.gguf_path + " is one part of a split file; `engine create` takes all parts"};
  }
  ENGINE_TRY(source, source_of_file(spec.gguf_path));
  std::error_code ec;
  const auto size = std::filesystem::file_size(spec.gguf_path, ec);
  ENGINE_TRY(weights, put_blob("", source, ec ? -1 : static_cast<int64_t>(size)));
  request.files = {{std::filesystem::path(spec.gguf_path).filename().string(), weights.digest}};
  request.template_text = spec.template_text;
  request.system = spec.system;
  request.licenses = spec.licenses;
  return create_model(*this, request, {}, {});
}

}  // namespace engine
