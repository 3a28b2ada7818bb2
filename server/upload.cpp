// A queue of bytes between a connection and the thread that writes them.
#include "server/upload.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <new>
#include <system_error>
#include <thread>

#include "server/api_form.h"
#include "server/error_map.h"
#include "server/reply.h"

namespace engine {
namespace {

constexpr size_t kMaxQueued = size_t{2} << 20;  // bytes; the connection is read no further then
constexpr size_t kMaxUploads = 32;

}  // namespace

// Kept alive by its session and by its thread.
class Upload : public BodySink {
 public:
  void on_ready(std::function<void()> ready) override {
    const std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
  }

  Takes push(std::string bytes) override {
    const std::lock_guard lock(mutex_);
    if (result_) return Takes::nothing;
    queued_ += bytes.size();
    pieces_.push_back(std::move(bytes));
    changed_.notify_all();
    return takes();
  }

  Takes state() override {
    const std::lock_guard lock(mutex_);
    return takes();
  }

  void finish(std::shared_ptr<Reply> reply) override {
    const std::lock_guard lock(mutex_);
    complete_ = true;
    ready_ = nullptr;
    if (result_)
      reply->send(blob_response(*result_));
    else
      reply_ = std::move(reply);
    changed_.notify_all();
  }

  // Whoever is to be told is let go outside of the lock: it may be the end of the session.
  void abort() override {
    std::function<void()> ready;
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    ready_.swap(ready);
    changed_.notify_all();
  }

  // In its thread.
  void run(const ModelStore& store, const std::string& digest, int64_t size) {
    Result<BlobInfo> blob = put(store, digest, size);
    std::function<void()> ready;
    std::shared_ptr<Reply> reply;
    {
      const std::lock_guard lock(mutex_);
      pieces_.clear();
      ready_.swap(ready);
      reply_.swap(reply);
      result_ = std::make_unique<Result<BlobInfo>>(blob);
    }
    if (reply) reply->send(blob_response(blob));
    if (ready) ready();
  }

 private:
  Result<BlobInfo> put(const ModelStore& store, const std::string& digest, int64_t size) {
    try {
      return store.put_blob(
          digest, [this](std::span<std::byte> out) { return read(out); }, size);
    } catch (const std::bad_alloc&) {
      return Error{Errc::out_of_memory, "out of memory"};
    }
  }

  // Requires: the lock.
  Takes takes() const {
    if (result_) return Takes::nothing;
    waiting_ = queued_ >= kMaxQueued;
    return waiting_ ? Takes::later : Takes::more;
  }

  Result<size_t> read(std::span<std::byte> out) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return aborted_ || complete_ || !pieces_.empty(); });
    if (aborted_) return Error{Errc::cancelled, "the upload was cut off"};
    if (pieces_.empty()) return size_t{0};
    size_t filled = 0;
    while (!pieces_.empty() && filled < out.size()) {
      const std::string& piece = pieces_.front();
      const size_t n = std::min(piece.size() - at_, out.size() - filled);
      std::memcpy(out.data() + filled, piece.data() + at_, n);
      filled += n;
      at_ += n;
      if (at_ < piece.size()) break;
      pieces_.pop_front();
      at_ = 0;
    }
    queued_ -= filled;
    if (waiting_ && queued_ < kMaxQueued / 2) {
      waiting_ = false;
      if (ready_) ready_();
    }
    return filled;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  size_t at_ = 0, queued_ = 0;  // at_: what has been read of the first piece
  mutable bool waiting_ = false;
  bool complete_ = false, aborted_ = false;
  std::function<void()> ready_;
  std::shared_ptr<Reply> reply_;
  std::unique_ptr<Result<BlobInfo>> result_;
};

std::shared_ptr<BodySink> Uploads::start(const std::string& digest, int64_t size) {
  const auto upload = std::make_shared<Upload>();
  const std::lock_guard lock(mutex_);
  if (stopped_ || running_.size() >= kMaxUploads) return nullptr;
  try {
    std::thread([this, upload, digest, size] {
      upload->run(store_, digest, size);
      ended(upload.get());
    }).detach();
  } catch (const std::system_error&) {
    return nullptr;
  }
  running_.insert(upload.get());
  return upload;
}

void Uploads::ended(Upload* upload) {
  const std::lock_guard lock(mutex_);
  running_.erase(upload);
  changed_.notify_all();
}

void Uploads::stop() {
  std::unique_lock lock(mutex_);
  stopped_ = true;
  for (Upload* upload : running_) upload->abort();
  changed_.wait(lock, [this] { return running_.empty(); });
}

std::string digest_of_path(std::string_view path) {
  constexpr std::string_view kFolder = "/api/blobs/";
  if (!path.starts_with(kFolder)) return "";
  const std::string digest = percent_decoded(path.substr(kFolder.size()));
  return valid_digest(digest) ? plain_digest(digest) : "";
}

HttpResponse blob_response(const Result<BlobInfo>& blob) {
  if (blob) return empty_response(blob->existed ? 200 : 201);
  const Error& error = blob.error();
  // Bytes that are not what they were said to be are the fault of the request.
  const int status = error.code == Errc::corrupt ? 400 : http_status(error.code);
  return error_response(ApiForm::native, status, error.message);
}

}  // namespace engine
