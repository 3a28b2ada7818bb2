// poll() in front of every read; deadlines on the steady clock.
#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace engine::testing {
namespace {

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string lower(std::string s) {
  for (char& c : s) c = static_cast<char>(tolower(static_cast<unsigned char>(c)));
  return s;
}

}  // namespace

std::string HttpReply::header(const std::string& name) const {
  const auto it = headers.find(name);
  return it == headers.end() ? std::string() : it->second;
}

HttpClient::HttpClient(uint16_t port) {
  fd_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) close();
}

HttpClient::~HttpClient() {
  close();
}

void HttpClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void HttpClient::reset() {
  const linger option{1, 0};
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_LINGER, &option, sizeof option);
  close();
}

void HttpClient::shutdown_write() {
  ::shutdown(fd_, SHUT_WR);
}

void HttpClient::set_receive_buffer(int bytes) {
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool HttpClient::fill(int64_t deadline) {
  const int64_t left = deadline - now_ms();
  pollfd p{fd_, POLLIN, 0};
  if (fd_ < 0 || left <= 0 || poll(&p, 1, static_cast<int>(left)) <= 0) return false;
  char chunk[65536];
  const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
  if (n <= 0) return false;
  buffer_.append(chunk, static_cast<size_t>(n));
  return true;
}

bool HttpClient::wait_for(std::string_view text, int timeout_ms) {
  const int64_t deadline = now_ms() + timeout_ms;
  while (buffer_.find(text) == std::string::npos)
    if (!fill(deadline)) return false;
  return true;
}

bool HttpClient::wait_closed(int timeout_ms) {
  const int64_t deadline = now_ms() + timeout_ms;
  while (fill(deadline)) {
  }
  return now_ms() < deadline;
}

HttpReply HttpClient::read_reply(bool head, int timeout_ms) {
  const int64_t deadline = now_ms() + timeout_ms;
  HttpReply reply;
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
    if (!fill(deadline)) return reply;
  std::string top = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  reply.status = std::stoi(top.substr(9, 3));
  for (size_t at = top.find("\r\n") + 2; at < top.size();) {
    const size_t stop = top.find("\r\n", at), colon = top.find(": ", at);
    reply.headers[lower(top.substr(at, colon - at))] = top.substr(colon + 2, stop - colon - 2);
    at = stop + 2;
  }
  if (head || reply.status == 204 || reply.status == 100) return reply;
  const auto need = [&](size_t bytes) {
    while (buffer_.size() < bytes)
      if (!fill(deadline)) return false;
    return true;
  };
  if (reply.header("transfer-encoding") == "chunked") {
    for (;;) {
      size_t line;
      while ((line = buffer_.find("\r\n")) == std::string::npos)
        if (!fill(deadline)) return reply.closed_early = true, reply;
      const size_t size = std::stoul(buffer_.substr(0, line), nullptr, 16);
      if (!need(line + 2 + size + 2)) return reply.closed_early = true, reply;
      if (size > 0) reply.chunks.push_back(buffer_.substr(line + 2, size));
      reply.body += buffer_.substr(line + 2, size);
      buffer_.erase(0, line + 2 + size + 2);
      if (size == 0) return reply;
    }
  }
  if (reply.headers.count("content-length")) {
    const size_t size = std::stoul(reply.header("content-length"));
    reply.closed_early = !need(size);
    reply.body = buffer_.substr(0, size);
    buffer_.erase(0, reply.body.size());
    return reply;
  }
  while (fill(deadline)) {
  }
  reply.body = std::move(buffer_);
  buffer_.clear();
  return reply;
}

std::string HttpClient::request(std::string_view method, std::string_view path,
                                std::string_view body, std::string_view extra) {
  std::string out = std::string(method) + " " + std::string(path) +
                    " HTTP/1.1\r\nHost: localhost\r\n" + std::string(extra);
  if (!body.empty() || method == "POST")
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return out + "\r\n" + std::string(body);
}

HttpReply http(uint16_t port, std::string_view method, std::string_view path, std::string_view body,
               std::string_view extra) {
  HttpClient client(port);
  client.send(HttpClient::request(method, path, body, extra));
  return client.read_reply(method == "HEAD");
}

}  // namespace engine::testing
