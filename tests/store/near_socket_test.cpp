// Which sockets get a small buffer.
#include "engine/store/near_socket.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "engine/store/files.h"

namespace engine {
namespace {

int buffer_of(int fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size), 0);
  return bytes;
}

TEST(NearSocket, OfThisMachine) {
  const Descriptor server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const at = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(server.fd, at, size), 0);
  ASSERT_EQ(::listen(server.fd, 1), 0);
  ASSERT_EQ(::getsockname(server.fd, at, &size), 0);
  EXPECT_EQ(local_port_of(server.fd), ntohs(address.sin_port));

  const int before = buffer_of(client.fd);
  limit_near_socket(client.fd);  // not connected: its distance is not known
  EXPECT_EQ(buffer_of(client.fd), before);
  ASSERT_EQ(::connect(client.fd, at, size), 0);
  EXPECT_GT(local_port_of(client.fd), 0);
  limit_near_socket(client.fd);
  EXPECT_EQ(buffer_of(client.fd), 2 * (128 << 10));
}

TEST(NearSocket, NoSocketAtAll) {
  limit_near_socket(-1);
  EXPECT_EQ(local_port_of(-1), -1);
  const Descriptor local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int before = buffer_of(local.fd);
  limit_near_socket(local.fd);
  EXPECT_EQ(buffer_of(local.fd), before);
  EXPECT_EQ(local_port_of(local.fd), -1);
}

}  // namespace
}  // namespace engine
