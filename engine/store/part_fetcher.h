// Fetches the parts of one blob into its file, several at once, lowest first.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/core/result.h"
#include "engine/store/blob_source.h"
#include "engine/store/part_files.h"

namespace engine {

struct LivePart {
  explicit LivePart(const Part& p)
      : n(p.n), offset(p.offset), size(p.size), completed(p.completed) {}
  const int n;
  const int64_t offset, size;
  std::atomic<int64_t> completed;  // grows after the bytes are in the file

  bool done() const { return completed.load(std::memory_order_acquire) == size; }
  Part part() const { return {n, offset, size, completed.load(std::memory_order_acquire)}; }
};

// Thread-safe to look at while fetch() runs.
class PartFetcher {
 public:
  enum class End {
    complete,
    // the server gives the blob only as a whole: to be fetched in one stream from the start
    ranges_ignored,
  };

  // fd, files and resolver outlive the fetcher. Parts in the order of their offsets. whole: there
  // is one part, fetched without a range and in one attempt, since a second one begins anew.
  PartFetcher(int fd, const PartFiles& files, BlobResolver& resolver,
              const std::vector<Part>& parts, bool whole);

  int64_t total() const;
  int64_t completed() const;  // of all parts
  int64_t prefix() const;     // without a hole, from the start
  // Returns when all parts are there, at the first error that is final, or cancelled.
  Result<End> fetch(const std::stop_token& cancel);

 private:
  struct Attempt;
  void work();
  LivePart* next();
  Status fetch_part(Transfer& transfer, LivePart& part);
  Result<HttpAnswer> attempt(Transfer& transfer, LivePart& part, const BlobSource& source,
                             Attempt& a);
  Status check_head(const LivePart& part, int64_t from, const HttpAnswer& answer, Attempt& a) const;
  Status take(LivePart& part, std::span<const std::byte> bytes, Attempt& a);
  Status record(const LivePart& part, Attempt& a) const;
  Status save(const LivePart& part) const;
  Status sync_data() const;
  void fail(const Error& error);

  const int fd_;
  const PartFiles& files_;
  BlobResolver& resolver_;
  const bool whole_;
  std::deque<LivePart> parts_;
  std::stop_source halt_;
  std::mutex mutex_;
  size_t next_ = 0;
  std::optional<Error> error_;
  bool ranges_ignored_ = false;
};

}  // namespace engine
