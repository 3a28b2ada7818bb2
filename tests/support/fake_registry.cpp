// One request after the other on each connection. What a connection waits for ends with the
// registry.
#include "tests/support/fake_registry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "engine/core/sha256.h"

namespace engine::testing {
namespace {

std::string digest_of(std::string_view bytes) {
  return "sha256:" + sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

std::string lower(std::string_view s) {
  std::string out(s);
  for (char& c : out) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return out;
}

bool use(int& times) {
  if (times == 0) return false;
  if (times > 0) --times;
  return true;
}

std::string query_value(const std::string& query, const std::string& key) {
  const size_t at = ("&" + query).find("&" + key + "=");
  if (at == std::string::npos) return "";
  std::string value = query.substr(at + key.size() + 1);
  value = value.substr(0, value.find('&'));
  for (size_t p; (p = value.find("%3A")) != std::string::npos;) value.replace(p, 3, ":");
  return value;
}

}  // namespace

std::string FakeRegistry::Request::header(std::string_view name) const {
  const size_t at = lower(head).find("\r\n" + lower(name) + ": ");
  if (at == std::string::npos) return "";
  const size_t begin = at + 4 + name.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

// Of the part that the body is.
int64_t FakeRegistry::Request::first_byte() const {
  return std::atoll(header("Content-Range").c_str());
}

FakeRegistry::FakeRegistry() {
  for (int i = 0; i < 2; ++i) {
    listeners_[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    const bool fine =
        bind(listeners_[i], reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        listen(listeners_[i], 64) == 0 &&
        getsockname(listeners_[i], reinterpret_cast<sockaddr*>(&address), &length) == 0;
    if (!fine) std::perror("fake registry");
    ports_[i] = ntohs(address.sin_port);
    acceptors_[i] = std::thread([this, i] { accept_on(listeners_[i], i == 1); });
  }
}

FakeRegistry::~FakeRegistry() {
  stop_ = true;
  for (std::thread& t : acceptors_) t.join();
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
    threads.swap(threads_);
  }
  for (std::thread& t : threads) t.join();
  for (const int fd : listeners_) ::close(fd);
}

std::string FakeRegistry::host() const {
  return "127.0.0.1:" + std::to_string(ports_[0]);
}
std::string FakeRegistry::storage_host() const {
  return "127.0.0.1:" + std::to_string(ports_[1]);
}

std::string FakeRegistry::add_blob(std::string bytes) {
  const std::string digest = digest_of(bytes);
  const std::lock_guard lock(mutex_);
  blobs_[digest] = std::move(bytes);
  return digest;
}

void FakeRegistry::set_manifest(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  manifests_[path] = std::move(bytes);
}

void FakeRegistry::set_page(const std::string& path, std::string bytes) {
  const std::lock_guard lock(mutex_);
  pages_[path] = std::move(bytes);
}

void FakeRegistry::set_file(const std::string& path, const std::string& digest) {
  const std::lock_guard lock(mutex_);
  files_[path] = digest;
}

std::string FakeRegistry::manifest(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto it = manifests_.find(path);
  return it == manifests_.end() ? "" : it->second;
}

std::string FakeRegistry::blob(const std::string& digest) const {
  const std::lock_guard lock(mutex_);
  const auto it = blobs_.find(digest);
  return it == blobs_.end() ? "" : it->second;
}

void FakeRegistry::add_model(const std::string& name, const std::vector<std::string>& blobs) {
  const std::string config = "{\"model_format\":\"gguf\",\"model_family\":\"" + name + "\"}\n";
  const auto layer = [this](const std::string& type, const std::string& bytes) {
    return "{\"mediaType\":\"" + type + "\",\"digest\":\"" + add_blob(bytes) +
           "\",\"size\":" + std::to_string(bytes.size()) + "}";
  };
  std::string text =
      "{\"schemaVersion\":2,\"mediaType\":"
      "\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":" +
      layer("application/vnd.docker.container.image.v1+json", config) + ",\"layers\":[";
  for (size_t i = 0; i < blobs.size(); ++i) {
    text += (i ? "," : "") +
            layer(i ? "application/vnd.ollama.image.license" : "application/vnd.ollama.image.model",
                  blobs[i]);
  }
  set_manifest(name + "/manifests/latest", text + "]}");
}

void FakeRegistry::set(const std::function<void(Faults&)>& change) {
  const std::lock_guard lock(mutex_);
  change(faults_);
}

std::vector<std::string> FakeRegistry::requests() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [line, head] : log_) out.push_back(line);
  return out;
}

int FakeRegistry::count(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(log_.begin(), log_.end(), [&](const auto& entry) {
    return entry.first.find(part) != std::string::npos;
  }));
}

std::vector<std::string> FakeRegistry::headers_of(std::string_view part) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [line, head] : log_)
    if (line.find(part) != std::string::npos) out.push_back(head);
  return out;
}

void FakeRegistry::accept_on(int listener, bool storage) {
  while (!stop_) {
    pollfd p{listener, POLLIN, 0};
    if (poll(&p, 1, 50) <= 0) continue;
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int one = 1, buffer = 128 << 10;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    const std::lock_guard lock(mutex_);
    sockets_.push_back(fd);
    threads_.emplace_back([this, fd, storage] {
      serve(fd, storage);
      const std::lock_guard done(mutex_);
      std::erase(sockets_, fd);
      ::close(fd);
    });
  }
}

void FakeRegistry::serve(int fd, bool storage) {
  std::string buffer;
  const auto fill = [&] {
    char chunk[65536];
    const ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n > 0) buffer.append(chunk, static_cast<size_t>(n));
    return n > 0;
  };
  while (!stop_) {
    size_t end;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos)
      if (!fill()) return;
    Request request;
    request.head = buffer.substr(0, end + 2);
    buffer.erase(0, end + 4);
    const size_t first = request.head.find(' '), second = request.head.find(' ', first + 1);
    request.method = request.head.substr(0, first);
    request.path = request.head.substr(first + 1, second - first - 1);
    const bool proxied = request.path.starts_with("http://");
    if (proxied) request.path.erase(0, request.path.find('/', 7));
    if (const size_t mark = request.path.find('?'); mark != std::string::npos) {
      request.query = request.path.substr(mark + 1);
      request.path.resize(mark);
    }
    bool unread = false;
    {
      const std::lock_guard lock(mutex_);
      const std::string range = request.header("Range");
      log_.emplace_back((proxied   ? "proxied "
                         : storage ? "*"
                                   : "") +
                            request.method + " " + request.path +
                            (range.empty() ? "" : " " + range),
                        request.head);
      unread = leaves_body(request, storage);
    }
    const bool waits = lower(request.header("Expect")) == "100-continue";
    const std::string length = request.header("Content-Length");
    // An answer instead of "continue": the body stays where it is.
    if (!length.empty() && !(waits && unread)) {
      if (waits && !send_all(fd, "HTTP/1.1 100 Continue\r\n\r\n")) return;
      while (buffer.size() < std::stoul(length))
        if (!fill()) return;
      request.body = buffer.substr(0, std::stoul(length));
      buffer.erase(0, request.body.size());
    }
    if (!answer(fd, request, storage)) return;
  }
}

bool FakeRegistry::reply(int fd, int status, const std::string& headers, std::string_view body,
                         bool head) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers;
  if (headers.find("Content-Length") == std::string::npos)
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  out += "\r\n";
  return send_all(fd, out) && (head || send_all(fd, body));
}

bool FakeRegistry::answer(int fd, Request& r, bool storage) {
  Faults f;
  {
    const std::lock_guard lock(mutex_);
    const bool here = r.path.find(faults_.status_path) != std::string::npos;
    if (here && faults_.status != 0 && use(faults_.status_times)) {
      f = faults_;
    } else {
      f = faults_;
      f.status = 0;
    }
  }
  if (f.status != 0) {
    return reply(fd, f.status,
                 f.retry_after.empty() ? "" : "Retry-After: " + f.retry_after + "\r\n",
                 f.status_body, r.method == "HEAD");
  }
  if (r.path == "/token")
    return reply(fd, 200, "", "{\"" + f.token_key + "\":\"" + f.token + "\"}");
  if (!storage && !f.token.empty() && r.header("Authorization") != "Bearer " + f.token &&
      !(f.basic && r.header("Authorization") == "Basic " + f.token)) {
    const std::string realm = f.realm.empty() ? "http://" + host() + "/token" : f.realm;
    return reply(fd, 401,
                 f.basic ? "WWW-Authenticate: Basic realm=\"x\"\r\n"
                         : "WWW-Authenticate: Bearer realm=\"" + realm +
                               "\",service=\"fake, one\",scope=\"repository:u/m:pull x:y\"\r\n",
                 "{}", r.method == "HEAD");
  }
  if (storage && r.method == "PUT") return answer_storage(fd, r, f);
  if (f.hold_kept && r.method == "PATCH" && f.keeps(r.first_byte()))
    uploads_.wait_for_others(r.first_byte(), INT_MAX, false, stop_);
  if (r.path.find("/uploads") != std::string::npos) return answer_upload(fd, r, f);
  if (r.path.find("/blobs/") != std::string::npos) return answer_blob(fd, r, storage, f);
  if (const size_t at = r.path.find("/manifests/"); at != std::string::npos) {
    const std::string key = r.path.substr(4);  // behind "/v2/"
    if (r.method == "PUT") {
      set_manifest(key, r.body);
      return reply(fd, 201, "");
    }
    const std::string body = manifest(key);
    return body.empty() ? reply(fd, 404, "", "{\"errors\":[]}") : reply(fd, 200, "", body);
  }
  std::string page, digest;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = pages_.find(r.path); it != pages_.end()) page = it->second;
    if (const auto it = files_.find(r.path); it != files_.end()) digest = it->second;
  }
  if (!digest.empty()) {
    r.path = "/files/" + digest;
    return answer_blob(fd, r, storage, f);
  }
  return page.empty() ? reply(fd, 404, "", "not found") : reply(fd, 200, "", page);
}

bool FakeRegistry::answer_blob(int fd, const Request& r, bool storage, const Faults& f) {
  const std::string digest = r.path.substr(r.path.rfind('/') + 1);
  const std::string* bytes = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = blobs_.find(digest); it != blobs_.end()) bytes = &it->second;
  }
  if (bytes == nullptr) return reply(fd, 404, "", "{}", r.method == "HEAD");
  if (f.endless) {
    return reply(fd, 307, "Location: " + r.path + "\r\n");
  }
  const int64_t size = static_cast<int64_t>(bytes->size());
  if (r.method == "HEAD") {
    if (f.head_405) return reply(fd, 405, "", "", true);
    return reply(fd, 200, "Content-Length: " + std::to_string(size + f.head_length_off) + "\r\n",
                 "", true);
  }
  if (!storage && f.redirect != 0) {
    std::string url;
    {
      const std::lock_guard lock(mutex_);
      url = "http://" + storage_host() + r.path + "?sig=" + std::to_string(++next_);
    }
    return reply(fd, f.redirect, "Location: " + url + "\r\n");
  }
  if (storage && f.url_uses > 0) {
    const std::lock_guard lock(mutex_);
    if (++url_uses_[r.query] > f.url_uses) return reply(fd, 403, "", "expired");
  }
  int64_t first = 0, last = size - 1;
  const std::string range = r.header("Range");
  const bool partial = !range.empty() && !f.no_ranges;
  if (partial) {
    long long a = 0, b = 0;
    if (std::sscanf(range.c_str(), "bytes=%lld-%lld", &a, &b) != 2 || a > b || b >= size)
      return reply(fd, 416, "");
    first = a, last = b;
  }
  std::string_view part = std::string_view(*bytes).substr(static_cast<size_t>(first),
                                                          static_cast<size_t>(last - first + 1));
  std::string changed;
  if (f.wrong_bytes) {
    changed = part;
    changed[0] = static_cast<char>(changed[0] ^ 1);
    part = changed;
  }
  part.remove_suffix(std::min(part.size(), static_cast<size_t>(f.short_by)));
  std::string headers = "Content-Length: " + std::to_string(part.size()) + "\r\n";
  const int64_t off = f.wrong_range ? 1 : 0;
  if (partial) {
    headers += "Content-Range: bytes " + std::to_string(first + off) + "-" +
               std::to_string(last + off) + "/" + std::to_string(size) + "\r\n";
  }
  return reply(fd, partial ? 206 : 200, headers, "", true) && send_body(fd, part, f);
}

bool FakeRegistry::send_body(int fd, std::string_view bytes, const Faults& f) {
  constexpr size_t kPiece = 64 << 10;
  int64_t sent = 0;
  const auto started = std::chrono::steady_clock::now();
  while (!bytes.empty()) {
    if (stop_) return false;
    bool cut = false, stall = false;
    if (bytes.size() > 1) {
      const std::lock_guard lock(mutex_);
      cut = faults_.cut_times != 0 && sent >= faults_.cut_after && use(faults_.cut_times);
      stall = faults_.stall_times != 0 && sent >= faults_.stall_after && use(faults_.stall_times);
    }
    if (cut) return false;
    if (stall) {  // until the client goes away
      char c;
      while (!stop_ && recv(fd, &c, 1, 0) > 0) {
      }
      return false;
    }
    const std::string_view piece = bytes.substr(0, kPiece);
    if (!send_all(fd, piece)) return false;
    bytes.remove_prefix(piece.size());
    sent += static_cast<int64_t>(piece.size());
    blob_bytes_ += static_cast<int64_t>(piece.size());
    if (f.bytes_per_second > 0) {
      std::this_thread::sleep_until(
          started + std::chrono::microseconds(sent * 1'000'000 / f.bytes_per_second));
    }
  }
  return true;
}

// An answer comes before the body, which stays where it is. Requires: mutex_.
bool FakeRegistry::leaves_body(const Request& r, bool storage) const {
  if (storage || r.method != "PATCH") return false;
  const bool keeps = faults_.keeps(r.first_byte());
  return faults_.early_202 || (faults_.upload_redirect && !keeps);
}

// The body of a redirected part: /storage/<upload>/<first byte>
bool FakeRegistry::answer_storage(int fd, Request& r, const Faults& f) {
  const size_t slash = r.path.rfind('/'), before = r.path.rfind('/', slash - 1);
  const int64_t first = std::atoll(r.path.c_str() + slash + 1);
  uploads_.put(r.path.substr(before + 1, slash - before - 1), first, r.body);
  uploads_.wait_for_others(first, f.hold_puts, f.last_put_first, stop_);
  return reply(fd, 200, "");
}

bool FakeRegistry::answer_upload(int fd, Request& r, const Faults& f) {
  const std::string repository = r.path.substr(0, r.path.find("/blobs/"));
  const std::string id = r.path.substr(r.path.rfind('/') + 1);
  const auto location = [&](const std::string& upload) {  // relative, and good for one request
    return "Location: " + repository + "/blobs/uploads/" + upload +
           "?state=" + std::to_string(upload_states_[upload]) + "\r\n";
  };
  const std::lock_guard lock(mutex_);
  if (r.method == "POST") {
    const std::string mount = query_value(r.query, "mount");
    if (!mount.empty() && blobs_.count(mount) != 0) return reply(fd, 201, "");
    const std::string upload = "up" + std::to_string(++next_);
    upload_states_[upload] = 1;
    uploads_.begin(upload);
    return reply(fd, 202, location(upload));
  }
  if (upload_states_.count(id) == 0 ||
      query_value(r.query, "state") != std::to_string(upload_states_[id]))
    return reply(fd, 404, "", "{\"errors\":[{\"code\":\"BLOB_UPLOAD_UNKNOWN\"}]}");
  ++upload_states_[id];
  const int64_t first = r.first_byte();
  if (r.method == "PATCH" && leaves_body(r, false)) {
    // the body was never read: this connection is of no more use
    const std::string close = "Connection: close\r\n";
    if (f.early_202) {
      reply(fd, 202, location(id) + close);
      return false;
    }
    std::string next = location(id);
    next.replace(0, 8, "Docker-Upload-Location");
    const std::string path = "/storage/" + id + "/" + std::to_string(first);
    reply(fd, 307, next + "Location: http://" + storage_host() + path + "\r\n" + close);
    return false;
  }
  if (r.method == "PATCH") {
    uploads_.put(id, first, r.body);
    return reply(fd, 202, location(id));
  }
  const std::string digest = query_value(r.query, "digest");
  const std::string bytes = uploads_.whole(id);
  if (digest_of(bytes) != digest) return reply(fd, 400, "", "DIGEST_INVALID");
  blobs_[digest] = bytes;
  return reply(fd, 201, "");
}

}  // namespace engine::testing
