// The store read: names to records, and listing. What changes it is in change.cpp.
#include "engine/store/model_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/core/sha256.h"
#include "engine/store/describe.h"
#include "engine/store/manifest_tree.h"
#include "engine/store/split_name.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

std::string hex_of(std::string_view bytes) {
  return sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

// A problem of a known model: what it is never changes to "not found", which means the name.
Error about(const ModelName& name, const Error& error) {
  return {error.code == Errc::not_found ? Errc::corrupt : error.code,
          fmt::format("model '{}': {}", name.short_form(), error.message)};
}

Error not_found(const ModelName& name) {
  return {Errc::not_found, "model '" + name.short_form() + "' not found"};
}

const ModelRecord* find_named(const std::vector<ModelRecord>& mounts, const ModelName& name) {
  for (const ModelRecord& mount : mounts)
    if (mount.name.same(name)) return &mount;
  return nullptr;
}

}  // namespace

ModelStore::ModelStore(std::string root)
    : root_(std::move(root)), blobs_(root_ + "/blobs"), cache_(std::make_shared<ManifestCache>()) {}

Result<ModelStore> ModelStore::open_default() {
  if (const std::string root = env(Env::OLLAMA_MODELS); !root.empty()) return ModelStore(root);
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == 0) {
    return Error{
        Errc::invalid_argument,
        "no model store: neither OLLAMA_MODELS nor HOME is set; set OLLAMA_MODELS to a folder"};
  }
  return ModelStore(std::string(home) + "/.ollama/models");
}

std::string ModelStore::path_of(const ModelName& name) const {
  return manifest_path(root_, name);
}

std::vector<ModelName> ModelStore::names() const {
  ManifestTree tree = scan_manifests(root_);
  for (const std::string& path : tree.odd) log_warn("ignoring {}: not a valid model name", path);
  return std::move(tree.names);
}

ModelName ModelStore::spelling(const ModelName& name) const {
  std::error_code ec;
  if (fs::is_regular_file(path_of(name), ec)) return name;
  const std::vector<ModelName> known = names();
  for (const ModelName& n : known) {
    if (!n.same(name)) continue;
    ModelName found = n;
    found.scheme = name.scheme;  // no manifest tells
    return found;
  }
  ModelName out = name;
  for (std::string ModelName::*part :
       {&ModelName::host, &ModelName::space, &ModelName::model, &ModelName::tag}) {
    for (const ModelName& n : known) {
      if (equal_ignoring_case(n.*part, name.*part)) {
        out.*part = n.*part;
        break;
      }
    }
  }
  return out;
}

bool ModelStore::has(const ModelName& name) const {
  std::error_code ec;
  return fs::is_regular_file(path_of(spelling(name)), ec);
}

Result<ModelName> ModelStore::mount_file(const std::string& path, std::string_view name) {
  ENGINE_TRY(file, gguf::File::open(path));
  const GgufFacts facts = describe(file);
  ModelRecord r;
  r.name.host = kDefaultHost;
  r.name.space = kDefaultNamespace;
  r.name.tag = kDefaultTag;
  r.name.model = fs::path(path).stem().string().substr(0, 80);
  for (char& c : r.name.model) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.';
    if (!plain) c = '_';
  }
  if (r.name.model.empty() || r.name.model[0] == '-' || r.name.model[0] == '.')
    r.name.model = "file";
  if (!name.empty()) {
    ENGINE_TRY(given, parse_user_name(name));
    r.name = given;
  }
  struct stat st;
  if (::stat(path.c_str(), &st) == 0) {
    r.modified = st.st_mtim.tv_sec;
    r.modified_ns = st.st_mtim.tv_nsec;
  }
  r.size = static_cast<int64_t>(file.size());
  r.digest =
      hex_of(fmt::format("{}:{}:{}", fs::absolute(path).string(), r.modified, r.modified_ns));
  r.config.family = facts.architecture;
  r.config.families = {facts.architecture};
  r.config.parameter_size = parameter_text(facts.n_params);
  r.config.file_type = facts.file_type;
  r.model_path = path;
  mounts_.push_back(r);
  return r.name;
}

Result<ModelRecord> ModelStore::find(const ModelName& asked) const {
  if (const ModelRecord* mount = find_named(mounts_, asked)) return *mount;
  ModelRecord r;
  r.name = spelling(asked);
  const auto read = cache_->read(path_of(r.name));
  if (!read) {
    if (read.error().code == Errc::not_found) return not_found(asked);
    return about(r.name, read.error());
  }
  const ManifestFile& file = **read;
  r.digest = file.digest;
  r.modified = file.modified;
  r.modified_ns = file.modified_ns;
  r.manifest = file.manifest;
  r.size = r.manifest.total_size();
  const auto text_blob = [&](const std::string& digest) -> Result<std::string> {
    auto text = blobs_.read_text(digest);
    return text ? std::move(text) : about(r.name, text.error());
  };
  if (!r.manifest.config.digest.empty()) {
    ENGINE_TRY(text, text_blob(r.manifest.config.digest));
    auto config = parse_config(text);
    if (!config) return about(r.name, config.error());
    r.config = std::move(*config);
  }
  for (const Layer& layer : r.manifest.layers) {
    const std::string& type = layer.media_type;
    if (type == media::kModel) {
      r.model_path = blobs_.path(layer.digest);
      r.parent = layer.from;
    } else if (type == media::kProjector) {
      r.projector_paths.push_back(blobs_.path(layer.digest));
    } else if (type == media::kAdapter) {
      r.adapter_paths.push_back(blobs_.path(layer.digest));
    } else if (type == media::kDraft) {
      r.draft_path = blobs_.path(layer.digest);
    } else if (type == media::kEmbed) {
      log_debug("model '{}': embeddings in a model are obsolete and ignored", r.name.short_form());
    } else if (type == media::kLicense) {
      ENGINE_TRY(text, text_blob(layer.digest));
      r.licenses.push_back(std::move(text));
    } else if (std::string* target = type == media::kTemplate || type == media::kPrompt
                                         ? &r.template_text
                                     : type == media::kSystem   ? &r.system
                                     : type == media::kParams   ? &r.params
                                     : type == media::kMessages ? &r.messages
                                     : type == media::kMeta     ? &r.meta
                                                                : nullptr) {
      ENGINE_TRY(text, text_blob(layer.digest));
      *target = std::move(text);
    }
  }
  const auto shards = shard_layers(r.manifest);
  if (!shards) return about(r.name, shards.error());
  for (const Layer* shard : *shards) r.shard_paths.push_back(blobs_.path(shard->digest));
  if (!r.shard_paths.empty()) r.model_path = r.shard_paths.front();
  return r;
}

std::vector<ListedModel> ModelStore::list() const {
  std::vector<ListedModel> out;
  for (const ModelName& name : names()) {
    if (find_named(mounts_, name) != nullptr) continue;
    std::string problem;
    const auto read = cache_->with_config(path_of(name), blobs_, problem);
    if (!read) {
      // gone since the folder was read: no model any more
      if (read.error().code != Errc::not_found)
        log_warn("ignoring model '{}': {}", name.short_form(), read.error().message);
      continue;
    }
    if (!problem.empty()) log_warn("model '{}': {}", name.short_form(), problem);
    const ManifestFile& file = **read;
    ListedModel m;
    m.name = name;
    m.digest = file.digest;
    m.size = file.manifest.total_size();
    m.modified = file.modified;
    m.modified_ns = file.modified_ns;
    if (file.config) m.config = *file.config;
    out.push_back(std::move(m));
  }
  std::stable_sort(out.begin(), out.end(), [](const ListedModel& a, const ListedModel& b) {
    return std::pair(a.modified, a.modified_ns) > std::pair(b.modified, b.modified_ns);
  });
  for (const ModelRecord& mount : mounts_) {
    ListedModel m;
    m.name = mount.name, m.digest = mount.digest, m.config = mount.config;
    m.size = mount.size, m.modified = mount.modified, m.modified_ns = mount.modified_ns;
    out.insert(out.begin() + (&mount - mounts_.data()), std::move(m));
  }
  return out;
}

}  // namespace engine
