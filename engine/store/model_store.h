// ModelStore: the models on this machine, in the same tree and files as Ollama's store, so that
// both programs can share it.
//  <root>/manifests/<host>/<namespace>/<model>/<tag>  one manifest per name
//  <root>/blobs/sha256-<64 hex>                       weights, templates, parameters ... by content
// Thread-safe but for mount_file(): every call looks at the files; copies share what they have read.
//
// What adds to a store holds a shared StoreLock from its first blob to its manifest, so that nobody
// takes blobs for unused meanwhile. Blobs go first when adding, manifests when removing: a crash
// leaves at worst blobs that no manifest names, which prune() and fsck find.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/blobs.h"
#include "engine/store/manifest.h"
#include "engine/store/manifest_cache.h"
#include "engine/store/name.h"

namespace engine {

// A model as the store knows it. Texts are empty where the model has none.
struct ModelRecord {
  ModelName name;        // spelled as in the store
  std::string digest;    // 64 hex: SHA-256 of the manifest file; equal manifests have equal digests
  int64_t size = 0;      // bytes of all layers and the config
  int64_t modified = 0;  // seconds since 1970
  int64_t modified_ns = 0;  // and the nanoseconds of that second
  Manifest manifest;
  ModelConfig config;
  // blob of the weights: the last model layer, or the first shard of a split file; "" for hosted
  // models
  std::string model_path;
  std::vector<std::string> shard_paths;  // of a split file: all shards in order; else empty
  std::vector<std::string> projector_paths, adapter_paths;
  std::string draft_path;  // of a draft model for speculative decoding; "": none
  std::string meta;        // JSON object of name, description, training settings; "": none
  std::string parent;      // where the weights came from: `from` of the model layer
  std::string template_text, system;
  std::string params;    // JSON object of options, "" for none
  std::string messages;  // JSON list of {"role", "content"}, "" for none
  std::vector<std::string> licenses;
};

struct ListedModel {  // what a listing needs; read without the text blobs
  ModelName name;
  std::string digest;
  int64_t size = 0, modified = 0, modified_ns = 0;
  ModelConfig config;
};

// What to make of a GGUF file; empty texts make no layer.
struct CreateSpec {
  std::string gguf_path;
  std::string template_text, system;
  std::string params;  // JSON object
  std::vector<std::string> licenses;
};

// What a command line calls MODEL: a file, or a name in the store.
struct LocatedModel {
  std::string path;                 // of the GGUF file
  std::vector<std::string> shards;  // of a split file in the store: all of it; else empty
  std::string shown;                // the text the user gave
  bool in_store = false;
  ModelRecord record;  // Requires: in_store

  // What a reader of the whole model opens.
  std::vector<std::string> files() const {
    return shards.empty() ? std::vector<std::string>{path} : shards;
  }
};

class ModelStore {
 public:
  explicit ModelStore(std::string root);
  // OLLAMA_MODELS, else $HOME/.ollama/models. Errc::invalid_argument if neither is set.
  static Result<ModelStore> open_default();

  const std::string& root() const { return root_; }
  const BlobFolder& blobs() const { return blobs_; }

  // The name as an existing manifest spells it: an exact match,
  // else the whole name up to case, else part by part.
  ModelName spelling(const ModelName& name) const;
  bool has(const ModelName& name) const;
  // Errc::not_found "model '<short form>' not found";
  // corrupt names the manifest or the missing blob.
  Result<ModelRecord> find(const ModelName& name) const;
  // Mounted files, then the models of the store, newest first. Broken manifests are skipped with a
  // warning.
  std::vector<ListedModel> list() const;

  // A GGUF file outside of the store under this name, or one made from its file name; known to this
  // object only. Nothing is written.
  Result<ModelName> mount_file(const std::string& path, std::string_view name = "");

  // Copies the bytes of the manifest: both names have the same digest then.
  // The same name twice is a no-op.
  Status copy(const ModelName& from, const ModelName& to) const;
  // Removes the manifest, empty folders, and every blob that no other manifest names.
  Status remove(const ModelName& name) const;

  // See BlobFolder::put.
  Result<BlobInfo> put_blob(std::string_view digest, const ByteSource& source,
                            int64_t size = -1) const {
    return blobs_.put(digest, source, size);
  }
  // A layer of the given type from text.
  Result<Layer> put_layer(std::string_view media_type, std::string_view text) const;
  // A layer of a blob that is in the store, whose time is set to now. Errc::not_found
  // `blob "<digest>" not found`.
  Result<Layer> layer_of_blob(std::string_view media_type, std::string_view digest) const;

  // Every blob must be there. An old version of the name is replaced, and what only it used is
  // removed: see remove_unused, and give back the lock before if those blobs may be young.
  Status write(const ModelName& name, const Manifest& manifest) const;
  // The same with the bytes as they are, checked; removes nothing.
  Status write_bytes(const ModelName& name, std::string_view manifest) const;
  // The file of a manifest as it stands. Errc::not_found as find().
  Result<std::string> manifest_bytes(const ModelName& name) const;
  // The manifest of a name; nullopt where there is none that can be read.
  std::optional<Manifest> manifest(const ModelName& name) const;
  // What `old` names and no manifest does now; empty while OLLAMA_NOPRUNE is set.
  std::vector<std::string> unused(const Manifest& old) const;
  // Removes those. While somebody adds to the store, the caller included, blobs that were
  // written or used within the last hour stay for prune().
  Status remove_unused(const Manifest& old) const;
  // Checks the file by parsing it, copies it into the store, writes config and manifest, drops
  // blobs only the old version used.
  Result<ModelRecord> create(const ModelName& name, const CreateSpec& spec) const;

  // At the start of a server: gives blobs of very old stores the name they have today, and, unless
  // OLLAMA_NOPRUNE is set, a manifest is broken, or somebody adds to the store, removes blobs and
  // left-overs that are older than one hour and that no manifest names.
  void prune() const;

 private:
  std::string path_of(const ModelName& name) const;
  std::vector<ModelName> names() const;
  std::set<std::string> named() const;  // the digests of all manifests that can be read
  Status remove_unnamed(const std::set<std::string>& digests) const;
  void rename_old_blobs() const;
  bool prune_blobs() const;

  std::string root_;
  BlobFolder blobs_;
  std::vector<ModelRecord> mounts_;
  std::shared_ptr<ManifestCache> cache_;
};

// text names an existing GGUF file, or else a model of the store.
// Errors say which of the two was tried.
Result<LocatedModel> locate_model(const ModelStore& store, std::string_view text);

}  // namespace engine
