// Workers take the lowest part that nobody has; each repeats its part until it is there or the
// tries are used up.
#include "engine/store/part_fetcher.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <thread>

#include "engine/store/files.h"
#include "engine/store/part_journal.h"

namespace engine {
namespace {

constexpr size_t kMaxWorkers = 8;
// So many begin, and there are twice as many after each `time` that brings less than `bytes`. What a
// server has sent and we have not read is fetched once more after a crash, for each connection: one
// that is fast from the start needs no others, and a far one shows its speed later.
constexpr size_t kFirstWorkers = 2;
struct Pace {
  std::chrono::milliseconds time;
  int64_t bytes;
};
// 250 MB/s: twice what a gigabit line carries.
constexpr Pace kFast{std::chrono::milliseconds(100), 25'000'000};
// 20 MB/s from a server that shares the cores of a busy machine with us, where more connections are
// more waiting bytes only; less comes through a tunnel.
constexpr Pace kFastHere{std::chrono::milliseconds(500), 10'000'000};
// After so many bytes of a part they and its state are synced.
constexpr int64_t kSyncBytes = 64 << 20;

const Error kCancelled{Errc::cancelled, "request canceled"};

// "bytes 100-199/1000" as three numbers; total -1 for '*'.
bool parse_content_range(std::string_view text, int64_t& first, int64_t& last, int64_t& total) {
  const auto number = [&text](int64_t& out) {
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return ec == std::errc() && out >= 0;
  };
  const auto skip = [&text](std::string_view what) {
    if (!text.starts_with(what)) return false;
    text.remove_prefix(what.size());
    return true;
  };
  if (!skip("bytes ") || !number(first) || !skip("-") || !number(last) || !skip("/")) return false;
  total = -1;
  return text == "*" || (number(total) && text.empty());
}

// Up to `most` threads; returns when all have ended.
void run_workers(size_t most, const Pace& enough, const std::function<void()>& work,
                 const std::function<int64_t()>& completed) {
  std::stop_source idle;  // one found nothing more to do, and another would not either
  std::vector<std::jthread> workers;
  const auto employ = [&](size_t n) {
    while (workers.size() < std::min(n, most)) {
      workers.emplace_back([&] {
        work();
        idle.request_stop();
      });
    }
  };
  employ(kFirstWorkers);
  int64_t before = completed();
  while (workers.size() < most && wait_or_cancel(enough.time, idle.get_token())) {
    const int64_t now = completed();
    if (now - before < enough.bytes) employ(2 * workers.size());
    before = now;
  }
}

}  // namespace

struct PartFetcher::Attempt {
  std::unique_ptr<PartJournal> journal;
  int64_t since_sync = 0;
  bool final = false;  // the error is of this machine: no use to try again
  bool ranges_ignored = false;
};

PartFetcher::PartFetcher(int fd, const PartFiles& files, BlobResolver& resolver,
                         const std::vector<Part>& parts, bool whole)
    : fd_(fd), files_(files), resolver_(resolver), whole_(whole) {
  for (const Part& part : parts) parts_.emplace_back(part);
}

int64_t PartFetcher::total() const {
  return parts_.empty() ? 0 : parts_.back().offset + parts_.back().size;
}

int64_t PartFetcher::completed() const {
  int64_t sum = 0;
  for (const LivePart& part : parts_) sum += part.completed.load(std::memory_order_acquire);
  return sum;
}

int64_t PartFetcher::prefix() const {
  int64_t sum = 0;
  for (const LivePart& part : parts_) {
    const int64_t done = part.completed.load(std::memory_order_acquire);
    sum += done;
    if (done < part.size) break;
  }
  return sum;
}

Result<PartFetcher::End> PartFetcher::fetch(const std::stop_token& cancel) {
  const std::stop_callback forward(cancel, [this] { halt_.request_stop(); });
  const auto open = static_cast<size_t>(
      std::count_if(parts_.begin(), parts_.end(), [](const LivePart& p) { return !p.done(); }));
  if (open > 0) {
    Transfer transfer;
    ENGINE_TRY(source, resolver_.get(transfer, halt_.get_token()));
    const auto url = parse_url(source.url);
    run_workers(
        std::min(open, kMaxWorkers), url && url->loopback() ? kFastHere : kFast, [this] { work(); },
        [this] { return completed(); });
  }
  if (cancel.stop_requested()) return kCancelled;
  if (ranges_ignored_) return End::ranges_ignored;
  if (error_) return *error_;
  return End::complete;
}

void PartFetcher::work() {
  Transfer transfer;
  while (LivePart* part = next()) {
    if (const Status s = fetch_part(transfer, *part); !s) return fail(s.error());
  }
}

LivePart* PartFetcher::next() {
  const std::lock_guard lock(mutex_);
  while (next_ < parts_.size() && parts_[next_].done()) ++next_;
  if (halt_.stop_requested() || next_ == parts_.size()) return nullptr;
  return &parts_[next_++];
}

// The first error is the one that counts: the others are its consequences.
void PartFetcher::fail(const Error& error) {
  const std::lock_guard lock(mutex_);
  if (!error_ && !halt_.stop_requested()) error_ = error;
  halt_.request_stop();
}

Status PartFetcher::fetch_part(Transfer& transfer, LivePart& part) {
  const RegistryLimits& limits = resolver_.client().limits();
  int tries = 0;
  while (!part.done()) {
    ENGINE_TRY(source, resolver_.get(transfer, halt_.get_token()));
    if (source.no_ranges && !whole_) {
      const std::lock_guard lock(mutex_);
      ranges_ignored_ = true;
      halt_.request_stop();
      return ok;
    }
    const int64_t before = part.completed.load();
    Attempt a;
    const auto answer = attempt(transfer, part, source, a);
    if (a.ranges_ignored) {
      const std::lock_guard lock(mutex_);
      ranges_ignored_ = true;
      halt_.request_stop();
      return ok;
    }
    if (!a.final) ENGINE_TRY_STATUS(save(part));
    if (part.done()) break;
    if (halt_.stop_requested()) return kCancelled;
    if (a.final) return answer.error();

    Error why{Errc::io, fmt::format("the server ended the answer after {} of {} bytes",
                                    part.completed.load() - before, part.size - before)};
    std::optional<std::chrono::milliseconds> wait;
    if (!answer) {
      why = answer.error();
    } else if (const int status = answer->status; status / 100 != 2) {
      const bool may_be_old =
          source.foreign && (status == 400 || status == 401 || status == 403 || status == 410);
      if (may_be_old && resolver_.expire(source)) continue;
      if (status == 401 && !source.foreign) (void)resolver_.expire(source);  // with a new token
      why.message = fmt::format("unexpected status code {}", status);
      wait = retry_after(*answer);
    }
    if (whole_) return why;
    const bool stalled = !answer && answer.error().code == Errc::busy;
    if (stalled) continue;
    // What brought bytes was worth the try.
    tries = part.completed.load() > before ? 1 : tries + 1;
    if (tries >= limits.tries) return Error{why.code, "max retries exceeded: " + why.message};
    if (!wait_or_cancel(wait.value_or(limits.second * (1 << (tries - 1))), halt_.get_token()))
      return kCancelled;
  }
  return ok;
}

Result<HttpAnswer> PartFetcher::attempt(Transfer& transfer, LivePart& part,
                                        const BlobSource& source, Attempt& a) {
  RegistryClient& client = resolver_.client();
  auto journal = PartJournal::open(files_, part.part());
  if (!journal) {
    a.final = true;
    return journal.error();
  }
  a.journal = std::move(*journal);
  const int64_t from = part.offset + part.completed.load();
  ENGINE_TRY(url, parse_url(source.url));
  HttpCall call;
  call.url = source.url;
  call.headers = {client.user_agent()};
  if (!whole_)
    call.headers.push_back(fmt::format("Range: bytes={}-{}", from, part.offset + part.size - 1));
  if (!source.foreign) {
    if (std::string line = client.authorization(url); !line.empty())
      call.headers.push_back(std::move(line));
  }
  call.stall = client.limits().stall;
  call.cancel = halt_.get_token();
  call.on_head = [&](const HttpAnswer& answer) { return check_head(part, from, answer, a); };
  call.sink = [&](std::span<const std::byte> bytes) { return take(part, bytes, a); };
  return transfer.perform(call);
}

Status PartFetcher::check_head(const LivePart& part, int64_t from, const HttpAnswer& answer,
                               Attempt& a) const {
  if (answer.status / 100 != 2) return ok;
  if (answer.status == 206) {
    int64_t first = 0, last = 0, whole = 0;
    const std::string_view range = answer.header("Content-Range");
    const bool fits = parse_content_range(range, first, last, whole) && first == from &&
                      last == part.offset + part.size - 1 && (whole == -1 || whole == total());
    if (fits) return ok;
    return Error{Errc::corrupt, fmt::format("the server answered with the range \"{}\" instead of "
                                            "bytes {}-{}",
                                            range, from, part.offset + part.size - 1)};
  }
  if (from == 0 && part.size == total()) return ok;
  a.ranges_ignored = true;
  return kCancelled;
}

Status PartFetcher::take(LivePart& part, std::span<const std::byte> bytes, Attempt& a) {
  int64_t done = part.completed.load(std::memory_order_relaxed);
  if (static_cast<int64_t>(bytes.size()) > part.size - done)
    return Error{Errc::corrupt, "the server sends more than was asked for"};
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), part.offset + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      a.final = true;
      return Error{Errc::io,
                   fmt::format("cannot write {}: {}", files_.data_path(), std::strerror(errno))};
    }
    bytes = bytes.subspan(static_cast<size_t>(n));
    done += n;
    part.completed.store(done, std::memory_order_release);
    a.since_sync += n;
  }
  Status saved = record(part, a);
  a.final = !saved;
  return saved;
}

// At once, for the process may die while the data is synced.
Status PartFetcher::record(const LivePart& part, Attempt& a) const {
  ENGINE_TRY_STATUS(a.journal->record(part.part()));
  if (a.since_sync < kSyncBytes) return ok;
  a.since_sync = 0;
  ENGINE_TRY_STATUS(sync_data());
  return a.journal->sync();
}

Status PartFetcher::save(const LivePart& part) const {
  const Part state = part.part();
  ENGINE_TRY_STATUS(sync_data());
  return files_.write(state, true);
}

Status PartFetcher::sync_data() const {
  if (::fdatasync(fd_) != 0) return io_error("cannot write", files_.data_path());
  return ok;
}

}  // namespace engine
