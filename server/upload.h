// Uploads: bodies of POST /api/blobs on their way to the disk, each with a thread of its own that
// hashes and writes, so that a slow disk holds up neither connections nor handlers.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "engine/store/model_store.h"
#include "server/http/body_sink.h"
#include "server/http/http.h"

namespace engine {

class Upload;

// Thread-safe. Outlives no session that uses it.
class Uploads {
 public:
  explicit Uploads(const ModelStore& store) : store_(store) {}
  ~Uploads() { stop(); }

  // The sink for the body of a request; nullptr when too many run already. size: of the body, -1
  // for unknown. Requires: the digest is valid.
  std::shared_ptr<BodySink> start(const std::string& digest, int64_t size);
  // Calls off what runs and waits for its end; nothing starts any more. Idempotent.
  void stop();

 private:
  friend class Upload;
  void ended(Upload* upload);

  const ModelStore store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<Upload*> running_;
  bool stopped_ = false;
};

// The digest of a path below /api/blobs/; "" for one that is none.
std::string digest_of_path(std::string_view path);
// The answer to what became of a blob: 201 stored, 200 there before, or its error.
HttpResponse blob_response(const Result<BlobInfo>& blob);

}  // namespace engine
