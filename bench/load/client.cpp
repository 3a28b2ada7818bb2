// A small HTTP client: poll with a deadline, Beast's parser for what comes back.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>

#include "bench/load/load.h"

namespace engine::load {
namespace {

namespace http = boost::beast::http;
constexpr int kPatienceMs = 180'000;

struct Socket {
  int fd;
  ~Socket() {
    if (fd >= 0) close(fd);
  }
};

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// Objects, one to a line, from the pieces of a body.
class Lines {
 public:
  Lines(Answer& answer, const OnObject& on_object) : answer_(answer), on_object_(on_object) {}

  bool add(std::string_view piece) {
    rest_ += piece;
    for (size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1))
      if (!object(rest_.substr(0, end))) return false;
    return true;
  }
  bool object(const std::string& line) {
    const nlohmann::json o = nlohmann::json::parse(line, nullptr, false);
    if (o.is_discarded()) return answer_.error = "no JSON: " + line, false;
    if (o.is_object() && o.contains("error") && o["error"].is_string()) answer_.error = o["error"];
    const std::string text = o.is_object() ? o.value("response", "") : "";
    if (!text.empty()) answer_.at.push_back(now()), answer_.text += text;
    answer_.last = o;
    return !on_object_ || on_object_(o);
  }

 private:
  Answer& answer_;
  const OnObject& on_object_;
  std::string rest_;
};

Answer ask(const Target& t, const std::string& request, const OnObject& on_object) {
  Answer answer;
  answer.started = now();
  const Socket s{connect_to(t)};
  if (s.fd < 0) return answer.error = "cannot connect", answer;
  if (!send_all(s.fd, request)) return answer.error = "cannot send", answer;
  Lines lines(answer, on_object);
  bool hung_up = false;
  auto piece = [&](uint64_t, boost::beast::string_view body, boost::beast::error_code&) {
    if (!hung_up && !lines.add({body.data(), body.size()})) hung_up = true;
    return body.size();
  };
  http::response_parser<http::string_body> parser;
  parser.on_chunk_body(piece);
  parser.eager(true);
  parser.body_limit(boost::none);
  std::string in;
  char bytes[16384];
  while (!parser.is_done() && !hung_up) {
    pollfd p{s.fd, POLLIN, 0};
    if (poll(&p, 1, kPatienceMs) <= 0) return answer.error = "no answer in time", answer;
    const ssize_t n = recv(s.fd, bytes, sizeof bytes, 0);
    if (n < 0) return answer.error = "the connection broke", answer;
    boost::beast::error_code ec;
    if (n == 0) {
      parser.put_eof(ec);
      if (!parser.is_done()) answer.error = "the connection ended early";
      break;
    }
    in.append(bytes, static_cast<size_t>(n));
    while (!in.empty() && !parser.is_done()) {
      const size_t used = parser.put(boost::asio::buffer(in), ec);
      in.erase(0, used);
      if (ec == http::error::need_more || used == 0) break;
      if (ec) return answer.error = "no HTTP: " + ec.message(), answer;
    }
  }
  answer.ended = now();
  if (parser.is_header_done()) answer.status = parser.get().result_int();
  if (!parser.chunked() && !hung_up) {
    answer.text = parser.get().body();
    if (answer.text.starts_with('{')) lines.object(std::string(answer.text));
  }
  return answer;
}

}  // namespace

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int connect_to(const Target& t) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(t.host.c_str(), t.port.c_str(), &hints, &found) != 0) return -1;
  int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) close(fd), fd = -1;
  freeaddrinfo(found);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

Answer post(const Target& t, const std::string& path, const nlohmann::json& body,
            const OnObject& on_object) {
  const std::string text = body.dump();
  return ask(t,
             fmt::format("POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                         "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                         path, text.size(), text),
             on_object);
}

Answer get(const Target& t, const std::string& path) {
  return ask(
      t, fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path), {});
}

Answer generate(const Target& t, const std::string& prompt, int tokens,
                const nlohmann::json& options, const OnObject& on_object) {
  nlohmann::json o = options;
  o["num_predict"] = tokens;
  return post(t, "/api/generate",
              {{"model", t.model}, {"prompt", prompt}, {"raw", true}, {"options", o}}, on_object);
}

}  // namespace engine::load
