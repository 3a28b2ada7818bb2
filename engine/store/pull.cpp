// The manifest first, then one blob after the other; the new manifest becomes visible when all
// blobs are there.
#include "engine/store/pull.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/core/json_io.h"
#include "engine/store/files.h"
#include "engine/store/hub_files.h"
#include "engine/store/store_lock.h"

namespace engine {
namespace {

// More than this still to be hashed at the end is worth a progress line.
constexpr int64_t kLongHash = 1'000'000'000;
constexpr int kRounds = 3;
constexpr std::string_view kTensorLayer = "application/vnd.ollama.image.tensor";
constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";

// Faults of a manifest that have texts of their own.
Status check_layers(const ModelName& name, const Json& manifest) {
  const auto layers = manifest.is_object() ? manifest.find("layers") : manifest.end();
  if (!manifest.is_object() || layers == manifest.end() || !layers->is_array()) return ok;
  for (const Json& layer : *layers) {
    const std::string digest = text_of(layer, "digest");
    if (text_of(layer, "mediaType") == kTensorLayer) {
      return Error{Errc::unsupported,
                   "this model uses tensor layers, which this engine does not support yet"};
    }
    if (digest.empty()) {
      return Error{Errc::corrupt, fmt::format("{}/{}: digest is empty", name.space, name.model)};
    }
    if (!valid_digest(digest)) return Error{Errc::corrupt, "invalid digest format"};
  }
  return ok;
}

Result<std::string> fetch_manifest(RegistryClient& client, const std::stop_token& cancel) {
  Transfer transfer;
  HttpCall call;
  call.url = client.manifest_url();
  call.headers = {fmt::format("Accept: {}, {}", media::kManifest, kOciManifest)};
  call.cancel = cancel;
  CallRules rules;
  rules.repeats_network_errors = true;
  auto answer = client.call(transfer, std::move(call), rules);
  if (answer) return std::move(answer->body);
  Error error = std::move(answer.error());
  if (error.code != Errc::cancelled) error.message = "pull model manifest: " + error.message;
  return error;
}

class Pull {
 public:
  Pull(const ModelStore& store, Downloads& downloads, std::shared_ptr<RegistryClient> client,
       const std::stop_token& cancel, const OnTransferStatus& report)
      : store_(store),
        downloads_(downloads),
        client_(std::move(client)),
        cancel_(cancel),
        report_(report) {}

  // urls: where the layers lie, if not where a registry has its blobs.
  Status blobs(const std::vector<Layer>& layers, const std::vector<std::string>& urls) {
    // A removal of another model may take a blob that was there when we looked: then once more.
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < layers.size(); ++i) {
        ENGINE_TRY_STATUS(
            blob(layers[i], i < urls.size() ? urls[i] : client_->blob_url(layers[i].digest)));
      }
      verifying();
      const bool whole = std::all_of(layers.begin(), layers.end(), [&](const Layer& layer) {
        return store_.blobs().has(layer.digest);
      });
      if (whole) return ok;
    }
    return Error{Errc::busy, "blobs were removed while the model was pulled; pull it again"};
  }

 private:
  void bytes(const Layer& layer, int64_t total, int64_t completed) {
    report_({"pulling " + short_digest(layer.digest), layer.digest, total, completed});
  }

  // Once, when the first digest has been compared with all bytes there.
  void verifying() {
    if (!std::exchange(said_verifying_, true)) report_({"verifying sha256 digest"});
  }

  Status blob(const Layer& layer, const std::string& url) {
    if (store_.blobs().has(layer.digest)) {
      store_.blobs().touch(layer.digest);
      bytes(layer, layer.size, layer.size);
      return ok;
    }
    const auto download = downloads_.join(store_.blobs(), layer.digest, layer.size, client_, url);
    DownloadProgress p = download->progress();
    bytes(layer, p.total, p.completed);
    while (!download->wait(kReportEvery)) {
      if (cancel_.stop_requested()) return Error{Errc::cancelled, "request canceled"};
      p = download->progress();
      if (!p.verifying) {
        bytes(layer, p.total, p.completed);
      } else if (p.total - p.hashed > kLongHash) {
        report_({"verifying sha256 digest", layer.digest, p.total, p.hashed});
      }
    }
    const Status result = download->result();
    if (result) {
      const int64_t total = std::max(download->progress().total, layer.size);
      bytes(layer, total, total);
    } else if (download->progress().verifying) {
      verifying();
    }
    return result;
  }

  const ModelStore& store_;
  Downloads& downloads_;
  const std::shared_ptr<RegistryClient> client_;
  const std::stop_token cancel_;
  const OnTransferStatus& report_;
  bool said_verifying_ = false;
};

}  // namespace

Status pull_model(const ModelStore& store, Downloads& downloads, const ModelName& asked,
                  const RegistryOptions& options, const std::stop_token& cancel,
                  const OnTransferStatus& report) {
  ModelName name = store.spelling(asked);
  name.scheme = asked.scheme;
  ENGINE_TRY(client, RegistryClient::open(name, options));
  const std::optional<Manifest> old = store.manifest(name);

  report({"pulling manifest"});
  auto fetched = fetch_manifest(*client, cancel);
  // The hub makes no manifest for a model in several files.
  const bool in_files = !fetched && client->is_hub() &&
                        fetched.error().message.find("sharded GGUF") != std::string::npos;
  if (!fetched && !in_files) return fetched.error();
  Manifest manifest;
  std::vector<std::string> urls;
  if (in_files) {
    ENGINE_TRY(model, find_hub_model(*client, name, cancel));
    manifest.layers = std::move(model.layers);
    urls = std::move(model.urls);
  } else {
    if (const auto json = parse_json(*fetched)) ENGINE_TRY_STATUS(check_layers(name, *json));
    auto parsed = parse_manifest(*fetched);
    if (!parsed)
      return Error{parsed.error().code, "pull model manifest: " + parsed.error().message};
    manifest = std::move(*parsed);
  }
  std::vector<Layer> layers = manifest.layers;
  if (!manifest.config.digest.empty()) layers.push_back(manifest.config);

  // Until the manifest names the blobs.
  auto lock = std::make_unique<StoreLock>(store.root(), StoreLock::shared);
  ENGINE_TRY_STATUS(make_folder(store.blobs().folder()));
  ENGINE_TRY_STATUS(Pull(store, downloads, client, cancel, report).blobs(layers, urls));
  if (in_files) {
    ENGINE_TRY(config, hub_config(store.blobs(), manifest.layers));
    ENGINE_TRY(layer, store.put_layer(media::kConfig, config));
    manifest.config = std::move(layer);
  }
  report({"writing manifest"});
  ENGINE_TRY_STATUS(store.write_bytes(name, in_files ? write_manifest(manifest) : *fetched));
  lock.reset();
  if (old && !store.unused(*old).empty()) {
    report({"removing unused layers"});
    ENGINE_TRY_STATUS(store.remove_unused(*old));
  }
  report({"success"});
  return ok;
}

}  // namespace engine
