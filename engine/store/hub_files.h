// Models of the hub that it makes no manifest for, because they lie there in several files: the
// files are picked by their names and become one layer each.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/blobs.h"
#include "engine/store/manifest.h"
#include "engine/store/registry_client.h"

namespace engine {

struct HubFile {
  std::string path;    // in the repository
  std::string digest;  // "sha256:<64 hex>"
  int64_t size = 0;
};

// The GGUF files of a repository that a tag means, in the order of the shards: a quantization
// ("Q4_K_M"), a file name, or "latest" for Q4_K_M, else Q8_0, else the first. Never a projector.
// Errc::not_found names what there is.
Result<std::vector<HubFile>> pick_shards(const std::vector<HubFile>& files, std::string_view tag);

// What pull needs to go on without a manifest of the hub.
struct HubModel {
  std::vector<Layer> layers;      // of the weights, `name` is the name of the file
  std::vector<std::string> urls;  // where each of them is fetched
};
Result<HubModel> find_hub_model(RegistryClient& client, const ModelName& name,
                                const std::stop_token& cancel);

// The config of a model whose layers have been fetched, from what the files say of themselves.
Result<std::string> hub_config(const BlobFolder& blobs, const std::vector<Layer>& layers);

}  // namespace engine
