// Files of a create request to layers: what they are, which belong together, what must be converted
// or quantized. Internal to create.
#pragma once

#include <string>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/create.h"
#include "engine/store/manifest.h"

namespace engine {

// What the steps of one create share.
struct CreateContext {
  const ModelStore& store;
  const CreateTools& tools;
  const CreateEvents& events;

  void status(const TransferStatus& s) const {
    if (events.status) events.status(s);
  }
  void status_of(const BlobInfo& info) const {
    status({(info.existed ? "using existing layer " : "creating new layer ") + info.digest});
  }
  Status check_cancelled() const {
    if (events.cancel.stop_requested()) return Error{Errc::cancelled, "cancelled"};
    return ok;
  }
};

enum class FilesFor : uint8_t { model, adapter, draft };

// Layers of all files, shards in their order. base: the weights that an adapter is for, "" for none.
Result<std::vector<Layer>> layers_of_files(const CreateContext& context,
                                           const std::vector<NamedBlob>& files, FilesFor use,
                                           const std::string& base);

// The same layer with its weights in another type; itself when it has that type.
Result<Layer> quantize_layer(const CreateContext& context, const Layer& layer,
                             const std::string& type, FilesFor use);

}  // namespace engine
