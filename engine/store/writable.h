// Whether models can be put into a store: asked once, when a server starts.
#pragma once

#include <string>

#include "engine/core/result.h"

namespace engine {

// Makes the folder of a store where there is none. Errc::io: it cannot be made, or nothing can be
// written into it or into the folders of manifests and blobs; the message has the path and the reason.
Status make_writable_store(const std::string& root);

}  // namespace engine
