// From the lock to the rename: a blob gets its name only after its digest has been compared.
#include "engine/store/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/core/memory.h"
#include "engine/store/files.h"
#include "engine/store/prefix_hasher.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLookAtOthers = std::chrono::milliseconds(100);

const Error kCancelled{Errc::cancelled, "request canceled"};

// ENGINE_PULL_PARTS, unless the caller has a number.
int wanted_parts(int given) {
  if (given > 0) return given;
  const std::string text = env(Env::ENGINE_PULL_PARTS);
  const int n = text.empty() ? 16 : std::atoi(text.c_str());
  if (n >= 1 && n <= 64) return n;
  log_warn("ENGINE_PULL_PARTS=\"{}\" is no number from 1 to 64; using 16", text);
  return 16;
}

int64_t missing_bytes(const std::vector<Part>& parts) {
  int64_t missing = 0;
  for (const Part& part : parts) missing += part.size - part.completed;
  return missing;
}

}  // namespace

// The file of the download, locked against other processes.
class BlobDownload::Lock {
 public:
  ~Lock() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

  // false: another process has it, or has just finished with it.
  Result<bool> try_open(const std::string& path) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) return io_error("cannot create", path);
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK || errno == EINTR) return false;
      log_warn("{} cannot be locked ({}); another download of it would not be noticed", path,
               std::strerror(errno));
    }
    // The one who held the lock before may have renamed or removed the file.
    struct stat mine, there;
    return ::fstat(fd_, &mine) == 0 && ::stat(path.c_str(), &there) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
  }

 private:
  int fd_ = -1;
};

BlobDownload::BlobDownload(const BlobFolder& blobs, std::string digest, int64_t size,
                           std::shared_ptr<RegistryClient> client, std::string url)
    : blobs_(blobs),
      digest_(std::move(digest)),
      size_(size),
      client_(std::move(client)),
      url_(std::move(url)),
      files_(blobs_, digest_),
      total_(size) {
  thread_ = std::jthread([this](const std::stop_token& cancel) {
    Status result = run(cancel);
    const std::lock_guard lock(mutex_);
    result_ = std::move(result);
    changed_.notify_all();
  });
}

BlobDownload::~BlobDownload() {
  thread_.request_stop();
  thread_.join();
}

DownloadProgress BlobDownload::progress() const {
  DownloadProgress p;
  p.total = total_.load();
  p.completed = elsewhere_.load();
  p.hashed = hashed_.load();
  p.verifying = verifying_.load();
  const std::lock_guard lock(mutex_);
  if (fetcher_) p.completed = fetcher_->completed();
  return p;
}

bool BlobDownload::wait(std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return result_.has_value(); });
}

Status BlobDownload::result() const {
  const std::lock_guard lock(mutex_);
  ENGINE_CHECK(result_.has_value(), "asked for the result of a download that runs");
  return *result_;
}

void BlobDownload::set(std::shared_ptr<PartFetcher> fetcher) {
  const std::lock_guard lock(mutex_);
  fetcher_ = std::move(fetcher);
}

Status BlobDownload::run(const std::stop_token& cancel) {
  std::error_code ec;
  std::filesystem::create_directories(blobs_.folder(), ec);
  if (ec) {
    return Error{Errc::io, fmt::format("cannot create {}: {}: ensure path elements are traversable",
                                       blobs_.folder(), ec.message())};
  }
  Lock lock;
  while (true) {
    if (blobs_.has(digest_)) return ok;
    ENGINE_TRY(mine, lock.try_open(files_.data_path()));
    if (mine) break;
    if (const auto parts = files_.read(); parts && !parts->empty()) {
      total_ = parts->back().offset + parts->back().size;
      elsewhere_ = total_ - missing_bytes(*parts);
    }
    if (!wait_or_cancel(kLookAtOthers, cancel)) return kCancelled;
  }
  if (blobs_.has(digest_)) {  // between the look and the lock
    ::unlink(files_.data_path().c_str());
    return ok;
  }
  return download(lock.fd(), cancel);
}

Status BlobDownload::download(int fd, const std::stop_token& cancel) {
  ENGINE_TRY(parts, plan(fd, cancel));
  const int64_t total = parts.empty() ? 0 : parts.back().offset + parts.back().size;
  total_ = total;
  ENGINE_TRY_STATUS(check_space(parts));
  if (::ftruncate(fd, total) != 0) return io_error("cannot write", files_.data_path());
  for (const Part& part : parts) ENGINE_TRY_STATUS(files_.write(part, false));

  BlobResolver resolver(client_, url_);
  const RegistryLimits& limits = client_->limits();
  bool whole = false;
  for (int tries = 1;; ++tries) {
    auto fetcher = std::make_shared<PartFetcher>(fd, files_, resolver, parts, whole);
    set(fetcher);
    PrefixHasher hasher(fd, total, [fetcher] { return fetcher->prefix(); });
    const auto end = fetch(*fetcher, cancel);
    if (end && *end == PartFetcher::End::complete) {
      verifying_ = true;
      while (!hasher.finished()) {
        hashed_ = hasher.hashed();
        if (!wait_or_cancel(std::chrono::milliseconds(2), cancel)) return kCancelled;
      }
      return finish(fd, hasher.hex());
    }
    const bool again = end || (whole && tries <= limits.tries &&
                               (end.error().code == Errc::io || end.error().code == Errc::busy));
    if (!again) {
      if (end.error().code == Errc::cancelled || !whole || tries <= limits.tries)
        return end.error();
      return Error{end.error().code, "max retries exceeded: " + end.error().message};
    }
    if (!end && !wait_or_cancel(limits.second * (1 << std::min(tries, 5)), cancel))
      return kCancelled;
    // One stream from the start, whatever there was before.
    whole = true;
    files_.remove_states();
    parts = {Part{0, 0, total, 0}};
    ENGINE_TRY_STATUS(files_.write(parts[0], false));
  }
}

// The parts that an earlier download left, or new ones.
Result<std::vector<Part>> BlobDownload::plan(int fd, const std::stop_token& cancel) {
  auto parts = files_.read();
  struct stat st;
  if (parts && !parts->empty()) {
    const int64_t total = parts->back().offset + parts->back().size;
    const bool fits =
        ::fstat(fd, &st) == 0 && st.st_size == total && (size_ == 0 || size_ == total);
    if (fits) return parts;
  }
  if (!parts || !parts->empty())
    log_warn("what an earlier download left of {} does not fit; it begins anew", digest_);
  files_.remove_states();
  ENGINE_TRY(total, ask_length(cancel));
  const RegistryLimits& limits = client_->limits();
  return cut_parts(total, limits.part_bytes_min, limits.part_bytes_max, wanted_parts(limits.parts));
}

Result<int64_t> BlobDownload::ask_length(const std::stop_token& cancel) {
  Transfer transfer;
  HttpCall call;
  call.method = "HEAD";
  call.url = url_;
  call.cancel = cancel;
  CallRules rules;
  rules.repeats_network_errors = true;
  rules.passes_errors = true;
  ENGINE_TRY(answer, client_->call(transfer, std::move(call), rules));
  // A server that answers no HEAD leaves it to the manifest.
  const bool no_head = answer.status == 405 || answer.status == 501;
  if (answer.status >= 400 && !no_head) {
    if (answer.status == 404) return Error{Errc::not_found, "file does not exist"};
    return Error{Errc::io, fmt::format("unexpected status code {}", answer.status)};
  }
  const std::string_view text = no_head ? "" : answer.header("Content-Length");
  int64_t length = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), length);
  const bool known = !text.empty() && ec == std::errc() && length >= 0;
  if (!known && size_ == 0)
    return Error{Errc::corrupt, fmt::format("the server does not say how long {} is", digest_)};
  if (known && size_ > 0 && length != size_) {
    return Error{Errc::corrupt, fmt::format("size mismatch for {}: manifest {}, server {}", digest_,
                                            size_, length)};
  }
  return known ? length : size_;
}

Status BlobDownload::check_space(const std::vector<Part>& parts) const {
  struct statvfs fs;
  if (::statvfs(blobs_.folder().c_str(), &fs) != 0) return ok;
  const auto need = static_cast<uint64_t>(missing_bytes(parts));
  const uint64_t have = uint64_t{fs.f_bavail} * fs.f_frsize;
  if (need <= have) return ok;
  return Error{Errc::io, fmt::format("not enough disk space in {}: need {}, have {}",
                                     std::filesystem::path(blobs_.folder()).parent_path().string(),
                                     memory_text(need), memory_text(have))};
}

// Lets the fetcher run and watches that it comes forward.
Result<PartFetcher::End> BlobDownload::fetch(PartFetcher& fetcher, const std::stop_token& cancel) {
  std::stop_source stop;
  const std::stop_callback forward(cancel, [&stop] { stop.request_stop(); });
  std::atomic<bool> stalled = false;
  std::jthread watch([&](const std::stop_token& done) {
    int64_t last = fetcher.completed();
    auto since = Clock::now();
    const auto look = std::min<std::chrono::milliseconds>(std::chrono::seconds(1),
                                                          client_->limits().standstill / 4);
    while (wait_or_cancel(look, done)) {
      const int64_t now = fetcher.completed();
      if (now != last) last = now, since = Clock::now();
      if (Clock::now() - since < client_->limits().standstill) continue;
      stalled = true;
      stop.request_stop();
      return;
    }
  });
  auto end = fetcher.fetch(stop.get_token());
  watch.request_stop();
  watch.join();
  if (stalled && !cancel.stop_requested()) return Error{Errc::invalid_argument, "download stalled"};
  return end;
}

Status BlobDownload::finish(int fd, const Result<std::string>& hex) {
  if (!hex) return hex.error();
  if (::fdatasync(fd) != 0) return io_error("cannot write", files_.data_path());
  const std::string got = "sha256:" + *hex;
  if (!equal_ignoring_case(got, digest_)) {
    files_.remove_all();
    return Error{Errc::corrupt,
                 fmt::format("digest mismatch, file must be downloaded again: want {}, got {}",
                             digest_, got)};
  }
  (void)::futimens(fd,
                   nullptr);  // fresh, however long it took: a prune leaves it alone for an hour
  const std::string path = blobs_.path(digest_);
  if (::rename(files_.data_path().c_str(), path.c_str()) != 0)
    return io_error("cannot rename to", path);
  files_.remove_states();
  const int folder = ::open(blobs_.folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)::fsync(folder);
    ::close(folder);
  }
  return ok;
}

std::shared_ptr<BlobDownload> Downloads::join(const BlobFolder& blobs, const std::string& digest,
                                              int64_t size,
                                              const std::shared_ptr<RegistryClient>& client,
                                              const std::string& url) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<BlobDownload>& entry = running_[blobs.path(digest)];
  std::shared_ptr<BlobDownload> download = entry.lock();
  if (!download || download->wait(std::chrono::milliseconds(0))) {
    download = std::make_shared<BlobDownload>(blobs, digest, size, client, url);
    entry = download;
  }
  std::erase_if(running_, [](const auto& item) { return item.second.expired(); });
  return download;
}

}  // namespace engine
