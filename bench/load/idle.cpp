#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "bench/load/load.h"

namespace engine::load {

int idle(const Target& t) {
  constexpr int kIdle = 2000, kSlow = 16, kProbes = 20;
  const auto probe = [&](const char* when) {
    std::vector<double> small, answers;
    for (int i = 0; i < kProbes; ++i) {
      const Answer v = get(t, "/api/version");
      const Answer a = generate(t, fmt::format("{} and", i), 16, {{"temperature", 0}});
      if (v.status != 200 || !a.ok())
        return fmt::print("{}: a request failed: {}\n", when, a.error), false;
      small.push_back(v.ended - v.started), answers.push_back(a.ended - a.started);
    }
    fmt::print(
        "{}: /api/version median {:.2f} ms, most {:.2f}; 16 tokens median {:.1f} ms, most {:.1f}\n",
        when, median(small) * 1e3, percentile(small, 1) * 1e3, median(answers) * 1e3,
        percentile(answers, 1) * 1e3);
    return true;
  };
  generate(t, "Warm up", 4);
  if (!probe("alone")) return 1;
  const int64_t before = resident_kib(t.pid);
  std::vector<int> sockets;
  const std::string request = "GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (int i = 0; i < kIdle; ++i) {
    const int fd = connect_to(t);
    char bytes[1024];
    pollfd p{fd, POLLIN, 0};
    if (fd < 0 || send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0 ||
        poll(&p, 1, 10000) <= 0 || recv(fd, bytes, sizeof bytes, 0) <= 0)
      return fmt::print("connection {} failed\n", i), 1;
    sockets.push_back(fd);
  }
  std::atomic<bool> stop = false;
  std::thread slow([&] {  // headers that never end, a byte at a time
    std::vector<int> senders;
    for (int i = 0; i < kSlow; ++i) senders.push_back(connect_to(t));
    for (const int fd : senders) send(fd, "POST /api/chat HTTP/1.1\r\nX: ", 28, MSG_NOSIGNAL);
    while (!stop) {
      for (const int fd : senders) send(fd, "a", 1, MSG_NOSIGNAL);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    for (const int fd : senders) close(fd);
  });
  const bool ok =
      probe(fmt::format("beside {} idle connections and {} slow senders", kIdle, kSlow).c_str());
  fmt::print("memory of a connection: {:.1f} KiB\n",
             static_cast<double>(resident_kib(t.pid) - before) / kIdle);
  stop = true;
  slow.join();
  for (const int fd : sockets) close(fd);
  return ok ? 0 : 1;
}

}  // namespace engine::load
