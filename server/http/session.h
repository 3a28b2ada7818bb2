// Session: one connection. Reads a request under limits, hands it over, writes what comes back, and
// goes on with the next one.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/http/body_sink.h"
#include "server/http/http.h"
#include "server/http/runtime.h"
#include "server/reply.h"

namespace engine {

struct HttpLimits {
  size_t header_bytes = size_t{64} << 10;
  size_t body_bytes = size_t{1} << 30;
  size_t bodies_in_flight = size_t{4} << 30;                 // all connections together
  std::chrono::milliseconds idle = std::chrono::minutes(5);  // between requests
  // from the first byte of a header to its last
  std::chrono::milliseconds header = std::chrono::seconds(60);
  std::chrono::milliseconds body_stall = std::chrono::seconds(60);  // without a byte of the body
  // without a byte accepted by the client
  std::chrono::milliseconds write_stall = std::chrono::minutes(5);
  // between the comments of an event stream that has no event yet; 0: none
  std::chrono::milliseconds ping = std::chrono::seconds(15);
};

// What happened to a request, for the log.
struct RequestRecord {
  std::string method, target, peer, note;
  int status = 0;
  uint64_t bytes = 0;  // of the body of the reply
  // from the header of the request to the last byte of the reply
  std::chrono::nanoseconds duration{};
  bool disconnected = false;  // the client went away before the end
};

// What the server plugs in. Called on the io thread; must not block.
struct SessionHooks {
  struct Verdict {
    std::optional<HttpResponse> reply;  // the request ends here; its body is not read
    std::vector<HttpHeader> headers;    // of whatever reply follows
    // takes the body, of any length, and answers; `handle` is not called then
    std::shared_ptr<BodySink> sink = {};
  };
  std::function<Verdict(const HttpRequest& head)> check;
  std::function<void(HttpRequest request, std::shared_ptr<Reply> reply)> handle;
  std::function<void(const RequestRecord& record)> log;
};

// The open connections of a server. Thread-safe.
class SessionSet {
 public:
  SessionSet(Runtime& runtime, const HttpLimits& limits, SessionHooks hooks);

  // Takes over a connected socket.
  void start(int socket, bool v6);
  // No further request is read on any connection; idle connections close at once.
  void drain();
  // Cancels what runs and closes everything.
  void close_all();
  size_t size() const;

  struct State;  // shared with the sessions, which may live a little longer

 private:
  Runtime& runtime_;
  std::shared_ptr<State> state_;
};

}  // namespace engine
