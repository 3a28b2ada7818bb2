// Accepting goes on for ever; when the process is out
// of descriptors it pauses and open connections go on.
#include "server/http/listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include "engine/core/log.h"

namespace engine {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using tcp = net::ip::tcp;

constexpr auto kAcceptPause = std::chrono::milliseconds(100);

}  // namespace

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(net::io_context& io, SessionSet& s)
      : acceptor(net::make_strand(io)), pause(acceptor.get_executor()), sessions(s) {}

  tcp::acceptor acceptor;
  net::steady_timer pause;
  SessionSet& sessions;
  tcp::endpoint bound;
  std::atomic<bool> closed = false;

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code ec, tcp::socket socket) {
      if (self->closed) return;
      if (!ec) {
        const bool v6 = socket.local_endpoint(ec).protocol() == tcp::v6();
        const int fd = ec ? -1 : socket.release(ec);
        if (fd >= 0 && !ec) self->sessions.start(fd, v6);
        self->accept();
      } else if (ec != net::error::operation_aborted) {
        if (ec != net::error::connection_aborted) log_warn("accept: {}", ec.message());
        self->pause.expires_after(kAcceptPause);
        self->pause.async_wait([self](error_code) {
          if (!self->closed) self->accept();
        });
      }
    });
  }
};

Result<std::unique_ptr<Listener>> Listener::open(Runtime& runtime, const std::string& host,
                                                 uint16_t port, SessionSet& sessions) {
  const std::string shown = host.find(':') == std::string::npos
                                ? fmt::format("{}:{}", host, port)
                                : fmt::format("[{}]:{}", host, port);
  auto impl = std::make_shared<Impl>(runtime.io(), sessions);
  error_code ec;
  tcp::endpoint endpoint(tcp::v6(), port);
  if (!host.empty()) {
    const net::ip::address address = net::ip::make_address(host, ec);
    if (!ec) {
      endpoint = {address, port};
    } else {
      tcp::resolver resolver(runtime.io());
      const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, ec);
      if (ec || found.empty())
        return Error{Errc::io, fmt::format("listen tcp {}: {}", shown, ec.message())};
      // "localhost" means the address that clients try first.
      const auto v4 = std::find_if(found.begin(), found.end(), [](const auto& e) {
        return e.endpoint().protocol() == tcp::v4();
      });
      endpoint = v4 == found.end() ? found.begin()->endpoint() : v4->endpoint();
    }
  }
  const auto fail = [&](const char* step) {
    std::string reason = ec.message();
    if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z')
      reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
    return Error{Errc::io, fmt::format("listen tcp {}: {}: {}", shown, step, reason)};
  };
  impl->acceptor.open(endpoint.protocol(), ec);
  if (ec && host.empty()) {  // a machine without IPv6
    endpoint = {tcp::v4(), port};
    impl->acceptor.open(endpoint.protocol(), ec);
  }
  if (ec) return fail("socket");
  impl->acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (host.empty() && endpoint.protocol() == tcp::v6())
    impl->acceptor.set_option(net::ip::v6_only(false), ec);
  impl->acceptor.bind(endpoint, ec);
  if (ec) return fail("bind");
  impl->acceptor.listen(net::socket_base::max_listen_connections, ec);
  if (ec) return fail("listen");
  impl->bound = impl->acceptor.local_endpoint(ec);
  if (ec) return fail("getsockname");
  impl->accept();
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
  close();
}

std::string Listener::address() const {
  const std::string host = impl_->bound.address().to_string();
  return impl_->bound.address().is_v6() ? fmt::format("[{}]:{}", host, port())
                                        : fmt::format("{}:{}", host, port());
}

uint16_t Listener::port() const {
  return impl_->bound.port();
}

void Listener::close() {
  if (impl_->closed.exchange(true)) return;
  net::post(impl_->acceptor.get_executor(), [impl = impl_] {
    error_code ec;
    impl->acceptor.close(ec);
    impl->pause.cancel();
  });
}

}  // namespace engine
