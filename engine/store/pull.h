// pull: a model from its registry into the store.
#pragma once

#include <stop_token>

#include "engine/core/result.h"
#include "engine/store/download.h"
#include "engine/store/model_store.h"
#include "engine/store/registry_client.h"
#include "engine/store/transfer_status.h"

namespace engine {

// Reports on the calling thread, every 60 ms while bytes come. Cancelled: what has arrived stays,
// and the next pull goes on from there. Blobs that another pull of this process needs as well are
// fetched once. Errors carry the texts that clients know: "pull model manifest: file does not
// exist", "max retries exceeded: ...", "digest mismatch, file must be downloaded again: ...".
Status pull_model(const ModelStore& store, Downloads& downloads, const ModelName& name,
                  const RegistryOptions& options, const std::stop_token& cancel,
                  const OnTransferStatus& report);

}  // namespace engine
