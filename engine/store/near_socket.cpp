// Near or far is told by the round trip of the handshake, which the kernel has measured.
#include "engine/store/near_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace engine {
namespace {

constexpr unsigned kNearMicroseconds = 1000;
// The kernel takes twice as many, for its own needs too: at least 128 KiB of data. At one
// millisecond that is 128 MB/s for each connection, 1 GB/s for eight, more than a disk writes; a
// server of the same machine answers in some 0.02 ms.
constexpr int kNearBuffer = 128 << 10;

}  // namespace

void limit_near_socket(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return;
  if (info.tcpi_rtt == 0 || info.tcpi_rtt >= kNearMicroseconds) return;
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kNearBuffer, sizeof kNearBuffer);
}

int local_port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  return -1;
}

}  // namespace engine
