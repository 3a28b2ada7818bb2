// A blocking HTTP client over a raw socket, for tests that need to see or to break what goes over
// the wire. Every wait ends.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace engine::testing {

struct HttpReply {
  int status = 0;                              // 0: no complete reply came
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // chunks put together
  std::vector<std::string> chunks;             // of a chunked body
  bool closed_early = false;                   // the connection ended inside the reply

  std::string header(const std::string& lower_name) const;
};

class HttpClient {
 public:
  explicit HttpClient(uint16_t port);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return fd_ >= 0; }
  bool send(std::string_view bytes);
  // One reply; head: the request was HEAD. timeout_ms bounds the whole wait.
  HttpReply read_reply(bool head = false, int timeout_ms = 20000);
  // Bytes until `text` was seen or the time is over; what was read stays for read_reply().
  bool wait_for(std::string_view text, int timeout_ms = 20000);
  // true: the server closes the connection within the time.
  bool wait_closed(int timeout_ms = 20000);
  void shutdown_write();
  void close();
  void reset();  // closes with a reset instead of an orderly end
  void set_receive_buffer(int bytes);

  static std::string request(std::string_view method, std::string_view path,
                             std::string_view body = {}, std::string_view extra_headers = {});

 private:
  bool fill(int64_t deadline_ms);
  int fd_ = -1;
  std::string buffer_;
};

// One request on its own connection.
HttpReply http(uint16_t port, std::string_view method, std::string_view path,
               std::string_view body = {}, std::string_view extra_headers = {});

}  // namespace engine::testing
