// The transport alone: real sockets, handlers of the test.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <thread>

#include "server/http/listener.h"
#include "server/sse.h"
#include "tests/support/http_client.h"

namespace engine {
namespace {

using testing::HttpClient;
using testing::HttpReply;
using namespace std::chrono_literals;

// Writes "text\n" per token and "end\n" at the end.
class LineFormatter : public Formatter {
 public:
  explicit LineFormatter(bool single = false) : single_(single) {}
  bool single() const override { return single_; }
  std::string_view content_type() const override { return "application/x-ndjson"; }
  void write(const TokenEvent& e, std::string& out) override { out += e.text + "\n"; }
  void done(const GenerateStats&, std::string& out) override { out += "end\n"; }
  void failed(const Error& e, std::string& out) override { out += "error " + e.message + "\n"; }

 private:
  bool single_;
};

class EventFormatter : public LineFormatter {
  std::string_view content_type() const override { return kEventStream; }
};

class SessionTest : public ::testing::Test {
 protected:
  void start(HttpLimits limits = {}) {
    SessionHooks hooks;
    hooks.check = [](const HttpRequest& head) -> SessionHooks::Verdict {
      if (head.path == "/refused") return {text_response(403, "no"), {}};
      return {std::nullopt, {{"X-Extra", "1"}}};
    };
    hooks.handle = [this](HttpRequest request, std::shared_ptr<Reply> reply) {
      handle(std::move(request), std::move(reply));
    };
    hooks.log = [this](const RequestRecord& record) {
      std::lock_guard lock(mutex_);
      log_.push_back(record);
      changed_.notify_all();
    };
    sessions_ = std::make_unique<SessionSet>(runtime_, limits, hooks);
    auto listener = Listener::open(runtime_, "127.0.0.1", 0, *sessions_);
    ASSERT_TRUE(listener) << listener.error().message;
    listener_ = std::move(*listener);
  }

  void TearDown() override {
    if (listener_) listener_->close();
    if (sessions_) sessions_->close_all();
    for (int i = 0; i < 1000 && sessions_ && sessions_->size() > 0; ++i)
      std::this_thread::sleep_for(5ms);
    EXPECT_TRUE(!sessions_ || sessions_->size() == 0) << "a session was left open";
    queue_.reset();
    runtime_.stop();
  }

  void handle(HttpRequest request, std::shared_ptr<Reply> reply) {
    std::lock_guard lock(mutex_);
    if (request.path == "/echo") {
      reply->send(text_response(200, request.method + " " + request.query + " " + request.body));
    } else if (request.path == "/stream" || request.path == "/single") {
      queue_ = std::make_shared<EventQueue>();
      reply->stream(queue_, std::make_unique<LineFormatter>(request.path == "/single"));
    } else if (request.path == "/events") {
      queue_ = std::make_shared<EventQueue>();
      reply->stream(queue_, std::make_unique<EventFormatter>());
    } else if (request.path == "/wait") {
      reply->on_disconnect([this] {
        std::lock_guard inner(mutex_);
        disconnected_ = true;
        changed_.notify_all();
      });
      waiting_ = reply;
    }  // else: dropped without an answer
    changed_.notify_all();
  }

  std::shared_ptr<EventQueue> queue() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [this] { return queue_ != nullptr; });
    return queue_;
  }

  template <class F>
  bool eventually(F condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, condition);
  }

  uint16_t port() const { return listener_->port(); }
  static void token(EventQueue& q, const std::string& text) { q.token({1, text}); }

  Runtime runtime_{1, 1};
  std::unique_ptr<SessionSet> sessions_;
  std::unique_ptr<Listener> listener_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<EventQueue> queue_;
  std::shared_ptr<Reply> waiting_;
  bool disconnected_ = false;
  std::vector<RequestRecord> log_;
};

TEST_F(SessionTest, AnswersAndKeepsTheConnection) {
  start();
  HttpClient c(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(c.send(HttpClient::request("POST", "/echo?a=b", "body" + std::to_string(i))));
    const HttpReply r = c.read_reply();
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.body, "POST a=b body" + std::to_string(i));
    EXPECT_EQ(r.header("x-extra"), "1");
    EXPECT_EQ(r.header("connection"), "");
  }
}

TEST_F(SessionTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  HttpClient c(port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += HttpClient::request("POST", "/echo", "n" + std::to_string(i));
  ASSERT_TRUE(c.send(all));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(c.read_reply().body, "POST  n" + std::to_string(i));
}

TEST_F(SessionTest, AnyFragmentationGivesTheSameReply) {
  start();
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nTrailer: t\r\n\r\n";
  for (size_t step : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{50}}) {
    HttpClient c(port());
    for (size_t at = 0; at < chunked.size(); at += step) {
      ASSERT_TRUE(c.send(chunked.substr(at, step)));
      std::this_thread::sleep_for(500us);
    }
    const HttpReply r = c.read_reply();
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.body, "POST  Wikipedia");
  }
}

// Check 226 of the list of conformance.
TEST_F(SessionTest, AnEventStreamThatFailsClosesTheConnection) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("POST", "/events", "x"));
  const auto q = queue();
  token(*q, "a");
  ASSERT_TRUE(c.wait_for("a\n"));
  q->failed({Errc::internal, "broken"});
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.header("cache-control"), "no-cache");
  EXPECT_EQ(r.header("connection"), "keep-alive");
  EXPECT_EQ(r.body, "a\nerror broken\n");
  EXPECT_TRUE(c.wait_closed());
}

TEST_F(SessionTest, HeadHasNoBody) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("HEAD", "/echo"));
  const HttpReply r = c.read_reply(true);
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-length"), "6");
  c.send(HttpClient::request("GET", "/echo"));
  EXPECT_EQ(c.read_reply().body, "GET  ");  // nothing of the first body in between
}

TEST_F(SessionTest, OldProtocolClosesUnlessAskedToStay) {
  start();
  HttpClient c(port());
  c.send("GET /echo HTTP/1.0\r\n\r\n");
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.body, "GET  ");
  EXPECT_EQ(r.header("connection"), "close");
  EXPECT_TRUE(c.wait_closed());
  HttpClient k(port());
  k.send("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(k.read_reply().header("connection"), "keep-alive");
  k.send("GET /echo HTTP/1.0\r\n\r\n");
  EXPECT_EQ(k.read_reply().status, 200);
}

TEST_F(SessionTest, ExpectContinue) {
  start();
  HttpClient c(port());
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(c.read_reply().status, 100);
  c.send("ok");
  EXPECT_EQ(c.read_reply().body, "POST  ok");
}

TEST_F(SessionTest, MalformedRequests) {
  start();
  for (const char* text : {"GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                           "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                           "GET /echo HTTP/1.1\r\nNo colon\r\n\r\n"}) {
    HttpClient c(port());
    c.send(text);
    EXPECT_EQ(c.read_reply().status, 400) << text;
    EXPECT_TRUE(c.wait_closed()) << text;
  }
  EXPECT_EQ(testing::http(port(), "GET", "/echo").status, 200);
}

TEST_F(SessionTest, LimitsOfHeadersAndBodies) {
  HttpLimits limits;
  limits.header_bytes = 4096;
  limits.body_bytes = 1000;
  limits.bodies_in_flight = 800;
  start(limits);
  EXPECT_EQ(
      testing::http(port(), "GET", "/echo", {}, "X: " + std::string(3000, 'a') + "\r\n").status,
      200);
  EXPECT_EQ(
      testing::http(port(), "GET", "/echo", {}, "X: " + std::string(5000, 'a') + "\r\n").status,
      431);
  const HttpReply large = testing::http(port(), "POST", "/echo", std::string(1001, 'b'));
  EXPECT_EQ(large.status, 413);
  EXPECT_EQ(large.body, R"({"error":"request body too large"})");
  EXPECT_EQ(testing::http(port(), "POST", "/echo", std::string(900, 'b')).status, 503);
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(testing::http(port(), "POST", "/echo", std::string(700, 'b')).status, 200)
        << "the budget is given back";
  // A chunked body takes its share as it grows.
  HttpClient c(port());
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 9; ++i) c.send("64\r\n" + std::string(100, 'c') + "\r\n");
  EXPECT_EQ(c.read_reply().status, 503);
}

TEST_F(SessionTest, SlowHeaderAndStalledBodyAreClosed) {
  HttpLimits limits;
  limits.header = 100ms;
  limits.body_stall = 100ms;
  start(limits);
  HttpClient a(port()), b(port());
  a.send("GET /echo HTTP/1.1\r\nHo");
  b.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_TRUE(a.wait_closed());
  EXPECT_TRUE(b.wait_closed());
}

TEST_F(SessionTest, IdleConnectionsAreClosed) {
  HttpLimits limits;
  limits.idle = 100ms;
  start(limits);
  HttpClient a(port());
  EXPECT_TRUE(a.wait_closed());
  HttpClient b(port());
  b.send(HttpClient::request("GET", "/echo"));
  EXPECT_EQ(b.read_reply().status, 200);
  EXPECT_TRUE(b.wait_closed());
}

TEST_F(SessionTest, GuardsAnswerBeforeTheBody) {
  start();
  HttpClient c(port());
  c.send("POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.status, 403);
  EXPECT_EQ(r.header("connection"), "close");
  HttpClient k(port());
  k.send(HttpClient::request("GET", "/refused"));
  EXPECT_EQ(k.read_reply().header("connection"), "");
  k.send(HttpClient::request("GET", "/echo"));
  EXPECT_EQ(k.read_reply().status, 200);
}

TEST_F(SessionTest, DroppedRequestIsAnInternalError) {
  start();
  const HttpReply r = testing::http(port(), "GET", "/dropped");
  EXPECT_EQ(r.status, 500);
  EXPECT_EQ(r.body, R"({"error":"internal error"})");
}

TEST_F(SessionTest, StreamsChunksAsTheyCome) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("GET", "/stream"));
  const auto q = queue();
  ASSERT_TRUE(q);
  token(*q, "one");
  ASSERT_TRUE(c.wait_for("one\n"));
  token(*q, "two");
  ASSERT_TRUE(c.wait_for("two\n"));
  q->done({});
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/x-ndjson");
  EXPECT_EQ(r.header("transfer-encoding"), "chunked");
  EXPECT_EQ(r.chunks, (std::vector<std::string>{"one\n", "two\n", "end\n"}));
  c.send(HttpClient::request("GET", "/echo"));
  EXPECT_EQ(c.read_reply().status, 200) << "the connection goes on after a stream";
}

TEST_F(SessionTest, StreamToOldProtocolEndsWithTheConnection) {
  start();
  HttpClient c(port());
  c.send("GET /stream HTTP/1.0\r\n\r\n");
  const auto q = queue();
  token(*q, "one");
  q->done({});
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.header("transfer-encoding"), "");
  EXPECT_EQ(r.body, "one\nend\n");
}

TEST_F(SessionTest, SingleReplyHasALength) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("GET", "/single"));
  const auto q = queue();
  token(*q, "one");
  token(*q, "two");
  q->done({});
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.header("content-length"), "12");
  EXPECT_EQ(r.body, "one\ntwo\nend\n");
}

TEST_F(SessionTest, ErrorBeforeTheFirstObjectHasAStatus) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("GET", "/stream"));
  queue()->failed({Errc::out_of_memory, "no room"});
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.status, 500);
  EXPECT_EQ(r.body, R"({"error":"no room"})");
}

TEST_F(SessionTest, ErrorInsideAStreamIsItsLastLine) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("GET", "/stream"));
  const auto q = queue();
  token(*q, "one");
  ASSERT_TRUE(c.wait_for("one\n"));
  q->failed({Errc::device, "lost"});
  const HttpReply r = c.read_reply();
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "one\nerror lost\n");
}

TEST_F(SessionTest, DisconnectCancelsAStream) {
  start();
  for (bool reset : {false, true}) {
    {
      std::lock_guard lock(mutex_);
      queue_.reset();
    }
    HttpClient c(port());
    c.send(HttpClient::request("GET", "/stream"));
    const auto q = queue();
    token(*q, "one");
    ASSERT_TRUE(c.wait_for("one\n"));
    size_t before = 0;
    {
      std::lock_guard lock(mutex_);
      before = log_.size();
    }
    if (reset)
      c.reset();
    else
      c.close();
    EXPECT_TRUE(eventually([&] { return log_.size() > before && log_.back().disconnected; }));
    for (size_t i = 0; i < 2 * EventQueue::kCapacity; ++i) token(*q, "ignored");
    EXPECT_TRUE(q->room()) << "a cancelled queue takes and drops everything";
    EXPECT_TRUE(q->pop().empty());
  }
}

TEST_F(SessionTest, DisconnectWhileWaitingRunsTheHook) {
  start();
  HttpClient c(port());
  c.send(HttpClient::request("GET", "/wait"));
  ASSERT_TRUE(eventually([this] { return waiting_ != nullptr; }));
  c.close();
  EXPECT_TRUE(eventually([this] { return disconnected_; }));
  waiting_.reset();
}

TEST_F(SessionTest, SlowReaderFillsItsQueueAndCatchesUp) {
  start();
  HttpClient slow(port());
  slow.send(HttpClient::request("GET", "/stream"));
  const auto q = queue();
  const std::string block(64 << 10, 'x');
  int sent = 0;
  // The reader does not read: at some point the queue says so and stays bounded.
  for (int idle = 0; idle < 200 && sent < 5000;) {
    if (q->room()) {
      token(*q, block);
      ++sent;
      idle = 0;
    } else {
      std::this_thread::sleep_for(1ms);
      ++idle;
    }
  }
  EXPECT_FALSE(q->room());
  EXPECT_LT(sent, 5000);
  EXPECT_EQ(testing::http(port(), "GET", "/echo").status, 200) << "others are served meanwhile";
  std::thread writer([&] {
    for (int i = 0; i < 20000 && !q->room(); ++i) std::this_thread::sleep_for(1ms);
    q->done({});
  });
  const HttpReply r = slow.read_reply(false, 60000);
  writer.join();
  EXPECT_EQ(r.body.size(), static_cast<size_t>(sent) * (block.size() + 1) + 4);
}

TEST_F(SessionTest, StalledReaderIsCancelled) {
  HttpLimits limits;
  limits.write_stall = 200ms;
  start(limits);
  HttpClient slow(port());
  slow.set_receive_buffer(4096);
  slow.send(HttpClient::request("GET", "/stream"));
  const auto q = queue();
  const std::string block(64 << 10, 'x');
  for (size_t i = 0; i < EventQueue::kCapacity; ++i) token(*q, block);
  EXPECT_TRUE(eventually([this] { return !log_.empty() && log_.back().disconnected; }));
}

TEST_F(SessionTest, DrainClosesIdleConnectionsAndLetsAnswersEnd) {
  start();
  HttpClient idle(port()), busy(port());
  idle.send(HttpClient::request("GET", "/echo"));
  EXPECT_EQ(idle.read_reply().status, 200);
  busy.send(HttpClient::request("GET", "/stream"));
  const auto q = queue();
  token(*q, "one");
  ASSERT_TRUE(busy.wait_for("one\n"));
  sessions_->drain();
  EXPECT_TRUE(idle.wait_closed());
  token(*q, "two");
  q->done({});
  EXPECT_EQ(busy.read_reply().body, "one\ntwo\nend\n");
  EXPECT_TRUE(busy.wait_closed());
}

TEST_F(SessionTest, ManyConnectionsAtOnce) {
  start();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string body = std::to_string(t) + "/" + std::to_string(i);
        if (testing::http(port(), "POST", "/echo", body).body == "POST  " + body) ++good;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(good, 400);
}

TEST_F(SessionTest, AddressInUse) {
  start();
  const auto second = Listener::open(runtime_, "127.0.0.1", port(), *sessions_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message,
            "listen tcp 127.0.0.1:" + std::to_string(port()) + ": bind: address already in use");
}

}  // namespace
}  // namespace engine
