// One blob on its way to a registry.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "engine/core/result.h"
#include "engine/store/blobs.h"
#include "engine/store/manifest.h"
#include "engine/store/registry_client.h"

namespace engine {

// Sends the blob unless the registry has it, or can take it over from the repository that the
// layer came from (Layer::from). progress: bytes that are there; called on this thread.
Status upload_blob(RegistryClient& client, const BlobFolder& blobs, const Layer& layer,
                   const std::stop_token& cancel, const std::function<void(int64_t)>& progress);

}  // namespace engine
