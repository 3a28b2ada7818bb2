// The multi interface with one handle: between its steps the call looks for cancellation and for
// standstill, ten times a second.
#include "engine/store/transfer.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "engine/core/env.h"
#include "engine/store/name.h"
#include "engine/store/near_socket.h"
#include "engine/store/url.h"

namespace engine {
namespace {

using Clock = std::chrono::steady_clock;
// As much is given to a sink at once; what it has not yet taken is lost with the process.
constexpr long kReceiveBuffer = 128 << 10;
constexpr size_t kKeptErrorBody = 4 << 10;
constexpr size_t kMaxHeaders = 1000;

std::string_view stripped(std::string_view s) {
  while (!s.empty() && (s.back() == '\r' || s.back() == '\n' || s.back() == ' '))
    s.remove_suffix(1);
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  return s;
}

// "GET" as the Go programs around us print it: "Get".
std::string title(std::string_view method) {
  std::string out(method);
  for (size_t i = 1; i < out.size(); ++i) out[i] = static_cast<char>(out[i] - 'A' + 'a');
  return out;
}

// What the callbacks of one call share.
struct Running {
  const HttpCall& call;
  CURL* curl;
  HttpAnswer answer;
  Clock::time_point last_byte = Clock::now();
  int64_t read_offset = 0;
  std::vector<curl_socket_t> opened = {};  // one for each address that was tried
  bool head_given = false;
  bool enough = false;              // ended on purpose
  std::optional<Error> error = {};  // of a callback

  bool give_head() {
    if (head_given) return true;
    head_given = true;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    if (!call.on_head) return true;
    if (const Status s = call.on_head(answer); !s) {
      error = s.error();
      return false;
    }
    return true;
  }
};

int on_socket(void* self, curl_socket_t fd, curlsocktype) {
  static_cast<Running*>(self)->opened.push_back(fd);
  return CURL_SOCKOPT_OK;
}

// The connection is there, the request is not yet sent. libcurl does not say before the end of a
// transfer which socket it uses; sockets that lost against another address may be closed.
int on_connected(void* self, char*, char*, int, int local_port) {
  for (const curl_socket_t fd : static_cast<Running*>(self)->opened)
    if (local_port_of(fd) == local_port) limit_near_socket(fd);
  return CURL_PREREQFUNC_OK;
}

size_t on_header(char* data, size_t, size_t n, void* self) {
  auto& r = *static_cast<Running*>(self);
  r.last_byte = Clock::now();
  const std::string_view line(data, n);
  if (line.starts_with("HTTP/")) {
    r.answer.headers.clear();  // those before belong to a 1xx answer or to a proxy
    return n;
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos && r.answer.headers.size() < kMaxHeaders)
    r.answer.headers.emplace_back(stripped(line.substr(0, colon)),
                                  stripped(line.substr(colon + 1)));
  return n;
}

size_t on_bytes(char* data, size_t, size_t n, void* self) {
  auto& r = *static_cast<Running*>(self);
  r.last_byte = Clock::now();
  if (!r.give_head()) return 0;
  if (r.call.head_is_enough) {
    r.enough = true;
    return 0;
  }
  if (r.answer.status / 100 == 2 && r.call.sink) {
    if (const Status s = r.call.sink(std::as_bytes(std::span(data, n))); !s) {
      r.error = s.error();
      return 0;
    }
    return n;
  }
  std::string& body = r.answer.body;
  if (r.answer.status >= 400) {
    body.append(data, std::min(n, kKeptErrorBody - body.size()));
    return n;
  }
  if (n > r.call.max_body - body.size()) {
    r.error = Error{Errc::corrupt, fmt::format("{}: the answer is larger than {} bytes", r.call.url,
                                               r.call.max_body)};
    return 0;
  }
  body.append(data, n);
  return n;
}

size_t on_read(char* data, size_t size, size_t count, void* self) {
  auto& r = *static_cast<Running*>(self);
  r.last_byte = Clock::now();
  const size_t room = static_cast<size_t>(
      std::min<int64_t>(static_cast<int64_t>(size * count), r.call.body_bytes - r.read_offset));
  if (room == 0) return 0;
  const auto n = r.call.reader(r.read_offset, std::as_writable_bytes(std::span(data, room)));
  if (!n) {
    r.error = n.error();
    return CURL_READFUNC_ABORT;
  }
  r.read_offset += static_cast<int64_t>(*n);
  return *n;
}

int on_seek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Running*>(self)->read_offset = offset;
  return CURL_SEEKFUNC_OK;
}

// libcurl reads the environment but for HTTP_PROXY in capitals, which a CGI program could not
// trust. Nothing on this machine is ever asked through a proxy.
void choose_proxy(CURL* curl, const std::string& text) {
  const auto url = parse_url(text);
  if (url && url->loopback()) {
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
  } else if (url && url->scheme == "http" && env_set(Env::HTTP_PROXY)) {
    curl_easy_setopt(curl, CURLOPT_PROXY, env(Env::HTTP_PROXY).c_str());
  }
}

curl_slist* set_request(CURL* curl, const HttpCall& call, Running& running) {
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_slist* headers = nullptr;
  bool has_type = false, has_expect = false;
  for (const std::string& h : call.headers) {
    headers = curl_slist_append(headers, h.c_str());
    has_type = has_type || h.starts_with("Content-Type:");
    has_expect = has_expect || h.starts_with("Expect:");
  }
  // what libcurl would add on its own
  if (!has_type) headers = curl_slist_append(headers, "Content-Type:");
  if (!has_expect) headers = curl_slist_append(headers, "Expect:");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (call.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  } else if (call.reader) {
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(call.body_bytes));
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, &running);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, &running);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  } else if (call.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  }
  return headers;
}

void set_answer(CURL* curl, Running& running) {
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &running);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &running);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, &running);
  curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connected);
  curl_easy_setopt(curl, CURLOPT_PREREQDATA, &running);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // One connection for each part is the point of parts.
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
}

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  std::string_view found;
  for (const auto& [key, value] : headers)
    if (equal_ignoring_case(key, name)) found = value;
  return found;
}

struct Transfer::State {
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
};

Transfer::Transfer() : state_(std::make_unique<State>()) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  ENGINE_CHECK(started == CURLE_OK, "libcurl could not start");
  state_->multi = curl_multi_init();
  state_->easy = curl_easy_init();
  ENGINE_CHECK(state_->multi != nullptr && state_->easy != nullptr, "libcurl could not start");
}

Transfer::~Transfer() {
  curl_easy_cleanup(state_->easy);
  curl_multi_cleanup(state_->multi);
}

Result<HttpAnswer> Transfer::perform(const HttpCall& call) {
  CURL* curl = state_->easy;
  CURLM* multi = state_->multi;
  Running running{call, curl, {}};
  curl_easy_reset(curl);
  char reason[CURL_ERROR_SIZE] = {};
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
  curl_slist* headers = set_request(curl, call, running);
  set_answer(curl, running);
  choose_proxy(curl, call.url);

  curl_multi_add_handle(multi, curl);
  std::optional<Error> ended;
  int active = 1;
  while (!ended) {
    if (curl_multi_perform(multi, &active) != CURLM_OK || active == 0) break;
    if (call.cancel.stop_requested()) {
      ended = Error{Errc::cancelled, "request canceled"};
    } else if (Clock::now() - running.last_byte > call.stall) {
      const auto text = std::chrono::duration_cast<std::chrono::seconds>(call.stall).count();
      ended = Error{Errc::busy,
                    fmt::format("{} \"{}\": no data for {} s", title(call.method), call.url, text)};
    } else {
      curl_multi_poll(multi, nullptr, 0, 100, nullptr);
    }
  }
  CURLcode code = CURLE_OK;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left))
    if (message->msg == CURLMSG_DONE) code = message->data.result;
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(multi, curl);
  curl_slist_free_all(headers);

  if (running.error) return *running.error;
  if (ended) return *ended;
  if (code != CURLE_OK && !running.enough) {
    return Error{Errc::io, fmt::format("{} \"{}\": {}", title(call.method), call.url,
                                       reason[0] ? reason : curl_easy_strerror(code))};
  }
  running.answer.status = static_cast<int>(status);
  if (!running.give_head()) return *running.error;
  return std::move(running.answer);
}

bool wait_or_cancel(std::chrono::milliseconds time, const std::stop_token& cancel) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, cancel, time, [] { return false; });
  return !cancel.stop_requested();
}

}  // namespace engine
