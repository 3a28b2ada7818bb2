#include "tests/cli/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

namespace engine {

FakeServer::FakeServer(std::function<Answer(const Request&)> answer) : answer_(std::move(answer)) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 16) != 0 ||
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] {
    for (int fd; (fd = ::accept(fd_, nullptr, nullptr)) >= 0;)
      connections_.emplace_back([this, fd] {
        serve(fd);
        ::close(fd);
      });
  });
}

FakeServer::~FakeServer() {
  ::shutdown(fd_, SHUT_RDWR);
  thread_.join();
  ::close(fd_);
  for (std::thread& t : connections_) t.join();
}

std::string FakeServer::host() const {
  return "127.0.0.1:" + std::to_string(port_);
}

std::vector<FakeServer::Request> FakeServer::requests(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  std::vector<Request> out;
  for (const Request& r : requests_)
    if (r.path == path) out.push_back(r);
  return out;
}

// One request per connection.
void FakeServer::serve(int fd) {
  std::string text;
  char buffer[4096];
  size_t body_begin = std::string::npos, length = 0;
  while (body_begin == std::string::npos || text.size() < body_begin + length) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return;
    text.append(buffer, static_cast<size_t>(n));
    if (body_begin == std::string::npos) {
      const size_t end = text.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      body_begin = end + 4;
      const size_t at = text.find("Content-Length: ");
      if (at != std::string::npos && at < end) length = std::strtoul(&text[at + 16], nullptr, 10);
    }
  }
  Request request;
  request.method = text.substr(0, text.find(' '));
  request.path = text.substr(request.method.size() + 1);
  request.path.erase(request.path.find(' '));
  if (length > 0) {
    if (auto json = parse_json(text.substr(body_begin))) request.body = *json;
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const Answer answer = request.path == "/" ? Answer{} : answer_(request);
  const auto send = [fd](const std::string& s) {
    return ::send(fd, s.data(), s.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(s.size());
  };
  if (!send("HTTP/1.1 " + std::to_string(answer.status) +
            " X\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"))
    return;
  for (const std::string& line : answer.lines) {
    if (!send(line + "\n")) return;
    if (answer.pause_ms > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(answer.pause_ms));
  }
}

}  // namespace engine
