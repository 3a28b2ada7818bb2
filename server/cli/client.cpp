// The HTTP client, by libcurl.
#include "server/cli/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "engine/core/env.h"
#include "engine/core/log.h"
#include "engine/store/link_blob.h"
#include "server/cli/interrupt.h"
#include "server/cli/shared_blobs.h"
#include "server/host_url.h"
#include "server/http/api_keys.h"
#include "server/version.h"

namespace engine::cli {
namespace {

constexpr size_t kMaxLine = size_t{64} << 20;
constexpr size_t kMaxErrorBody = size_t{64} << 10;

struct Transfer {
  CURL* curl = nullptr;
  ObjectStream* objects = nullptr;
  std::string error_body;
};

size_t on_bytes(char* data, size_t, size_t n, void* self) {
  auto& t = *static_cast<Transfer*>(self);
  long status = 0;
  curl_easy_getinfo(t.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status >= 400) {
    if (t.error_body.size() < kMaxErrorBody) t.error_body.append(data, n);
  } else if (t.objects != nullptr) {
    t.objects->push({data, n});
  }
  return n;
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return interrupted() ? 1 : 0;
}

// At least 1, since 0 means without end; at most a day.
long milliseconds(std::chrono::nanoseconds limit) {
  const auto n = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return static_cast<long>(std::clamp<int64_t>(n, 1, 86'400'000));
}

// A file on its way to the server.
struct FileBody {
  ByteSource source;
  Status status = ok;
};

size_t read_file_body(char* data, size_t, size_t n, void* self) {
  auto& body = *static_cast<FileBody*>(self);
  const Result<size_t> got = body.source(std::as_writable_bytes(std::span(data, n)));
  if (!got) {
    body.status = got.error();
    return CURL_READFUNC_ABORT;
  }
  return *got;
}

std::string blob_path(const std::string& digest) {
  return "/api/blobs/" + digest;
}

bool is_this_machine(std::string_view host) {
  return host.empty() || host == "localhost" || host == "0.0.0.0" || host == "::" ||
         host == "::1" || host.starts_with("127.");
}

class HttpClient : public Client {
 public:
  HttpClient(std::string base, std::string key)
      : base_(std::move(base)), key_(std::move(key)), curl_(curl_easy_init()) {
    ENGINE_CHECK(curl_ != nullptr, "libcurl could not start");
  }
  ~HttpClient() override { curl_easy_cleanup(curl_); }
  bool in_process() const override { return false; }
  void limit(std::chrono::nanoseconds limit) { limit_ = limit; }  // of every call; 0: none

  Status call(std::string_view method, const std::string& path, const Json* body,
              const OnObject& object) override {
    const std::string text = body ? dump_json(*body) : std::string();
    const auto prepare = [&] {
      if (method == "HEAD") {
        curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
      } else if (body != nullptr) {
        curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(text.size()));
        curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, text.c_str());
        if (method != "POST")
          curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, std::string(method).c_str());
      }
    };
    return perform(path, "application/json", method != "HEAD", prepare, object);
  }

  Status upload(const std::string& digest, const std::string& file, const Watch& watch) override {
    HttpClient own(base_, key_);  // a connection of its own
    ENGINE_TRY(there, own.has_blob(digest));
    if (there) return ok;
    if (const BlobFolder* const blobs = shared_blobs(own)) {
      const auto link = link_blob(*blobs, digest, file, watch);
      if (!link && link.error().code == Errc::cancelled) return link.error();
      // What went wrong here the server will say in its words.
      ENGINE_TRY(linked, own.has_blob(digest));
      if (linked) return ok;
    }
    return own.send(digest, file, watch);
  }

 private:
  Result<bool> has_blob(const std::string& digest) {
    const Status there = call("HEAD", blob_path(digest), nullptr, [](const Json&) {});
    if (there) return true;
    return there.error().code == Errc::not_found ? Result<bool>(false) : there.error();
  }

  // The blobs of the server if they are those of this process; nullptr if not. Asked once.
  const BlobFolder* shared_blobs(HttpClient& client) {
    std::call_once(asked_, [&] {
      if (is_this_machine(parse_host_url(base_).host))
        shared_ = find_shared_blobs([&](const std::string& digest) {
          const auto there = client.has_blob(digest);
          return there && *there;
        });
    });
    return shared_ ? &*shared_ : nullptr;
  }

  Status send(const std::string& digest, const std::string& file, const Watch& watch) {
    ENGINE_TRY(source, source_of_file(file));
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    if (ec) return Error{Errc::io, fmt::format("cannot read {}: {}", file, ec.message())};
    FileBody body{watched(std::move(source), watch)};
    const Status sent = perform(
        blob_path(digest), "application/octet-stream", true,
        [&] {
          curl_easy_setopt(curl_, CURLOPT_POST, 1L);
          curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(size));
          curl_easy_setopt(curl_, CURLOPT_READFUNCTION, read_file_body);
          curl_easy_setopt(curl_, CURLOPT_READDATA, &body);
        },
        [](const Json&) {});
    return body.status ? sent : body.status;
  }

  // prepare: sets the method and the body.
  Status perform(const std::string& path, const std::string& type, bool has_answer,
                 const std::function<void()>& prepare, const OnObject& object) {
    ObjectStream objects(object);
    Transfer transfer{curl_, &objects, {}};
    const std::string url = base_ + path;
    curl_easy_reset(curl_);
    curl_slist* headers = curl_slist_append(nullptr, ("Content-Type: " + type).c_str());
    headers = curl_slist_append(headers, "Expect:");
    if (!key_.empty())
      headers = curl_slist_append(headers, ("Authorization: Bearer " + key_).c_str());
    curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl_, CURLOPT_USERAGENT, kServerHeader);
    curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, 2000L);
    if (limit_.count() > 0) curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, milliseconds(limit_));
    curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, on_progress);
    prepare();
    const CURLcode code = curl_easy_perform(curl_);
    curl_slist_free_all(headers);
    long status = 0;
    curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_ABORTED_BY_CALLBACK && interrupted())
      return Error{Errc::cancelled, "interrupted"};
    // Connected, or it would be known by now: a refusal comes at once.
    curl_off_t connected = 0;  // microseconds
    curl_easy_getinfo(curl_, CURLINFO_CONNECT_TIME_T, &connected);
    if (code == CURLE_OPERATION_TIMEDOUT && limit_.count() > 0 && connected > 0)
      return Error{Errc::io, fmt::format("the server at {} does not answer", base_)};
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
        code == CURLE_OPERATION_TIMEDOUT) {
      return Error{Errc::io,
                   "could not connect to the engine server, run 'engine serve' to start it"};
    }
    if (code != CURLE_OK)
      return Error{Errc::io, fmt::format("{}: {}", url, curl_easy_strerror(code))};
    if (status >= 400) return answer_error(static_cast<int>(status), transfer.error_body);
    if (has_answer) objects.finish();
    return objects.status();
  }

  std::string base_;
  std::string key_;  // "": none
  std::chrono::nanoseconds limit_{};
  CURL* curl_;
  std::once_flag asked_;
  std::optional<BlobFolder> shared_;
};

std::unique_ptr<HttpClient> make_http_client() {
  HostUrl url = parse_host_url(env(Env::OLLAMA_HOST));
  if (url.bad_port)
    log_warn("OLLAMA_HOST=\"{}\" has no usable port; using {}", env(Env::OLLAMA_HOST), url.port);
  // where a server of every interface is to be reached
  if (url.host.empty() || url.host == "0.0.0.0") url.host = "127.0.0.1";
  if (url.host == "::") url.host = "::1";
  return std::make_unique<HttpClient>(url.scheme + "://" + url.authority() + url.path,
                                      ApiKeys(env(Env::ENGINE_API_KEY)).first());
}

}  // namespace

void ObjectStream::push(std::string_view bytes) {
  pending_.append(bytes);
  size_t begin = 0;
  for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    line(std::string_view(pending_).substr(begin, end - begin));
  }
  pending_.erase(0, begin);
  if (pending_.size() > kMaxLine) {
    status_ = Error{Errc::corrupt, "the server sent a line that is too long"};
    pending_.clear();
  }
}

void ObjectStream::finish() {
  line(pending_);
  pending_.clear();
}

void ObjectStream::line(std::string_view text) {
  if (!status_ || text.find_first_not_of(" \t\r") == std::string_view::npos) return;
  auto json = parse_json(text);
  if (!json || !json->is_object()) {
    status_ = Error{Errc::corrupt,
                    fmt::format("the server sent something unexpected: {}", text.substr(0, 100))};
    return;
  }
  if (const auto it = json->find("error"); it != json->end() && it->is_string()) {
    status_ = Error{Errc::internal, it->get<std::string>()};
    return;
  }
  object_(*json);
}

Error answer_error(int status, const std::string& body) {
  const Errc code = status == 404  ? Errc::not_found
                    : status < 500 ? Errc::invalid_argument
                                   : Errc::internal;
  if (auto json = parse_json(body); json && json->is_object()) {
    if (const auto it = json->find("error"); it != json->end() && it->is_string())
      return {code, it->get<std::string>()};
  }
  return {code, fmt::format("the server answered with status {}: {}", status, body.substr(0, 200))};
}

Result<Json> Client::get(const std::string& path) {
  Json out;
  ENGINE_TRY_STATUS(call("GET", path, nullptr, [&](const Json& json) { out = json; }));
  return out;
}

Result<Json> Client::post(const std::string& path, const Json& body) {
  Json out;
  ENGINE_TRY_STATUS(call("POST", path, &body, [&](const Json& json) { out = json; }));
  return out;
}

Result<std::unique_ptr<Client>> connect_client(std::chrono::nanoseconds limit) {
  std::unique_ptr<HttpClient> client = make_http_client();
  client->limit(limit);
  ENGINE_TRY_STATUS(client->call("HEAD", "/", nullptr, [](const Json&) {}));
  client->limit({});
  return Result<std::unique_ptr<Client>>(std::move(client));
}

Result<std::unique_ptr<Client>> connect_or_own_store() {
  const bool own = is_this_machine(parse_host_url(env(Env::OLLAMA_HOST)).host);
  return own ? connect_or_local_client() : connect_client();
}

Result<std::unique_ptr<Client>> connect_or_local_client() {
  auto client = connect_client();
  if (client || client.error().code == Errc::cancelled) return client;
  return make_local_client("", nullptr);
}

}  // namespace engine::cli
