// A server whose answers the test writes: what the command line sends and how it takes the replies.
#pragma once

#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/core/json_io.h"

namespace engine {

class FakeServer {
 public:
  struct Request {
    std::string method, path;
    Json body;  // null when there was none
  };
  struct Answer {
    int status = 200;
    std::vector<std::string> lines = {};  // of the body; each is sent on its own
    int pause_ms = 0;                     // between them
  };
  // answer runs on the thread of the server, one request after the other.
  explicit FakeServer(std::function<Answer(const Request&)> answer);
  ~FakeServer();

  std::string host() const;                                      // "127.0.0.1:PORT"
  std::vector<Request> requests(const std::string& path) const;  // so far

 private:
  void serve(int fd);
  std::function<Answer(const Request&)> answer_;
  int fd_ = -1, port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace engine
