// Parts go one after the other: a registry appends what it is sent. Where it redirects, the body of
// a part goes to the storage host itself.
#include "engine/store/upload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "engine/core/sha256.h"
#include "engine/store/name.h"
#include "engine/store/part_files.h"

namespace engine {
namespace {

constexpr int kRestarts = 2;

Error failed(const HttpAnswer& answer) {
  return {Errc::io, fmt::format("http status {}: {}", answer.status, answer.body)};
}

bool cancelled(const Error& error) {
  return error.code == Errc::cancelled;
}

std::string octets() {
  return "Content-Type: application/octet-stream";
}

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
      if (sent || cancelled(sent.error()) || restarts == kRestarts) return sent;
      if (!wait_or_cancel(client_.limits().second * (1 << restarts), cancel_)) return sent;
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
    if (!answer && !query.empty() && !cancelled(answer.error())) return begin(false);
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
    const std::vector<Part> parts =
        cut_parts(layer_.size, limits.part_bytes_min, limits.part_bytes_max);
    std::string sums;
    for (const Part& part : parts) {
      ENGINE_TRY(sum, send_part(part));
      sums += sum;
      progress_(part.offset + part.size);
    }
    HttpCall call;
    call.method = "PUT";
    const std::string etag =
        fmt::format("{}-{}", md5_hex(std::as_bytes(std::span(sums))), parts.size());
    call.url =
        with_query(session_, fmt::format("digest={}&etag={}", form_encoded(layer_.digest), etag));
    call.headers = {octets()};
    call.cancel = cancel_;
    CallRules rules;
    rules.follows_redirects = false;
    ENGINE_TRY(answer, client_.call(transfer_, std::move(call), rules));
    if (answer.status / 100 != 2)
      return Error{Errc::io, fmt::format("unexpected status code {}", answer.status)};
    return ok;
  }

  // The raw MD5 of the part.
  Result<std::string> send_part(const Part& part) {
    const RegistryLimits& limits = client_.limits();
    for (int tries = 1;; ++tries) {
      const std::string used = session_;
      HttpCall call = body_call("PATCH", session_, part);
      call.headers = {
          octets(), "Expect: 100-continue", "X-Redirect-Uploads: 1",
          fmt::format("Content-Range: {}-{}", part.offset, part.offset + part.size - 1)};
      CallRules rules;
      rules.follows_redirects = false;
      rules.passes_errors = true;
      Error why{Errc::io, ""};
      bool lost = false;  // what the session has taken is not known
      const auto answer = client_.call(transfer_, std::move(call), rules);
      if (!answer) {
        if (cancelled(answer.error())) return answer.error();
        why = answer.error();
        lost = why.code == Errc::io || why.code == Errc::busy;
        if (!lost) return why;
      } else if (answer->status == 307) {
        ENGINE_TRY(base, parse_url(used));
        ENGINE_TRY(storage, resolve_url(base, answer->header("Location")));
        if (answer->header("Docker-Upload-Location").empty())
          return Error{Errc::io, fmt::format("{} did not say where the upload goes on", used)};
        ENGINE_TRY_STATUS(take_session(used, *answer));
        return send_to_storage(storage.text(), part);
      } else if (answer->status / 100 == 2) {
        ENGINE_TRY_STATUS(take_session(used, *answer));
        return md5_->bytes();
      } else {
        why = failed(*answer);
        // the session is gone: the blob begins anew
        if (answer->status == 400 || answer->status == 404 || answer->status == 416) return why;
      }
      if (tries >= limits.tries) return Error{why.code, "max retries exceeded: " + why.message};
      if (!wait_or_cancel(limits.second * (1 << (tries - 1)), cancel_))
        return Error{Errc::cancelled, "request canceled"};
    }
  }

  Result<std::string> send_to_storage(const std::string& url, const Part& part) {
    const RegistryLimits& limits = client_.limits();
    for (int tries = 1;; ++tries) {
      HttpCall call = body_call("PUT", url, part);
      call.headers = {octets(), client_.user_agent()};
      call.stall = limits.stall;
      const auto answer = transfer_.perform(call);
      if (answer && answer->status / 100 == 2) return md5_->bytes();
      const Error why = answer ? failed(*answer) : answer.error();
      if (cancelled(why)) return why;
      if (tries >= limits.tries) return Error{why.code, "max retries exceeded: " + why.message};
      if (!wait_or_cancel(limits.second * (1 << (tries - 1)), cancel_))
        return Error{Errc::cancelled, "request canceled"};
    }
  }

  // A call whose body is the part; md5_ is the sum of what the last reading from its start gave.
  HttpCall body_call(std::string method, std::string url, const Part& part) {
    HttpCall call;
    call.method = std::move(method);
    call.url = std::move(url);
    call.cancel = cancel_;
    call.body_bytes = part.size;
    call.reader = [this, part](int64_t at, std::span<std::byte> out) -> Result<size_t> {
      ssize_t n;
      do {
        n = ::pread(fd_, out.data(), out.size(), part.offset + at);
      } while (n < 0 && errno == EINTR);
      if (n <= 0) {
        return Error{Errc::corrupt, fmt::format("cannot read blob {}: {}", layer_.digest,
                                                n < 0 ? std::strerror(errno) : "it is too short")};
      }
      if (at == 0) md5_.emplace();
      md5_->update(out.first(static_cast<size_t>(n)));
      progress_(part.offset + at + n);
      return static_cast<size_t>(n);
    };
    return call;
  }

  RegistryClient& client_;
  const int fd_;
  const Layer& layer_;
  const std::stop_token cancel_;
  const std::function<void(int64_t)>& progress_;
  Transfer transfer_;
  std::string session_;
  std::optional<Md5> md5_;
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
