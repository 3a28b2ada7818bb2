// A file of this machine that becomes a blob without being written twice, where the file system lets
// it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/core/result.h"
#include "engine/store/blobs.h"
#include "engine/store/digest.h"

namespace engine {

enum class BlobOrigin : uint8_t { existed, shared_blocks, hard_link, copy };

// Puts a file under its digest: as a file of its own that shares the blocks (reflink), else, where
// the file is ours and nobody may write it, as another name of it (hard link), else as a copy. What
// gets the name of a blob has been read to its end and has that digest, as with BlobFolder::put; a
// shared lock of the store is held. watch: bytes read, from 0 again for another way.
Result<BlobOrigin> link_blob(const BlobFolder& blobs, std::string_view digest,
                             const std::string& file, const Watch& watch);

}  // namespace engine
