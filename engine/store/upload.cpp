// The parts are asked for one after the other, since each answer has the address of the next request.
// A registry that takes a body itself has it before the next part is asked for. Where it answers
// 307, the body goes to the storage host while the next parts are asked for. Both may happen in one
// blob, and neither waits for the other: whether the registry takes a part is only known when it
// does, and one that does while earlier parts are on their way elsewhere puts them together by their
// Content-Range.
#include "engine/store/upload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>

#include "engine/core/sha256.h"
#include "engine/store/name.h"
#include "engine/store/part_body.h"
#include "engine/store/storage_puts.h"
#include "engine/store/tries.h"

namespace engine {
namespace {

constexpr int kRestarts = 2;

class Upload {
 public:
  Upload(RegistryClient& client, int fd, const Layer& layer, const std::stop_token& cancel,
         const std::function<void(int64_t)>& progress)
      : client_(client), fd_(fd), layer_(layer), cancel_(cancel), progress_(progress) {}

  Status run() {
    ENGINE_TRY(there, exists());
    if (there) return ok;
    for (int restarts = 0;; ++restarts) {
      ENGINE_TRY(open, begin(restarts == 0));
      if (!open) return ok;
      const Status sent = send();
      if (sent) return ok;
      if (cancel_.stop_requested()) return cancelled_error();
      if (restarts == kRestarts) return sent;
      if (!wait_or_cancel(client_.limits().second * (1 << restarts), cancel_))
        return cancelled_error();
    }
  }

 private:
  Result<bool> exists() {
    HttpCall call;
    call.method = "HEAD";
    call.url = client_.blob_url(layer_.digest);
    call.cancel = cancel_;
    CallRules rules;
    rules.repeats_network_errors = true;
    const auto answer = client_.call(transfer_, std::move(call), rules);
    if (answer) return true;
    if (answer.error().code == Errc::not_found) return false;
    return answer.error();
  }

  // Opens a session. false: the registry took the blob over from another repository.
  Result<bool> begin(bool may_mount) {
    std::string query;
    if (const auto from = parse_model_name(layer_.from);
        may_mount && from && !layer_.from.empty()) {
      query = fmt::format("mount={}&from={}", form_encoded(layer_.digest),
                          form_encoded(from->space + "/" + from->model));
    }
    HttpCall call;
    call.method = "POST";
    call.url = query.empty() ? client_.upload_url() : with_query(client_.upload_url(), query);
    call.cancel = cancel_;
    CallRules rules;
    rules.follows_redirects = false;
    const std::string url = call.url;
    auto answer = client_.call(transfer_, std::move(call), rules);
    if (!answer && !query.empty() && answer.error().code != Errc::cancelled) return begin(false);
    if (!answer && answer.error().code == Errc::not_found) {
      return Error{Errc::not_found,
                   fmt::format("{}: file does not exist; the registry may not allow this name, "
                               "some want lower case",
                               url)};
    }
    if (!answer) return answer.error();
    if (answer->status == 201) return false;
    if (answer->status != 202)
      return Error{Errc::io, fmt::format("unexpected status code {}", answer->status)};
    ENGINE_TRY_STATUS(take_session(url, *answer));
    return true;
  }

  // The address of the next request is that of the last answer, and is used once.
  Status take_session(const std::string& asked, const HttpAnswer& answer) {
    std::string_view location = answer.header("Docker-Upload-Location");
    if (location.empty()) location = answer.header("Location");
    ENGINE_TRY(base, parse_url(asked));
    if (location.empty())
      return Error{Errc::io, fmt::format("{} did not say where the upload goes on", asked)};
    ENGINE_TRY(next, resolve_url(base, location));
    session_ = next.text();
    return ok;
  }

  Status send() {
    const RegistryLimits& limits = client_.limits();
    std::atomic<int64_t> total = 0;
    std::deque<PartBody> bodies;
    for (const Part& part : cut_parts(layer_.size, limits.part_bytes_min, limits.part_bytes_max))
      bodies.emplace_back(fd_, layer_.digest, part, total);
    const StoragePuts::Report report = [&] { progress_(total); };
    StoragePuts puts(client_, cancel_);
    for (PartBody& body : bodies) {
      // Before the request: the address that it may get is used at once, and a part that the
      // registry takes itself is one of the few on their way, too.
      ENGINE_TRY_STATUS(puts.wait_for_place(report));
      if (const Status sent = send_part(body, puts, report); !sent) return puts.fail(sent.error());
      report();
    }
    ENGINE_TRY_STATUS(puts.wait_for_all(report));
    report();
    return close_session(bodies);
  }

  // The etag is the MD5 over those of the parts, in their order.
  Status close_session(std::deque<PartBody>& bodies) {
    std::string sums;
    for (PartBody& body : bodies) sums += body.md5();
    const std::string etag =
        fmt::format("{}-{}", md5_hex(std::as_bytes(std::span(sums))), bodies.size());
    HttpCall call;
    call.method = "PUT";
    call.url =
        with_query(session_, fmt::format("digest={}&etag={}", form_encoded(layer_.digest), etag));
    call.headers = {"Content-Type: application/octet-stream"};
    call.cancel = cancel_;
    CallRules rules;
    rules.follows_redirects = false;
    ENGINE_TRY(answer, client_.call(transfer_, std::move(call), rules));
    if (answer.status / 100 != 2)
      return Error{Errc::io, fmt::format("unexpected status code {}", answer.status)};
    return ok;
  }

  // Returns when the registry has the part, or when it is on its way to the storage.
  Status send_part(PartBody& body, StoragePuts& puts, const StoragePuts::Report& report) {
    const Part& part = body.part();
    const std::string used = session_;
    Tries tries(client_.limits(), puts.halt());
    while (true) {
      HttpCall call = body.request("PATCH", used, report);
      call.headers.insert(call.headers.end(), {"Expect: 100-continue", "X-Redirect-Uploads: 1",
                                               fmt::format("Content-Range: {}-{}", part.offset,
                                                           part.offset + part.size - 1)});
      call.cancel = puts.halt();
      CallRules rules;
      rules.follows_redirects = false;
      rules.passes_errors = true;
      const auto answer = client_.call(transfer_, std::move(call), rules);
      const int status = answer ? answer->status : 0;
      if (status == 307) {
        ENGINE_TRY(base, parse_url(used));
        ENGINE_TRY(storage, resolve_url(base, answer->header("Location")));
        if (answer->header("Docker-Upload-Location").empty())
          return Error{Errc::io, fmt::format("{} did not say where the upload goes on", used)};
        ENGINE_TRY_STATUS(take_session(used, *answer));
        puts.start(storage.text(), body);
        return ok;
      }
      if (status / 100 == 2 && body.whole()) return take_session(used, *answer);
      const Error why = failure_of(answer);
      // the session is gone, or has gone on without the part: the blob begins anew
      if (status / 100 == 2 || status == 400 || status == 404 || status == 416) return why;
      ENGINE_TRY_STATUS(tries.again(why));
    }
  }

  RegistryClient& client_;
  const int fd_;
  const Layer& layer_;
  const std::stop_token cancel_;
  const std::function<void(int64_t)>& progress_;
  Transfer transfer_;
  std::string session_;
};

}  // namespace

Status upload_blob(RegistryClient& client, const BlobFolder& blobs, const Layer& layer,
                   const std::stop_token& cancel, const std::function<void(int64_t)>& progress) {
  const std::string path = blobs.path(layer.digest);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{Errc::io, fmt::format("cannot open {}: {}", path, std::strerror(errno))};
  const Status status = Upload(client, fd, layer, cancel, progress).run();
  ::close(fd);
  return status;
}

}  // namespace engine
