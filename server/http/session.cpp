// All state of a Session is touched on its strand only. A read is always pending while a request
// runs: that is how a client that goes away is noticed, and what it sends meanwhile (pipelining)
// waits in the buffer. Beast parses; replies are written by hand.
#include "server/http/session.h"

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "engine/core/log.h"
#include "server/api_form.h"
#include "server/error_map.h"
#include "server/http/request_body.h"
#include "server/sse.h"

namespace engine {
namespace {

namespace net = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using tcp = net::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = size_t{64} << 10;
// for a refused client to read the reason before the connection is reset
constexpr auto kLinger = std::chrono::seconds(2);

// Bytes of request bodies that all sessions hold together. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(size_t limit) : left_(limit) {}

  bool take(size_t bytes) {
    size_t left = left_.load();
    while (bytes <= left)
      if (left_.compare_exchange_weak(left, left - bytes)) return true;
    return false;
  }
  void give(size_t bytes) { left_ += bytes; }

 private:
  std::atomic<size_t> left_;
};

}  // namespace

class Session;

struct SessionSet::State {
  State(const HttpLimits& l, SessionHooks h)
      : limits(l), hooks(std::move(h)), budget(l.bodies_in_flight) {}

  const HttpLimits limits;
  const SessionHooks hooks;
  BodyBudget budget;
  std::atomic<bool> draining = false;
  std::mutex mutex;
  uint64_t next_id = 1;
  std::unordered_map<uint64_t, std::weak_ptr<Session>> sessions;

  std::vector<std::shared_ptr<Session>> all() {
    std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Session>> out;
    for (const auto& [id, weak] : sessions)
      if (auto s = weak.lock()) out.push_back(std::move(s));
    return out;
  }
};

namespace {

// The part of the budget that one body holds; travels with the request.
struct BodyHold {
  std::shared_ptr<SessionSet::State> set;
  size_t bytes = 0;

  bool grow(size_t to) {
    if (to <= bytes) return true;
    if (!set->budget.take(to - bytes)) return false;
    bytes = to;
    return true;
  }
  ~BodyHold() { set->budget.give(bytes); }
};

}  // namespace

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(net::io_context& io, std::shared_ptr<SessionSet::State> set, uint64_t id)
      : set_(std::move(set)),
        id_(id),
        socket_(net::make_strand(io)),
        read_timer_(socket_.get_executor()),
        write_timer_(socket_.get_executor()),
        ping_timer_(socket_.get_executor()),
        buffer_(set_->limits.header_bytes + 2 * kReadBytes) {}
  ~Session() {
    drop_sink();
    forget();
  }

  void start(int socket, bool v6) {
    error_code ec;
    socket_.assign(v6 ? tcp::v6() : tcp::v4(), socket, ec);
    if (ec) return;
    socket_.set_option(tcp::no_delay(true), ec);
    const tcp::endpoint remote = socket_.remote_endpoint(ec);
    if (!ec) peer_ = remote.address().to_string();
    on_strand([](Session& s) { s.feed(); });
  }

  void drain() {
    on_strand([](Session& s) {
      if (s.phase_ == Phase::head && s.buffer_.size() == 0) s.close();
    });
  }

  void close_now() {
    on_strand([](Session& s) { s.close(); });
  }

 private:
  enum class Phase { head, body, running, closing, closed };

  template <class F>
  void on_strand(F fn) {
    net::post(socket_.get_executor(),
              [self = shared_from_this(), fn = std::move(fn)]() mutable { fn(*self); });
  }

  void arm(net::steady_timer& timer, std::chrono::milliseconds limit) {
    timer.expires_after(limit);
    timer.async_wait([weak = weak_from_this(), &timer](error_code ec) {
      const auto self = weak.lock();
      // A timer that was set anew while its old handler waited in the queue is not due.
      if (!self || ec || timer.expiry() > Clock::now()) return;
      self->close();
    });
  }

  // ---- reading ----

  void read_more() {
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

  void on_read(error_code ec, size_t n) {
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
  void feed() {
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
  bool keep_body() {
    const size_t size = parser_->get().body().bytes.size();
    if (size > set_->limits.body_bytes) return refuse(413, "request body too large"), false;
    if (hold_->grow(size)) return true;
    return refuse(503, "server busy: too many request bytes in flight"), false;
  }

  // What has arrived of a body goes to its sink. false: nothing more is to be read for now.
  bool pass_on() {
    BodySink::Takes takes = sink_->state();
    if (std::string& bytes = parser_->get().body().bytes; !bytes.empty())
      takes = sink_->push(std::exchange(bytes, {}));
    if (parser_->is_done() || takes == BodySink::Takes::more) return true;
    if (takes == BodySink::Takes::nothing) {
      keep_alive_ = false;
      answer_by_sink();
      return false;
    }
    read_timer_.cancel();  // it is us who are slow
    return false;
  }

  void answer_by_sink() {
    const std::shared_ptr<BodySink> sink = std::exchange(sink_, nullptr);
    end_message();
    parser_.reset();
    hold_.reset();
    read_more();
    sink->finish(make_reply());
  }

  void begin_message() {
    in_message_ = true;
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(set_->limits.header_bytes));
    // streamed bodies have no limit; others are checked here
    parser_->body_limit(std::numeric_limits<uint64_t>::max());
    parser_->eager(false);
    hold_ = std::make_shared<BodyHold>();
    hold_->set = set_;
    request_ = {};
    extra_headers_.clear();
    record_ = {};
    record_.peer = peer_;
    record_.method = record_.target = "-";
    arrival_ = Clock::now();
    keep_alive_ = false;
    head_only_ = false;
    http_minor_ = 1;
    arm(read_timer_, set_->limits.header);
  }

  // false: the request has been refused.
  bool on_head() {
    const auto& message = parser_->get();
    request_.method = std::string(message.method_string());
    const std::string target(message.target());
    const size_t mark = target.find('?');
    request_.path = target.substr(0, mark);
    if (mark != std::string::npos) request_.query = target.substr(mark + 1);
    for (const auto& field : message)
      request_.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    request_.peer = peer_;
    request_.arrival = arrival_ = Clock::now();
    record_.method = request_.method;
    record_.target = request_.path;
    head_only_ = request_.method == "HEAD";
    http_minor_ = message.version() == 10 ? 0 : 1;

    SessionHooks::Verdict verdict = set_->hooks.check(request_);
    extra_headers_ = std::move(verdict.headers);
    const bool has_body = !parser_->is_done();
    if (verdict.reply) {
      keep_alive_ = !has_body && parser_->keep_alive();
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
    if (has_body && http_minor_ == 1 && equal_no_case(request_.header("Expect"), "100-continue")) {
      out_ += "HTTP/1.1 100 Continue\r\n\r\n";
      start_write();
    }
    return true;
  }

  // The sink has room again, or knows the answer.
  void resume() {
    if (phase_ == Phase::body && sink_ && pass_on()) feed();
  }

  // The request is complete, or will not be read to its end: from here on a reply is due.
  void end_message() {
    phase_ = Phase::running;
    in_message_ = false;
    finished_ = head_sent_ = begun_ = false;
    ++exchange_;
    read_timer_.cancel();
  }

  void on_message() {
    keep_alive_ = parser_->keep_alive();
    if (sink_) return answer_by_sink();
    request_.body = std::move(parser_->get().body().bytes);
    request_.hold = std::move(hold_);
    end_message();
    parser_.reset();
    read_more();
    set_->hooks.handle(std::move(request_), make_reply());
  }

  // The handle to answer the request that has just been read.
  std::shared_ptr<Reply> make_reply() {
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
        if (s.exchange_ != exchange || s.finished_) return;
        if (s.eof_ || s.phase_ != Phase::running)
          hook();
        else
          s.hook_ = std::move(hook);
      });
    };
    return std::make_shared<Reply>(std::move(port), api_form(record_.target));
  }

  void refuse(error_code ec) {
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
      return refuse(431, "request header too large");
    refuse(400, "malformed HTTP request");
  }

  void refuse(int status, std::string_view text) {
    keep_alive_ = false;
    drop_sink();
    hold_.reset();
    end_message();
    parser_.reset();
    answer(exchange_, error_response(api_form(record_.target), status, text));
  }

  // ---- answering ----

  bool current(uint64_t exchange) const {
    return exchange == exchange_ && phase_ == Phase::running && !finished_;
  }

  void answer(uint64_t exchange, HttpResponse response) {
    if (!current(exchange)) return;
    if (set_->draining) keep_alive_ = false;
    record_.status = response.status;
    record_.bytes = head_only_ ? 0 : response.body.size();
    out_ += response_head(response, extra_headers_, BodyForm::length, http_minor_, keep_alive_);
    if (!head_only_) out_ += response.body;
    finished_ = true;
    start_write();
  }

  void answer(uint64_t exchange, std::shared_ptr<EventQueue> events,
              std::unique_ptr<Formatter> formatter) {
    if (!current(exchange) || eof_) return events->cancel();
    events_ = std::move(events);
    formatter_ = std::move(formatter);
    events_->set_reader([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->on_strand([](Session& s) { s.pump(); });
    });
    if (formatter_->content_type() == kEventStream) arm_ping();
  }

  // Clients and proxies give up on a stream that says nothing for long: until its first event
  // comments keep it alive.
  void arm_ping() {
    if (set_->limits.ping.count() <= 0) return;
    ping_timer_.expires_after(set_->limits.ping);
    ping_timer_.async_wait([weak = weak_from_this()](error_code ec) {
      const auto self = weak.lock();
      if (!self || ec || self->ping_timer_.expiry() > Clock::now()) return;
      self->ping();
    });
  }

  void ping() {
    if (!events_ || begun_ || finished_ || phase_ != Phase::running) return;
    if (!writing_) {
      send_part(":\n\n");
      start_write();
    }
    arm_ping();
  }

  // Moves what waits in the queue to the client. Only when the last write is through: a slow client
  // fills its queue, not our memory.
  void pump() {
    if (!events_ || writing_ || finished_ || phase_ != Phase::running) return;
    bool ended = false;
    std::string text = std::move(text_);
    text_.clear();
    for (EventQueue::Event& event : events_->pop()) {
      if (const auto* token = std::get_if<TokenEvent>(&event)) {
        formatter_->write(*token, text);
      } else if (const auto* stats = std::get_if<GenerateStats>(&event)) {
        if (stats->reason == DoneReason::cancelled)
          return fail({Errc::cancelled, "request canceled"}, text);
        formatter_->done(*stats, text);
        record_.note = formatter_->note();
        ended = true;
      } else {
        return fail(std::get<Error>(event), text);
      }
    }
    if (formatter_->single()) {
      if (!ended) return void(text_ = std::move(text));
      HttpResponse response{200, std::string(formatter_->content_type()), {}, std::move(text)};
      return answer(exchange_, std::move(response));
    }
    begun_ = begun_ || !text.empty();
    send_part(text);
    if (ended) end_stream();
    start_write();
  }

  // Head (once) and the next part of a stream.
  void send_part(const std::string& text) {
    if (text.empty()) return;
    if (!head_sent_) {
      head_sent_ = true;
      record_.status = 200;
      if (http_minor_ == 0 || set_->draining) keep_alive_ = false;
      HttpResponse head{200, std::string(formatter_->content_type()), {}, {}};
      if (head.content_type == kEventStream) {
        head.headers.push_back({"Cache-Control", "no-cache"});
        if (keep_alive_ && http_minor_ == 1) head.headers.push_back({"Connection", "keep-alive"});
      }
      out_ += response_head(head, extra_headers_,
                            http_minor_ == 0 ? BodyForm::until_close : BodyForm::chunked,
                            http_minor_, keep_alive_);
    }
    record_.bytes += text.size();
    if (http_minor_ == 0)
      out_ += text;
    else
      out_ += chunk(text);
  }

  void end_stream() {
    if (head_sent_ && http_minor_ == 1) out_ += kLastChunk;
    finished_ = true;
  }

  void fail(const Error& error, std::string& text) {
    record_.note = error.message;
    if (!head_sent_) {
      // Whatever was formatted before the fault is dropped: a real status says more.
      return answer(exchange_, error_response(api_form(record_.target), http_status(error.code),
                                              error.message));
    }
    // No mark of the protocol ends a stream of events that failed: the end of the connection does.
    if (formatter_->content_type() == kEventStream) keep_alive_ = false;
    formatter_->failed(error, text);
    send_part(text);
    end_stream();
    start_write();
  }

  void start_write() {
    if (writing_ || out_.empty() || phase_ == Phase::closed) return;
    writing_ = true;
    in_flight_.swap(out_);
    out_.clear();
    written_ = 0;
    write_some();
  }

  void write_some() {
    arm(write_timer_, set_->limits.write_stall);
    socket_.async_write_some(
        net::buffer(in_flight_.data() + written_, in_flight_.size() - written_),
        [self = shared_from_this()](error_code ec, size_t n) { self->on_written(ec, n); });
  }

  void on_written(error_code ec, size_t n) {
    if (phase_ == Phase::closed) return;
    if (ec) return close();
    written_ += n;
    if (written_ < in_flight_.size()) return write_some();
    writing_ = false;
    in_flight_.clear();
    write_timer_.cancel();
    if (!out_.empty())
      start_write();
    else if (finished_ && phase_ == Phase::running)
      finish_exchange();
    else
      pump();
  }

  void finish_exchange() {
    log_exchange();
    ping_timer_.cancel();
    if (events_) events_->set_reader(nullptr);
    events_.reset();
    formatter_.reset();
    hook_ = nullptr;
    if (!keep_alive_ || eof_ || set_->draining) return linger();
    phase_ = Phase::head;
    feed();
  }

  void log_exchange() {
    record_.duration = Clock::now() - arrival_;
    if (set_->hooks.log) set_->hooks.log(record_);
  }

  // ---- ending ----

  // Closing while the client still sends resets the connection, and the reply may be lost on its
  // way; so read on for a moment.
  void linger() {
    phase_ = Phase::closing;
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    if (eof_ || ec) return close();
    arm(read_timer_, kLinger);
    read_more();
  }

  // End of file from a client that waits for an answer. What computes for it stops; a finished
  // reply may still be on its way.
  void client_gone() {
    record_.disconnected = true;
    if (hook_) std::exchange(hook_, nullptr)();
    if (!events_ || finished_) return;
    close();
  }

  void close() {
    if (phase_ == Phase::closed) return;
    const bool running = phase_ == Phase::running;
    phase_ = Phase::closed;
    if (running) {
      record_.disconnected = true;
      if (hook_) std::exchange(hook_, nullptr)();
      if (events_) {
        events_->set_reader(nullptr);
        events_->cancel();
      }
      log_exchange();
    }
    events_.reset();
    formatter_.reset();
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

  void drop_sink() {
    if (sink_) std::exchange(sink_, nullptr)->abort();
  }

  void forget() {
    std::lock_guard lock(set_->mutex);
    set_->sessions.erase(id_);
  }

  const std::shared_ptr<SessionSet::State> set_;
  const uint64_t id_;
  tcp::socket socket_;
  net::steady_timer read_timer_, write_timer_, ping_timer_;
  std::string peer_;

  // The message that is being read.
  Phase phase_ = Phase::head;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<RequestBody>> parser_;
  std::shared_ptr<BodyHold> hold_;
  HttpRequest request_;
  std::shared_ptr<BodySink> sink_;
  bool read_pending_ = false, eof_ = false, in_message_ = false;

  // The answer.
  uint64_t exchange_ = 0;  // counts requests: what an old handler still says is dropped
  std::vector<HttpHeader> extra_headers_;
  bool keep_alive_ = false, head_only_ = false, head_sent_ = false, finished_ = false,
       writing_ = false, begun_ = false;  // begun_: a stream has more than comments
  int http_minor_ = 1;
  std::shared_ptr<EventQueue> events_;
  std::unique_ptr<Formatter> formatter_;
  std::function<void()> hook_;
  std::string text_, out_, in_flight_;
  size_t written_ = 0;
  RequestRecord record_;
  Clock::time_point arrival_{};
};

SessionSet::SessionSet(Runtime& runtime, const HttpLimits& limits, SessionHooks hooks)
    : runtime_(runtime), state_(std::make_shared<State>(limits, std::move(hooks))) {}

void SessionSet::start(int socket, bool v6) {
  std::shared_ptr<Session> session;
  {
    std::lock_guard lock(state_->mutex);
    const uint64_t id = state_->next_id++;
    session = std::make_shared<Session>(runtime_.io(), state_, id);
    state_->sessions.emplace(id, session);
  }
  session->start(socket, v6);
}

void SessionSet::drain() {
  state_->draining = true;
  for (const auto& s : state_->all()) s->drain();
}

void SessionSet::close_all() {
  state_->draining = true;
  for (const auto& s : state_->all()) s->close_now();
}

size_t SessionSet::size() const {
  std::lock_guard lock(state_->mutex);
  return state_->sessions.size();
}

}  // namespace engine
