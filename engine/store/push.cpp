// Blobs, then the manifest.
#include "engine/store/push.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/store/upload.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;

// As the manifest says of itself: one that was pulled may be of another kind than ours.
std::string media_type_of(const std::string& manifest) {
  if (const auto json = parse_json(manifest); json && json->is_object()) {
    const auto it = json->find("mediaType");
    if (it != json->end() && it->is_string()) return it->get<std::string>();
  }
  return std::string(media::kManifest);
}

Status push_blob(RegistryClient& client, const BlobFolder& blobs, const Layer& layer,
                 const std::stop_token& cancel, const OnTransferStatus& report) {
  const auto say = [&](int64_t completed) {
    report({"pushing " + short_digest(layer.digest), layer.digest, layer.size, completed});
  };
  Clock::time_point last{};
  int64_t furthest = 0;
  const auto progress = [&](int64_t done) {
    furthest = std::max(furthest, done);
    if (Clock::now() - last < kReportEvery) return;
    last = Clock::now();
    say(furthest);
  };
  ENGINE_TRY_STATUS(upload_blob(client, blobs, layer, cancel, progress));
  say(layer.size);
  return ok;
}

}  // namespace

Status push_model(const ModelStore& store, const ModelName& asked, const RegistryOptions& options,
                  const std::stop_token& cancel, const OnTransferStatus& report) {
  report({"retrieving manifest"});
  ModelName name = store.spelling(asked);
  name.scheme = asked.scheme;
  const auto bytes = store.manifest_bytes(name);
  auto manifest = bytes ? parse_manifest(*bytes) : Result<Manifest>(bytes.error());
  if (!manifest) {
    report({"couldn't retrieve manifest"});
    return manifest.error();
  }
  std::vector<Layer> layers = manifest->layers;
  if (!manifest->config.digest.empty()) layers.push_back(manifest->config);
  for (const Layer& layer : layers) {
    if (!store.blobs().has(layer.digest)) {
      return Error{Errc::not_found,
                   fmt::format("blob {} is missing, pull or create the model again", layer.digest)};
    }
  }
  RegistryOptions pushing = options;
  pushing.creates_key = true;
  ENGINE_TRY(client, RegistryClient::open(name, pushing));
  // One after the other: the parts of one blob fill the line already.
  for (const Layer& layer : layers)
    ENGINE_TRY_STATUS(push_blob(*client, store.blobs(), layer, cancel, report));

  report({"pushing manifest"});
  Transfer transfer;
  HttpCall call;
  call.method = "PUT";
  call.url = client->manifest_url();
  call.headers = {"Content-Type: " + media_type_of(*bytes)};
  call.body = *bytes;
  call.cancel = cancel;
  CallRules rules;
  rules.repeats_network_errors = true;
  ENGINE_TRY_STATUS(client->call(transfer, std::move(call), rules));
  report({"success"});
  return ok;
}

}  // namespace engine
