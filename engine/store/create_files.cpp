// GGUF files are checked and referred to as they are; only conversions write new ones.
#include "engine/store/create_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/core/mapped_file.h"
#include "engine/store/describe.h"
#include "engine/store/scratch_folder.h"
#include "engine/store/split_name.h"
#include "gguf/reader.h"

namespace engine {
namespace {

bool is_safetensors(const NamedBlob& file) {
  return file.name.ends_with(".safetensors");
}

struct GgufPart {
  NamedBlob file;
  int64_t size = 0;
  std::string_view media_type;
  ShardFacts shard;  // count 0: a whole file
};

// A projector says so, or has an encoder and no blocks of a language model.
std::string_view media_type_of(const gguf::File& file) {
  const auto type = file.str("general.type", "");
  if (type && *type == "adapter") return media::kAdapter;
  if (type && (*type == "projector" || *type == "mmproj")) return media::kProjector;
  const auto arch_name = file.str("general.architecture", "");
  const std::string arch(arch_name ? *arch_name : "");
  if (file.has(arch + ".block_count")) return media::kModel;
  if (file.has(arch + ".vision.block_count")) return media::kProjector;
  const auto has = [&](const char* key) {
    const auto flag = file.boolean(arch + key, false);
    return flag && *flag;
  };
  const bool encoder = has(".has_vision_encoder") || has(".has_audio_encoder");
  return arch == "clip" && encoder ? media::kProjector : media::kModel;
}

// A key of splits, plain or behind the name of the architecture.
std::optional<uint64_t> split_key(const gguf::File& file, const std::string& key) {
  const auto arch = file.str("general.architecture", "");
  for (const std::string& name : {key, std::string(arch ? *arch : "") + "." + key}) {
    if (!file.has(name)) continue;
    if (const auto value = file.get<uint64_t>(name)) return *value;
  }
  return std::nullopt;
}

Result<GgufPart> read_part(const CreateContext& context, const NamedBlob& file) {
  GgufPart part;
  part.file = file;
  ENGINE_TRY(map, MappedFile::open(context.store.blobs().path(file.digest)));
  part.size = static_cast<int64_t>(map.bytes().size());
  const auto bytes = map.bytes();
  const bool magic = bytes.size() >= 4 &&
                     std::string_view(reinterpret_cast<const char*>(bytes.data()), 4) == "GGUF";
  if (!magic) {
    // by its name it should be one
    return invalid_argument(file.name.ends_with(".gguf") ? "supplied file was not in GGUF format"
                                                         : "unknown type");
  }
  context.status({"parsing GGUF"});
  Result<gguf::File> parsed = gguf::File::parse(bytes, file.name);
  if (!parsed) return invalid_argument(parsed.error().message);
  part.media_type = media_type_of(*parsed);
  part.shard.name = file.name;
  part.shard.count = split_key(*parsed, "split.count").value_or(0);
  part.shard.index = split_key(*parsed, "split.no");
  if (part.shard.count < 2) part.shard.count = 0;
  return part;
}

Layer layer_of(const GgufPart& part) {
  Layer layer;
  layer.media_type = part.media_type;
  layer.digest = plain_digest(part.file.digest);
  layer.size = part.size;
  layer.from = part.file.name;
  return layer;
}

// The shards of one file in order, with the names by which they are found again.
Result<std::vector<Layer>> split_layers(const CreateContext& context,
                                        const std::vector<GgufPart>& parts) {
  std::vector<ShardFacts> facts;
  for (const GgufPart& p : parts) facts.push_back(p.shard);
  ENGINE_TRY(order, order_shards(facts));
  std::vector<Layer> out;
  std::vector<std::string> paths;
  for (const size_t i : order) {
    Layer layer = layer_of(parts[i]);
    // only the first shard says what the file is
    layer.media_type = parts[order[0]].media_type;
    layer.name = parts[i].file.name;
    paths.push_back(context.store.blobs().path(layer.digest));
    out.push_back(std::move(layer));
  }
  if (const auto whole = gguf::File::open(paths); !whole)
    return invalid_argument(whole.error().message);
  return out;
}

Result<std::vector<Layer>> gguf_layers(const CreateContext& context,
                                       const std::vector<NamedBlob>& files) {
  std::vector<GgufPart> whole;
  std::map<std::string, std::vector<GgufPart>> splits;  // by prefix
  for (const NamedBlob& file : files) {
    ENGINE_TRY_STATUS(context.check_cancelled());
    ENGINE_TRY(part, read_part(context, file));
    if (part.shard.count == 0) {
      whole.push_back(std::move(part));
    } else {
      const auto name = parse_split_name(file.name);
      splits[name ? name->prefix : file.name].push_back(std::move(part));
    }
  }
  std::vector<Layer> out;
  for (const GgufPart& part : whole) out.push_back(layer_of(part));
  for (const auto& [prefix, parts] : splits) {
    ENGINE_TRY(layers, split_layers(context, parts));
    out.insert(out.end(), layers.begin(), layers.end());
  }
  return out;
}

// The blobs under their names in a folder, as the converters read them.
Result<Layer> converted_layer(const CreateContext& context, const std::vector<NamedBlob>& files,
                              FilesFor use, const std::string& base) {
  const bool adapter = use == FilesFor::adapter;
  if (adapter ? !context.tools.convert_adapter : !context.tools.convert_model)
    return Error{Errc::unsupported,
                 fmt::format("this server cannot convert safetensors {}; convert to GGUF first",
                             adapter ? "adapters" : "models")};
  if (adapter && base.empty()) return invalid_argument("no base model was found");
  context.status({adapter ? "converting adapter" : "converting model"});
  ENGINE_TRY(folder, ScratchFolder::create(context.store.root(), kConversionFolder));
  for (const NamedBlob& part : files)
    ENGINE_TRY_STATUS(folder.link(part.name, context.store.blobs().path(part.digest)));
  ENGINE_TRY(file, ScratchFile::create(context.store.blobs().folder(), "converted-"));
  const std::string& out = file.path();
  const auto progress = [&](int64_t done, int64_t total) {
    context.status({adapter ? "converting adapter" : "converting model", "", total, done});
    return bool(context.check_cancelled());
  };
  ENGINE_TRY_STATUS(adapter ? context.tools.convert_adapter(folder.path(), base, out, progress)
                            : context.tools.convert_model(folder.path(), out, progress));
  ENGINE_TRY(info, context.store.blobs().adopt(out));
  Layer layer;
  layer.media_type = adapter ? media::kAdapter : media::kModel;
  layer.digest = info.digest;
  layer.size = info.size;
  return layer;
}

Status check_use(const std::vector<Layer>& layers, FilesFor use) {
  if (use == FilesFor::model) return ok;
  if (use == FilesFor::adapter && layers.size() > 1)
    return invalid_argument("only one adapter is currently supported");
  for (const Layer& layer : layers) {
    if (use == FilesFor::adapter && layer.media_type != media::kAdapter)
      return invalid_argument(
          fmt::format("{} is no adapter: general.type must be adapter", layer.from));
    if (use == FilesFor::draft && layer.media_type != media::kModel)
      return invalid_argument(fmt::format("{} is no model and cannot be a draft", layer.from));
  }
  if (use == FilesFor::draft && layers.size() > 1)
    return invalid_argument("a draft model must be one whole GGUF file");
  return ok;
}

}  // namespace

Result<std::vector<Layer>> layers_of_files(const CreateContext& context,
                                           const std::vector<NamedBlob>& files, FilesFor use,
                                           const std::string& base) {
  for (const NamedBlob& file : files) {
    if (!context.store.blobs().has(file.digest))
      return invalid_argument(fmt::format("blob \"{}\" not found", file.digest));
    context.store.blobs().touch(file.digest);
  }
  std::vector<Layer> layers;
  if (std::any_of(files.begin(), files.end(), is_safetensors)) {
    ENGINE_TRY(layer, converted_layer(context, files, use, base));
    layers.push_back(std::move(layer));
  } else {
    ENGINE_TRY(found, gguf_layers(context, files));
    layers = std::move(found);
  }
  ENGINE_TRY_STATUS(check_use(layers, use));
  if (use == FilesFor::draft)
    for (Layer& layer : layers) layer.media_type = media::kDraft;
  return layers;
}

Result<Layer> quantize_layer(const CreateContext& context, const Layer& layer,
                             const std::string& type, FilesFor use) {
  const std::string in = context.store.blobs().path(layer.digest);
  std::string own;
  {
    ENGINE_TRY(file, gguf::File::open(in));
    own = describe(file).file_type;
  }
  if (own == type) return layer;
  if (own != "F16" && own != "BF16" && own != "F32") {
    return Error{Errc::internal,
                 use == FilesFor::draft
                     ? "draft quantization requires an unquantized draft model, got " + own
                     : "quantization is only supported for F16, BF16 and F32 models"};
  }
  if (!context.tools.quantize)
    return Error{Errc::unsupported,
                 "this server cannot quantize; give a file that is quantized already"};
  ENGINE_TRY(result, ScratchFile::create(context.store.blobs().folder(), "quantized-"));
  const std::string& out = result.path();
  const std::string text = fmt::format("quantizing {} model to {}", own, type);
  // clients cut a part out of the digest
  const std::string no_digest(19, '0');
  context.status({text, no_digest, layer.size, 0});
  const auto progress = [&](int64_t done, int64_t total) {
    context.status({text, no_digest, total, done});
    return bool(context.check_cancelled());
  };
  ENGINE_TRY_STATUS(context.tools.quantize(in, out, type, progress));
  ENGINE_TRY_STATUS(context.check_cancelled());
  context.status({"verifying conversion"});
  if (const auto check = gguf::File::open(out); !check)
    return Error{Errc::internal, "quantization failed: " + check.error().message};
  ENGINE_TRY(info, context.store.blobs().adopt(out));
  Layer quantized = layer;
  quantized.digest = info.digest;
  quantized.size = info.size;
  return quantized;
}

}  // namespace engine
