// The store: names to records, listing, copying, removing.
#include "engine/store/model_store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>
#include <utility>

#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/core/sha256.h"
#include "engine/store/describe.h"
#include "engine/store/store_lock.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxManifestFile = (size_t{4} << 20) + 1;

std::string hex_of(std::string_view bytes) {
  return sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Error not_found(const ModelName& name) {
  return {Errc::not_found, "model '" + name.short_form() + "' not found"};
}

std::vector<std::string> entries(const std::string& folder, bool folders) {
  std::vector<std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    const bool wanted = folders ? it->is_directory(ignored) : it->is_regular_file(ignored);
    if (wanted && !name.empty() && name[0] != '.') out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

struct ManifestFile {
  Manifest manifest;
  std::string digest;
  int64_t modified = 0, modified_ns = 0;
};

Result<ManifestFile> read_manifest(const std::string& path) {
  ENGINE_TRY(text, read_file(path, kMaxManifestFile));
  ManifestFile file;
  ENGINE_TRY(manifest, parse_manifest(text));
  file.manifest = std::move(manifest);
  file.digest = hex_of(text);
  struct stat st;
  if (::stat(path.c_str(), &st) == 0) {
    file.modified = st.st_mtim.tv_sec;
    file.modified_ns = st.st_mtim.tv_nsec;
  }
  return file;
}

void append_digests(const Manifest& manifest, std::set<std::string>& out) {
  if (!manifest.config.digest.empty()) out.insert(manifest.config.digest);
  for (const Layer& layer : manifest.layers) out.insert(layer.digest);
}

bool env_is_true(Env name) {
  const std::string v = env(name);
  return !v.empty() && v != "0" && v != "f" && v != "F" && v != "false" && v != "FALSE" &&
         v != "False";
}

}  // namespace

ModelStore::ModelStore(std::string root) : root_(std::move(root)), blobs_(root_ + "/blobs") {}

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

std::string ModelStore::manifest_path(const ModelName& n) const {
  return root_ + "/manifests/" + n.host + "/" + n.space + "/" + n.model + "/" + n.tag;
}

std::vector<ModelName> ModelStore::names() const {
  std::vector<ModelName> out;
  const std::string base = root_ + "/manifests";
  for (const std::string& host : entries(base, true)) {
    for (const std::string& space : entries(base + "/" + host, true)) {
      for (const std::string& model : entries(base + "/" + host + "/" + space, true)) {
        for (const std::string& tag :
             entries(base + "/" + host + "/" + space + "/" + model, false)) {
          const auto name = parse_model_name(host + "/" + space + "/" + model + ":" + tag);
          if (!name) {
            log_warn("ignoring {}/{}/{}/{}: not a valid model name", host, space, model, tag);
            continue;
          }
          out.push_back(*name);
        }
      }
    }
  }
  return out;
}

ModelName ModelStore::spelling(const ModelName& name) const {
  std::error_code ec;
  if (fs::is_regular_file(manifest_path(name), ec)) return name;
  const std::vector<ModelName> known = names();
  for (const ModelName& n : known) {
    if (n.same(name)) return n;
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
  return fs::is_regular_file(manifest_path(spelling(name)), ec);
}

Result<ModelName> ModelStore::mount_file(const std::string& path) {
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
  for (const ModelRecord& mount : mounts_) {
    if (mount.name.same(asked)) return mount;
  }
  ModelRecord r;
  r.name = spelling(asked);
  auto file = read_manifest(manifest_path(r.name));
  if (!file) {
    if (file.error().code == Errc::not_found) return not_found(asked);
    return Error{file.error().code,
                 fmt::format("model '{}': {}", r.name.short_form(), file.error().message)};
  }
  r.digest = file->digest;
  r.modified = file->modified;
  r.modified_ns = file->modified_ns;
  r.manifest = std::move(file->manifest);
  r.size = r.manifest.total_size();
  if (!r.manifest.config.digest.empty()) {
    ENGINE_TRY(text, blobs_.read_text(r.manifest.config.digest));
    ENGINE_TRY(config, parse_config(text));
    r.config = std::move(config);
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
    } else if (type == media::kLicense) {
      ENGINE_TRY(text, blobs_.read_text(layer.digest));
      r.licenses.push_back(std::move(text));
    } else if (std::string* target = type == media::kTemplate || type == media::kPrompt
                                         ? &r.template_text
                                     : type == media::kSystem   ? &r.system
                                     : type == media::kParams   ? &r.params
                                     : type == media::kMessages ? &r.messages
                                                                : nullptr) {
      ENGINE_TRY(text, blobs_.read_text(layer.digest));
      *target = std::move(text);
    }
  }
  return r;
}

std::vector<ListedModel> ModelStore::list() const {
  std::vector<ListedModel> out;
  for (const ModelName& name : names()) {
    auto file = read_manifest(manifest_path(name));
    if (!file) {
      log_warn("ignoring model '{}': {}", name.short_form(), file.error().message);
      continue;
    }
    ListedModel m;
    m.name = name;
    m.digest = file->digest;
    m.size = file->manifest.total_size();
    m.modified = file->modified;
    m.modified_ns = file->modified_ns;
    if (!file->manifest.config.digest.empty()) {
      auto text = blobs_.read_text(file->manifest.config.digest);
      auto config = text ? parse_config(*text) : Result<ModelConfig>(text.error());
      if (!config) {
        log_warn("model '{}': {}", name.short_form(), config.error().message);
      } else {
        m.config = std::move(*config);
      }
    }
    out.push_back(std::move(m));
  }
  std::stable_sort(out.begin(), out.end(), [](const ListedModel& a, const ListedModel& b) {
    return std::pair(a.modified, a.modified_ns) > std::pair(b.modified, b.modified_ns);
  });
  return out;
}

Status ModelStore::copy(const ModelName& from, const ModelName& to) const {
  const std::string source = manifest_path(spelling(from));
  const std::string target = manifest_path(spelling(to));
  auto bytes = read_file(source, kMaxManifestFile);
  if (!bytes) {
    if (bytes.error().code == Errc::not_found)
      return Error{Errc::not_found, "model \"" + from.short_form() + "\" not found"};
    return bytes.error();
  }
  if (source == target) return ok;
  return write_file_atomically(blobs_.folder(), target, *bytes);
}

Status ModelStore::remove(const ModelName& asked) const {
  const ModelName name = spelling(asked);
  const std::string path = manifest_path(name);
  auto file = read_manifest(path);
  if (!file && file.error().code == Errc::not_found) return not_found(asked);
  std::error_code ec;
  if (!fs::remove(path, ec) || ec)
    return Error{Errc::io, fmt::format("cannot remove {}: {}", path, ec.message())};
  remove_empty_folders();
  // A manifest that could not be read names nothing that could be removed.
  return file ? remove_unused(file->manifest) : Status(ok);
}

// Removes what `old` named and nobody names any more.
// Requires: the manifest of `old` is gone or replaced.
Status ModelStore::remove_unused(const Manifest& old) const {
  std::set<std::string> candidates, used;
  append_digests(old, candidates);
  for (const ModelName& name : names()) {
    if (auto file = read_manifest(manifest_path(name))) append_digests(file->manifest, used);
  }
  for (const std::string& digest : candidates) {
    if (!used.contains(digest)) ENGINE_TRY_STATUS(blobs_.remove(digest));
  }
  return ok;
}

void ModelStore::remove_empty_folders() const {
  const std::string base = root_ + "/manifests";
  std::error_code ec;
  std::vector<fs::path> folders;
  for (fs::recursive_directory_iterator it(base, ec), end; !ec && it != end; it.increment(ec)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) folders.push_back(it->path());
  }
  // Longest paths first: children before parents.
  // A folder with something in it refuses to go, which is what we want.
  std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
    return a.native().size() > b.native().size();
  });
  for (const fs::path& folder : folders) ::rmdir(folder.c_str());
}

Result<Layer> ModelStore::put_layer(std::string_view media_type, std::string_view text) const {
  ENGINE_TRY(info, blobs_.put("", source_of(text)));
  return Layer{std::string(media_type), info.digest, info.size, "", ""};
}

Status ModelStore::write(const ModelName& asked, const Manifest& manifest) const {
  const std::string path = manifest_path(spelling(asked));
  const auto old = read_manifest(path);
  ENGINE_TRY_STATUS(write_file_atomically(blobs_.folder(), path, write_manifest(manifest)));
  if (old && !env_is_true(Env::OLLAMA_NOPRUNE)) return remove_unused(old->manifest);
  return ok;
}

void ModelStore::prune() const {
  if (env_is_true(Env::OLLAMA_NOPRUNE)) return;
  std::error_code ec;
  if (!fs::is_directory(blobs_.folder(), ec)) return;
  const StoreLock lock(root_, StoreLock::exclusive);
  std::set<std::string> used;
  for (const ModelName& name : names()) {
    const auto file = read_manifest(manifest_path(name));
    if (!file) {
      log_warn("the store is not pruned: model '{}': {}", name.short_form(), file.error().message);
      return;
    }
    append_digests(file->manifest, used);
  }
  const auto limit = fs::file_time_type::clock::now() - std::chrono::hours(1);
  for (const std::string& entry : entries(blobs_.folder(), false)) {
    std::string digest = entry;
    if (valid_digest(digest)) digest[6] = ':';
    if (used.contains(digest)) continue;
    const fs::path path = fs::path(blobs_.folder()) / entry;
    if (fs::last_write_time(path, ec) < limit && !ec) fs::remove(path, ec);
    ec.clear();
  }
  remove_empty_folders();
}

Result<LocatedModel> locate_model(const ModelStore& store, std::string_view text) {
  LocatedModel m;
  m.shown = text;
  std::error_code ec;
  const bool is_file = fs::is_regular_file(fs::path(m.shown), ec);
  const bool looks_like_path = text.starts_with("/") || text.starts_with("./") ||
                               text.starts_with("../") || text.ends_with(".gguf");
  if (is_file) {
    char magic[4] = {};
    std::ifstream(m.shown, std::ios::binary).read(magic, sizeof magic);
    const std::string_view found(magic, sizeof magic);
    // a path to something else fails in the reader, which says why
    if (found == "GGUF" || looks_like_path) {
      m.path = m.shown;
      return m;
    }
  } else if (looks_like_path && fs::is_directory(fs::path(m.shown), ec)) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} is a folder; give the path of a GGUF file", text)};
  } else if (looks_like_path) {
    return Error{
        Errc::not_found,
        fmt::format(
            "{} does not exist; give the path of a GGUF file, or a name that `engine list` shows",
            text)};
  }
  ENGINE_TRY(name, parse_user_name(text));
  auto record = store.find(name);
  if (!record) {
    if (record.error().code != Errc::not_found || store.has(name)) return record.error();
    return Error{
        Errc::not_found,
        fmt::format(
            "model '{}' not found; `engine list` shows the models of this machine, and the path of "
            "a GGUF file is accepted too",
            text)};
  }
  if (record->model_path.empty())
    return Error{Errc::unsupported, fmt::format("model '{}' has no weights on this machine", text)};
  m.record = std::move(*record);
  m.path = m.record.model_path;
  m.in_store = true;
  return m;
}

}  // namespace engine
