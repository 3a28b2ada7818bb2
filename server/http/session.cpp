// Reading: requests under limits.
#include <boost/asio/strand.hpp>
#include <limits>
#include <mutex>

#include "server/api_form.h"
#include "server/http/session_impl.h"

namespace engine {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = net::ip::tcp;

constexpr size_t kReadBytes = size_t{64} << 10;

}  // namespace

Session::Session(net::io_context& io, std::shared_ptr<SessionSet::State> set, uint64_t id)
    : set_(std::move(set)),
      id_(id),
      socket_(net::make_strand(io)),
      read_timer_(socket_.get_executor()),
      write_timer_(socket_.get_executor()),
      ping_timer_(socket_.get_executor()),
      buffer_(set_->limits.header_bytes + 2 * kReadBytes),
      writer_(set_->draining) {}

Session::~Session() {
  drop_sink();
  forget();
}

void Session::start(int socket, bool v6) {
  error_code ec;
  socket_.assign(v6 ? tcp::v6() : tcp::v4(), socket, ec);
  if (ec) return;
  socket_.set_option(tcp::no_delay(true), ec);
  const tcp::endpoint remote = socket_.remote_endpoint(ec);
  if (!ec) peer_ = remote.address().to_string();
  on_strand([](Session& s) { s.feed(); });
}

void Session::drain() {
  on_strand([](Session& s) {
    if (s.phase_ == Phase::head && s.buffer_.size() == 0) s.close();
  });
}

void Session::close_now() {
  on_strand([](Session& s) { s.close(); });
}

void Session::arm(Timer& timer, std::chrono::milliseconds limit) {
  timer.expires_after(limit);
  timer.async_wait([weak = weak_from_this(), &timer](error_code ec) {
    const auto self = weak.lock();
    // A timer that was set anew while its old handler waited in the queue is not due.
    if (!self || ec || timer.expiry() > std::chrono::steady_clock::now()) return;
    self->close();
  });
}

void Session::read_more() {
  if (phase_ == Phase::closed) return;
  if (eof_) {
    if (phase_ != Phase::running) close();
    return;
  }
  // The read may be pending since the last request was answered;
  // its time begins now all the same.
  if (phase_ == Phase::head && !in_message_) arm(read_timer_, set_->limits.idle);
  if (phase_ == Phase::body) arm(read_timer_, set_->limits.body_stall);
  if (read_pending_) return;
  if (phase_ == Phase::closing) buffer_.clear();
  const size_t room = buffer_.max_size() - buffer_.size();
  if (room == 0) return;  // a flood of pipelined requests waits in the kernel
  read_pending_ = true;
  socket_.async_read_some(
      buffer_.prepare(std::min(room, kReadBytes)),
      [self = shared_from_this()](error_code ec, size_t n) { self->on_read(ec, n); });
}

void Session::on_read(error_code ec, size_t n) {
  read_pending_ = false;
  if (phase_ == Phase::closed) return;
  if (ec) {
    eof_ = true;
    if (phase_ == Phase::running)
      client_gone();
    else
      close();
    return;
  }
  buffer_.commit(n);
  if (phase_ == Phase::head || phase_ == Phase::body)
    feed();
  else
    read_more();
}

// Parses what is in the buffer, as far as it goes.
void Session::feed() {
  while (phase_ == Phase::head || phase_ == Phase::body) {
    if (buffer_.size() == 0) break;
    if (!in_message_) begin_message();
    error_code ec;
    size_t n = 0;
    try {
      n = parser_->put(buffer_.data(), ec);
    } catch (const std::bad_alloc&) {
      return refuse(503, "server busy: too many request bytes in flight");
    }
    buffer_.consume(n);
    if (ec == http::error::need_more) break;
    if (ec) return refuse(ec);
    if (phase_ == Phase::head && parser_->is_header_done() && !on_head()) return;
    if (!(sink_ ? pass_on() : keep_body())) return;
    if (parser_->is_done()) return on_message();
  }
  read_more();
}

// What has arrived of a body stays until the whole is there. false: it has been refused.
bool Session::keep_body() {
  const size_t size = parser_->get().body().bytes.size();
  if (size > set_->limits.body_bytes) return refuse(413, "request body too large"), false;
  if (hold_->grow(size)) return true;
  return refuse(503, "server busy: too many request bytes in flight"), false;
}

// What has arrived of a body goes to its sink. false: nothing more is to be read for now.
bool Session::pass_on() {
  BodySink::Takes takes = sink_->state();
  if (std::string& bytes = parser_->get().body().bytes; !bytes.empty())
    takes = sink_->push(std::exchange(bytes, {}));
  if (parser_->is_done() || takes == BodySink::Takes::more) return true;
  if (takes == BodySink::Takes::nothing) {
    writer_.request.keep_alive = false;
    answer_by_sink();
    return false;
  }
  read_timer_.cancel();  // it is us who are slow
  return false;
}

void Session::answer_by_sink() {
  const std::shared_ptr<BodySink> sink = std::exchange(sink_, nullptr);
  end_message();
  parser_.reset();
  hold_.reset();
  read_more();
  sink->finish(make_reply());
}

void Session::begin_message() {
  in_message_ = true;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(set_->limits.header_bytes));
  // streamed bodies have no limit; others are checked here
  parser_->body_limit(std::numeric_limits<uint64_t>::max());
  parser_->eager(false);
  hold_ = std::make_shared<BodyHold>();
  hold_->set = set_;
  request_ = {};
  writer_.request = {};
  RequestRecord& record = writer_.request.record;
  record.peer = peer_;
  record.method = record.target = "-";
  arrival_ = std::chrono::steady_clock::now();
  arm(read_timer_, set_->limits.header);
}

// false: the request has been refused.
bool Session::on_head() {
  const auto& message = parser_->get();
  request_.method = std::string(message.method_string());
  const std::string target(message.target());
  const size_t mark = target.find('?');
  request_.path = target.substr(0, mark);
  if (mark != std::string::npos) request_.query = target.substr(mark + 1);
  for (const auto& field : message)
    request_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  request_.peer = peer_;
  request_.arrival = arrival_ = std::chrono::steady_clock::now();
  AnswerWriter::Request& known = writer_.request;
  known.record.method = request_.method;
  known.record.target = request_.path;
  known.head_only = request_.method == "HEAD";
  known.http_minor = message.version() == 10 ? 0 : 1;

  SessionHooks::Verdict verdict = set_->hooks.check(request_);
  known.headers = std::move(verdict.headers);
  const bool has_body = !parser_->is_done();
  if (verdict.reply) {
    known.keep_alive = !has_body && parser_->keep_alive();
    end_message();
    answer(exchange_, std::move(*verdict.reply));
    return false;
  }
  phase_ = Phase::body;
  sink_ = std::move(verdict.sink);
  const auto length = parser_->content_length();
  if (sink_) {
    parser_->get().body().streamed = true;
    // Keeps the session while it waits for its sink, with no read pending.
    sink_->on_ready(
        [self = shared_from_this()] { self->on_strand([](Session& s) { s.resume(); }); });
  } else if (length && *length > set_->limits.body_bytes) {
    refuse(413, "request body too large");
    return false;
  } else if (length && !hold_->grow(static_cast<size_t>(*length))) {
    refuse(503, "server busy: too many request bytes in flight");
    return false;
  }
  if (has_body && known.http_minor == 1 &&
      equal_no_case(request_.header("Expect"), "100-continue")) {
    writer_.interim("HTTP/1.1 100 Continue\r\n\r\n");
    start_write();
  }
  return true;
}

// The request is complete, or will not be read to its end: from here on a reply is due.
void Session::end_message() {
  phase_ = Phase::running;
  in_message_ = false;
  writer_.begin();
  ++exchange_;
  read_timer_.cancel();
}

void Session::on_message() {
  writer_.request.keep_alive = parser_->keep_alive();
  if (sink_) return answer_by_sink();
  request_.body = std::move(parser_->get().body().bytes);
  request_.hold = std::move(hold_);
  end_message();
  parser_.reset();
  read_more();
  set_->hooks.handle(std::move(request_), make_reply());
}

// The handle to answer the request that has just been read.
std::shared_ptr<Reply> Session::make_reply() {
  ReplyPort port;
  const auto self = shared_from_this();
  const uint64_t exchange = exchange_;
  port.send = [self, exchange](HttpResponse r) {
    self->on_strand(
        [exchange, r = std::move(r)](Session& s) mutable { s.answer(exchange, std::move(r)); });
  };
  port.stream = [self, exchange](std::shared_ptr<EventQueue> events,
                                 std::unique_ptr<Formatter> formatter) {
    self->on_strand([exchange, events = std::move(events),
                     formatter = std::move(formatter)](Session& s) mutable {
      s.answer(exchange, std::move(events), std::move(formatter));
    });
  };
  port.on_disconnect = [self, exchange](std::function<void()> hook) {
    self->on_strand([exchange, hook = std::move(hook)](Session& s) mutable {
      if (s.exchange_ != exchange || s.writer_.finished()) return;
      if (s.eof_ || s.phase_ != Phase::running)
        hook();
      else
        s.hook_ = std::move(hook);
    });
  };
  return std::make_shared<Reply>(std::move(port), api_form(writer_.request.record.target));
}

void Session::refuse(error_code ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
    return refuse(431, "request header too large");
  refuse(400, "malformed HTTP request");
}

void Session::refuse(int status, std::string_view text) {
  writer_.request.keep_alive = false;
  drop_sink();
  hold_.reset();
  end_message();
  parser_.reset();
  writer_.refuse(status, text);
  start_write();
}

void Session::drop_sink() {
  if (sink_) std::exchange(sink_, nullptr)->abort();
}

void Session::forget() {
  std::lock_guard lock(set_->mutex);
  set_->sessions.erase(id_);
}

std::shared_ptr<Connection> make_session(Runtime& runtime, std::shared_ptr<SessionSet::State> set,
                                         uint64_t id) {
  return std::make_shared<Session>(runtime.io(), std::move(set), id);
}

}  // namespace engine
