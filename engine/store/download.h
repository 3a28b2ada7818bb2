// BlobDownload: one blob on its way into the store; Downloads: those of this process.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine/core/result.h"
#include "engine/store/blobs.h"
#include "engine/store/part_fetcher.h"
#include "engine/store/registry_client.h"

namespace engine {

struct DownloadProgress {
  int64_t total = 0, completed = 0;  // bytes of the blob; total 0: not known yet
  int64_t hashed = 0;
  bool verifying = false;  // all bytes are there, the digest is not known yet
};

// Downloads on a thread of its own from the first moment; takes up what an earlier download left.
// Another process that downloads the same blob is waited for. Ends cancelled when the object goes;
// what has arrived stays for the next time. Thread-safe.
class BlobDownload {
 public:
  // size: of the manifest, 0 when it does not say. url: where the client finds it.
  BlobDownload(const BlobFolder& blobs, std::string digest, int64_t size,
               std::shared_ptr<RegistryClient> client, std::string url);
  ~BlobDownload();

  DownloadProgress progress() const;
  // true: it has ended.
  bool wait(std::chrono::milliseconds time) const;
  // Requires: wait() returned true. Errc::corrupt: the digest differed; the bytes are removed.
  Status result() const;

 private:
  class Lock;
  Status run(const std::stop_token& cancel);
  Status download(int fd, const std::stop_token& cancel);
  Result<std::vector<Part>> plan(int fd, const std::stop_token& cancel);
  Result<int64_t> ask_length(const std::stop_token& cancel);
  Status check_space(const std::vector<Part>& parts) const;
  Result<PartFetcher::End> fetch(PartFetcher& fetcher, const std::stop_token& cancel);
  Status finish(int fd, const Result<std::string>& hex);
  void set(std::shared_ptr<PartFetcher> fetcher);

  const BlobFolder blobs_;
  const std::string digest_;
  const int64_t size_;
  const std::shared_ptr<RegistryClient> client_;
  const std::string url_;
  const PartFiles files_;

  std::atomic<int64_t> total_ = 0, elsewhere_ = 0, hashed_ = 0;  // elsewhere_: by another process
  std::atomic<bool> verifying_ = false;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::shared_ptr<PartFetcher> fetcher_;
  std::optional<Status> result_;
  std::jthread thread_;
};

// Whoever needs a blob that is on its way shares the download; it ends when nobody holds it any
// more. Thread-safe.
class Downloads {
 public:
  std::shared_ptr<BlobDownload> join(const BlobFolder& blobs, const std::string& digest,
                                     int64_t size, const std::shared_ptr<RegistryClient>& client,
                                     const std::string& url);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<BlobDownload>> running_;  // by path of the blob
};

}  // namespace engine
