// Session: the connection of one client, for session.cpp and session_reply.cpp alone: no other header
// knows Boost. All its state is touched on its strand only. A read is always pending while a request
// runs: that is how a client that goes away is noticed, and what it sends meanwhile (pipelining)
// waits in the buffer. Beast parses; replies are written by hand.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "server/http/answer_writer.h"
#include "server/http/request_body.h"
#include "server/http/session_state.h"

namespace engine {

class Session : public Connection, public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::io_context& io, std::shared_ptr<SessionSet::State> set, uint64_t id);
  ~Session() override;

  void start(int socket, bool v6) override;
  void drain() override;
  void close_now() override;

 private:
  using Timer = boost::asio::steady_timer;
  enum class Phase { head, body, running, closing, closed };

  template <class F>
  void on_strand(F fn) {
    boost::asio::post(socket_.get_executor(),
                      [self = shared_from_this(), fn = std::move(fn)]() mutable { fn(*self); });
  }

  void arm(Timer& timer, std::chrono::milliseconds limit);

  // ---- reading ----

  void read_more();
  void on_read(boost::system::error_code ec, size_t n);
  void feed();
  bool keep_body();
  bool pass_on();
  void answer_by_sink();
  void begin_message();
  bool on_head();

  // The sink has room again, or knows the answer.
  void resume() {
    if (phase_ == Phase::body && sink_ && pass_on()) feed();
  }

  void end_message();
  void on_message();
  std::shared_ptr<Reply> make_reply();
  void refuse(boost::system::error_code ec);
  void refuse(int status, std::string_view text);

  // ---- answering ----

  bool current(uint64_t exchange) const {
    return exchange == exchange_ && phase_ == Phase::running && !writer_.finished();
  }

  void answer(uint64_t exchange, HttpResponse response);
  void answer(uint64_t exchange, std::shared_ptr<EventQueue> events,
              std::unique_ptr<Formatter> formatter);
  void arm_ping();
  void ping();
  void pump();
  void start_write();
  void write_some();
  void on_written(boost::system::error_code ec, size_t n);
  void finish_exchange();
  void log_exchange();

  // ---- ending ----

  void linger();
  void client_gone();
  void close();
  void drop_sink();
  void forget();

  const std::shared_ptr<SessionSet::State> set_;
  const uint64_t id_;
  boost::asio::ip::tcp::socket socket_;
  Timer read_timer_, write_timer_, ping_timer_;
  std::string peer_;

  // The message that is being read.
  Phase phase_ = Phase::head;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<RequestBody>> parser_;
  std::shared_ptr<BodyHold> hold_;
  HttpRequest request_;
  std::shared_ptr<BodySink> sink_;
  bool read_pending_ = false, eof_ = false, in_message_ = false;

  // The answer.
  uint64_t exchange_ = 0;  // counts requests: what an old handler still says is dropped
  AnswerWriter writer_;
  std::function<void()> hook_;
  std::string in_flight_;
  size_t written_ = 0;
  bool writing_ = false;
  std::chrono::steady_clock::time_point arrival_{};
};

}  // namespace engine
