// Whether a server keeps its blobs where this process would: files can be linked there then, and need
// no upload.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/store/blobs.h"

namespace engine::cli {

// Puts a small blob of random bytes into the store of this machine, asks the server for it, and takes
// it away again: an address of this machine may lead into a container or to another machine, and the
// server may have another OLLAMA_MODELS. nullopt: another store, one that belongs to somebody else,
// or none. server_has: by digest.
std::optional<BlobFolder> find_shared_blobs(
    const std::function<bool(const std::string& digest)>& server_has);

}  // namespace engine::cli
