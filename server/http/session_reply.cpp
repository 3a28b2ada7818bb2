// Answering: what the writer of the reply has is sent, and the end of a request and of a connection.
#include "server/http/session_impl.h"

namespace engine {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using tcp = net::ip::tcp;

// for a refused client to read the reason before the connection is reset
constexpr auto kLinger = std::chrono::seconds(2);

}  // namespace

void Session::answer(uint64_t exchange, HttpResponse response) {
  if (!current(exchange)) return;
  writer_.answer(std::move(response));
  start_write();
}

void Session::answer(uint64_t exchange, std::shared_ptr<EventQueue> events,
                     std::unique_ptr<Formatter> formatter) {
  if (!current(exchange) || eof_) return events->cancel();
  writer_.stream(events, std::move(formatter));
  events->set_reader([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->on_strand([](Session& s) { s.pump(); });
  });
  if (writer_.is_event_stream()) arm_ping();
}

// Clients and proxies give up on a stream that says nothing for long: until its first event
// comments keep it alive.
void Session::arm_ping() {
  if (set_->limits.ping.count() <= 0) return;
  ping_timer_.expires_after(set_->limits.ping);
  ping_timer_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (!self || ec || self->ping_timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->ping();
  });
}

void Session::ping() {
  if (!writer_.waits_for_first() || phase_ != Phase::running) return;
  if (!writing_) {
    writer_.comment();
    start_write();
  }
  arm_ping();
}

// Only when the last write is through.
void Session::pump() {
  if (!writer_.streams() || writing_ || writer_.finished() || phase_ != Phase::running) return;
  writer_.pump();
  start_write();
}

void Session::start_write() {
  if (writing_ || writer_.empty() || phase_ == Phase::closed) return;
  writing_ = true;
  writer_.take(in_flight_);
  written_ = 0;
  write_some();
}

void Session::write_some() {
  arm(write_timer_, set_->limits.write_stall);
  socket_.async_write_some(
      net::buffer(in_flight_.data() + written_, in_flight_.size() - written_),
      [self = shared_from_this()](error_code ec, size_t n) { self->on_written(ec, n); });
}

void Session::on_written(error_code ec, size_t n) {
  if (phase_ == Phase::closed) return;
  if (ec) return close();
  written_ += n;
  if (written_ < in_flight_.size()) return write_some();
  writing_ = false;
  in_flight_.clear();
  write_timer_.cancel();
  if (!writer_.empty())
    start_write();
  else if (writer_.finished() && phase_ == Phase::running)
    finish_exchange();
  else
    pump();
}

void Session::finish_exchange() {
  log_exchange();
  ping_timer_.cancel();
  writer_.end_stream(false);
  hook_ = nullptr;
  if (!writer_.request.keep_alive || eof_ || set_->draining) return linger();
  phase_ = Phase::head;
  feed();
}

void Session::log_exchange() {
  RequestRecord& record = writer_.request.record;
  record.duration = std::chrono::steady_clock::now() - arrival_;
  if (set_->hooks.log) set_->hooks.log(record);
}

// Closing while the client still sends resets the connection, and the reply may be lost on its
// way; so read on for a moment.
void Session::linger() {
  phase_ = Phase::closing;
  error_code ec;
  socket_.shutdown(tcp::socket::shutdown_send, ec);
  if (eof_ || ec) return close();
  arm(read_timer_, kLinger);
  read_more();
}

// End of file from a client that waits for an answer. What computes for it stops; a finished
// reply may still be on its way.
void Session::client_gone() {
  writer_.request.record.disconnected = true;
  if (hook_) std::exchange(hook_, nullptr)();
  if (!writer_.streams() || writer_.finished()) return;
  close();
}

void Session::close() {
  if (phase_ == Phase::closed) return;
  const bool running = phase_ == Phase::running;
  phase_ = Phase::closed;
  if (running) {
    writer_.request.record.disconnected = true;
    if (hook_) std::exchange(hook_, nullptr)();
    writer_.end_stream(true);
    log_exchange();
  }
  drop_sink();
  hold_.reset();
  parser_.reset();
  read_timer_.cancel();
  write_timer_.cancel();
  ping_timer_.cancel();
  error_code ec;
  socket_.close(ec);
  forget();
}

}  // namespace engine
