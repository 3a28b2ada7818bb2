// push: a model of the store to its registry.
#pragma once

#include <stop_token>

#include "engine/core/result.h"
#include "engine/store/model_store.h"
#include "engine/store/registry_client.h"
#include "engine/store/transfer_status.h"

namespace engine {

// Reports on the calling thread. The manifest is sent byte for byte, so that its digest is the one
// of this machine; it goes last, when the registry has every blob.
Status push_model(const ModelStore& store, const ModelName& name, const RegistryOptions& options,
                  const std::stop_token& cancel, const OnTransferStatus& report);

}  // namespace engine
