// Loading, sharing and unloading as clients see it; several clients at once; clients that go away.
#include <chrono>
#include <ctime>
#include <thread>

#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpClient;
using testing::HttpReply;
using PoolTest = ServerTest;
using namespace std::chrono_literals;

std::string stream_request(const std::string& model, const std::string& prompt, int n,
                           const std::string& extra = {}) {
  return R"({"model":")" + model + R"(","prompt":")" + prompt +
         R"(","options":{"temperature":0.8,"seed":5,"num_predict":)" + std::to_string(n) + "}" +
         extra + "}";
}

template <class F>
bool eventually(F condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

int64_t seconds_from_now(const std::string& rfc3339) {
  std::tm tm{};
  const char* rest = strptime(rfc3339.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  if (!rest) return -1;
  int64_t offset = 0;
  if (const char* sign = strpbrk(rest, "+-"))
    offset = (std::atoi(sign + 1) * 3600 + std::atoi(sign + 4) * 60) * (*sign == '-' ? -1 : 1);
  return timegm(&tm) - offset - std::time(nullptr);
}

TEST_F(PoolTest, PsShowsWhatIsLoaded) {
  EXPECT_EQ(get("/api/ps").body, R"({"models":[]})");
  post_json("/api/generate", R"({"model":"M"})");
  const Json m = parse(get("/api/ps").body)["models"][0];
  EXPECT_EQ(m["name"], "M:latest");
  EXPECT_GT(m["size"].get<int64_t>(), 0);
  EXPECT_EQ(m["size_vram"], 0);
  EXPECT_EQ(m["context_length"], 512);
  EXPECT_EQ(m["details"]["family"], "llama");
  const Json tags = parse(get("/api/tags").body);
  for (const Json& tag : tags["models"])
    if (tag["name"] == "M:latest") {
      EXPECT_EQ(tag["digest"], m["digest"]);
    }
}

TEST_F(PoolTest, ADraftModelChangesNoAnswer) {
  const std::string body =
      R"({"model":"M","prompt":"the sky is blue","stream":false,"raw":true,"options":{"num_predict":60)";
  const Json plain = post_json("/api/generate", body + "}}");
  const int64_t size = parse(get("/api/ps").body)["models"][0]["size"];
  start([](ServerOptions& o) { o.draft = root_ + "/N.gguf"; });
  const Json drafted = post_json("/api/generate", body + "}}");
  EXPECT_EQ(drafted["response"], plain["response"]);
  EXPECT_EQ(drafted["eval_count"], plain["eval_count"]);
  EXPECT_GT(drafted["draft_count"].get<int>(), 0);
  EXPECT_GT(parse(get("/api/ps").body)["models"][0]["size"].get<int64_t>(), size)
      << "the memory of both";
  EXPECT_EQ(post_json("/api/generate", body + R"(,"draft_num_predict":0}})")["response"],
            plain["response"]);
}

TEST_F(PoolTest, ADraftModelThatDoesNotFit) {
  const std::string path = root_ + "/other.gguf";
  testing::TinyModel other;
  other.other_vocabulary = true;
  ASSERT_TRUE(testing::write_tiny_model(path, other));
  start([&](ServerOptions& o) { o.draft = path; });
  EXPECT_EQ(post_json("/api/generate", R"({"model":"M"})")["done_reason"], "load");
  start([&](ServerOptions& o) { o.draft = path, o.draft_required = true; });
  EXPECT_NE(error_of("/api/generate", R"({"model":"M"})", 500)
                .find("the draft model cannot be used: its vocabulary"),
            std::string::npos);
}

TEST_F(PoolTest, KeepAlive) {
  const auto expires = [&] {
    return seconds_from_now(parse(get("/api/ps").body)["models"][0]["expires_at"]);
  };
  post_json("/api/generate", R"({"model":"M"})");
  EXPECT_NEAR(static_cast<double>(expires()), 300, 20);
  post_json("/api/generate", R"({"model":"M","keep_alive":"10m"})");
  EXPECT_NEAR(static_cast<double>(expires()), 600, 20);
  post_json("/api/generate", R"({"model":"M"})");
  EXPECT_NEAR(static_cast<double>(expires()), 600, 20) << "stays in force";
  post_json("/api/generate", R"({"model":"M","keep_alive":-1})");
  EXPECT_GT(expires(), int64_t{100} * 365 * 86400);
  for (const auto& [value, text] : {std::pair{"\"abc\"", "time: invalid duration \"abc\""},
                                    {"\"5\"", "time: missing unit in duration \"5\""},
                                    {"\"5d\"", "time: unknown unit \"d\" in duration \"5d\""},
                                    {"true", "Unsupported type: 'bool'"}})
    EXPECT_EQ(
        error_of("/api/generate", std::string(R"({"model":"M","keep_alive":)") + value + "}", 400),
        text);
  post_json("/api/generate", R"({"model":"M","keep_alive":"50ms"})");
  EXPECT_TRUE(eventually([&] { return loaded().empty(); }));
}

TEST_F(PoolTest, KeepAliveZeroUnloadsAfterTheAnswer) {
  const HttpReply r = post("/api/generate", stream_request("M", "a", 20, R"(,"keep_alive":0)"));
  EXPECT_EQ(lines(r.body).back()["done"], true);
  EXPECT_TRUE(eventually([&] { return loaded().empty(); }));
}

TEST_F(PoolTest, UnloadLetsRunningAnswersEnd) {
  HttpClient c(port());
  c.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 400)));
  ASSERT_TRUE(c.wait_for("\"done\":false"));
  EXPECT_EQ(post_json("/api/generate", R"({"model":"N","keep_alive":0})")["done_reason"], "unload");
  const std::vector<Json> objects = lines(c.read_reply().body);
  EXPECT_EQ(objects.back()["done"], true);
  EXPECT_TRUE(eventually([&] { return loaded().empty(); }));
}

TEST_F(PoolTest, OneModelMakesRoomForTheNext) {
  start([](ServerOptions& o) { o.pool.max_loaded = 1; });
  post_json("/api/generate", R"({"model":"M"})");
  post_json("/api/generate", R"({"model":"N"})");
  EXPECT_EQ(loaded(), std::vector<std::string>{"N:latest"});
}

TEST_F(PoolTest, ABusyModelIsWaitedFor) {
  start([](ServerOptions& o) { o.pool.max_loaded = 1; });
  HttpClient c(port());
  c.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 300)));
  ASSERT_TRUE(c.wait_for("\"done\":false"));
  EXPECT_EQ(post_json("/api/generate", R"({"model":"M"})")["done_reason"], "load");
  EXPECT_EQ(lines(c.read_reply().body).back()["done"], true);
}

TEST_F(PoolTest, SeveralModelsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<std::string> text(6);
  for (size_t i = 0; i < text.size(); ++i)
    threads.emplace_back([&, i] {
      text[i] = post_json("/api/generate", stream_request(i % 2 ? "M" : "N", "a", 30,
                                                          R"(,"stream":false)"))["response"];
    });
  for (std::thread& t : threads) t.join();
  for (size_t i = 2; i < text.size(); ++i) EXPECT_EQ(text[i], text[i % 2]);
}

TEST_F(PoolTest, NumCtxReloadsAndOtherOptionsDoNot) {
  const auto run = [&](const std::string& options) {
    return post_json("/api/generate",
                     R"({"model":"N","prompt":"a","stream":false,"options":)" + options + "}");
  };
  const auto context = [&] {
    return parse(get("/api/ps").body)["models"][0]["context_length"].get<int>();
  };
  run(R"({"num_predict":1,"num_ctx":128})");
  EXPECT_EQ(context(), 128);
  run(R"({"num_predict":1,"num_ctx":256})");
  EXPECT_EQ(context(), 256);
  run(R"({"num_predict":1,"temperature":1})");
  EXPECT_EQ(context(), 256) << "not given: no reload";
}

TEST_F(PoolTest, NumCtxBeyondTheTrainedContextIsCapped) {
  for (const char* n_ctx : {"5000", "20000000", "2147483647"}) {
    post("/api/generate", R"({"model":"N","keep_alive":0})");
    const HttpReply r =
        post("/api/generate", std::string(R"({"model":"N","prompt":"a","stream":false,)") +
                                  R"("options":{"num_predict":1,"num_ctx":)" + n_ctx + "}}");
    EXPECT_EQ(r.status, 200) << n_ctx << ": " << r.body;
    EXPECT_EQ(parse(get("/api/ps").body)["models"][0]["context_length"], 2048) << n_ctx;
  }
}

TEST_F(PoolTest, ConcurrentAnswersDoNotMix) {
  const std::string prompts[] = {"the sky", "you", "hello", "is it blue"};
  std::string alone[4], together[4];
  for (int i = 0; i < 4; ++i)
    alone[i] = post_json("/api/generate",
                         stream_request("N", prompts[i], 40, R"(,"stream":false)"))["response"];
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      together[i] = post_json(
          "/api/generate", stream_request("N", prompts[i], 40, R"(,"stream":false)"))["response"];
    });
  for (std::thread& t : threads) t.join();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(together[i], alone[i]) << prompts[i];
}

TEST_F(PoolTest, ManyRequestsForALoadedModelAreNeverRefused) {
  start([](ServerOptions& o) { o.pool.max_queue = 1, o.load.n_sequences = 1; });
  post_json("/api/generate", R"({"model":"M"})");
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 8; ++i)
        good += post("/api/generate", stream_request("M", "a", 2)).status == 200;
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(good, 64);
}

TEST_F(PoolTest, FullLoadQueueIsBusy) {
  start([](ServerOptions& o) { o.pool.max_loaded = 1, o.pool.max_queue = 1; });
  HttpClient busy(port()), first(port()), second(port());
  busy.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 100000)));
  ASSERT_TRUE(busy.wait_for("\"done\":false"));
  first.send(HttpClient::request("POST", "/api/generate", R"({"model":"M"})"));
  second.send(HttpClient::request("POST", "/api/generate", R"({"model":"T"})"));
  // Whichever comes second to the queue of one is refused at once; the other waits for its turn.
  HttpReply refused;
  HttpClient* waiting = nullptr;
  EXPECT_TRUE(eventually([&] {
    refused = first.read_reply(false, 100);
    waiting = &second;
    if (refused.status != 0) return true;
    refused = second.read_reply(false, 100);
    waiting = &first;
    return refused.status != 0;
  }));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body,
            R"({"error":"server busy, please try again.  maximum pending requests exceeded"})");
  busy.close();
  EXPECT_EQ(waiting->read_reply().status, 200);
}

TEST_F(PoolTest, DisconnectStopsTheAnswer) {
  start([](ServerOptions& o) { o.load.n_sequences = 1; });
  for (int i = 0; i < 3; ++i) {
    HttpClient c(port());
    c.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 100000)));
    ASSERT_TRUE(c.wait_for("\"done\":false"));
    c.close();
    // With one slot, this runs only when the other has ended.
    EXPECT_EQ(post("/api/generate", stream_request("N", "b", 2)).status, 200);
  }
}

TEST_F(PoolTest, DisconnectOfAWaitingRequestTakesItOutOfTheQueue) {
  start([](ServerOptions& o) { o.pool.max_loaded = 1; });
  HttpClient busy(port());
  busy.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 100000)));
  ASSERT_TRUE(busy.wait_for("\"done\":false"));
  {
    HttpClient gone(port());
    gone.send(HttpClient::request("POST", "/api/generate", stream_request("M", "a", 5)));
    std::this_thread::sleep_for(50ms);
  }
  std::this_thread::sleep_for(50ms);
  busy.close();
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(loaded(), std::vector<std::string>{"N:latest"})
      << "nobody waited for the other model any more";
}

TEST_F(PoolTest, AFileThatCannotRunIsAnErrorAndNoMore) {
  const std::string error = error_of("/api/generate", R"({"model":"B","prompt":"a"})", 500);
  EXPECT_NE(error.find("nosucharch"), std::string::npos) << error;
  EXPECT_TRUE(error.ends_with("incompatible with this version")) << error;
  EXPECT_EQ(post("/api/generate", stream_request("M", "a", 2)).status, 200);
}

TEST_F(PoolTest, SlowReadersDoNotStopOthers) {
  start([](ServerOptions& o) { o.load.n_sequences = 2; });
  HttpClient slow(port());
  slow.set_receive_buffer(2048);
  slow.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 100000)));
  ASSERT_TRUE(slow.wait_for("HTTP/1.1 200"));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(post("/api/generate", stream_request("N", "b", 20)).status, 200);
}

TEST_F(PoolTest, ShutdownLetsAShortAnswerEndAndCutsALongOne) {
  HttpClient shorter(port());
  shorter.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 60)));
  ASSERT_TRUE(shorter.wait_for("\"done\":false"));
  server_->shutdown(20s);
  EXPECT_EQ(lines(shorter.read_reply().body).back()["done"], true);
  HttpClient refused(port());
  EXPECT_EQ(refused.read_reply(false, 500).status, 0);

  start({});
  HttpClient longer(port());
  longer.send(HttpClient::request("POST", "/api/generate", stream_request("N", "a", 100000)));
  ASSERT_TRUE(longer.wait_for("\"done\":false"));
  server_->shutdown(100ms);
  EXPECT_TRUE(longer.read_reply().closed_early);
}

}  // namespace
}  // namespace engine
