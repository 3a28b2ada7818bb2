// Event streams that wait, and the figures at their end.
#include "server/timings.h"
#include "tests/server/events.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

class SseTest : public ServerTest {
 protected:
  void start_with_ping(std::chrono::milliseconds ping) {
    start([&](ServerOptions& o) { o.limits.ping = ping; });
  }
  // A prompt that takes its time: one token per step.
  static std::string slow(const std::string& rest) {
    std::string text;
    for (int i = 0; i < 400; ++i) text += " sky";
    return R"({"model":"N","options":{"num_batch":1,"num_predict":3},)" + rest + "\"" + text +
           "\"}";
  }
};

TEST_F(SseTest, CommentsUntilTheFirstEvent) {
  start_with_ping(std::chrono::milliseconds(1));
  const HttpReply r = post("/v1/completions", slow(R"("stream":true,"prompt":)"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "text/event-stream");
  std::string body = r.body;
  ASSERT_TRUE(body.starts_with(":\n\n")) << body;
  while (body.starts_with(":\n\n")) body.erase(0, 3);
  EXPECT_EQ(body.find("\n:"), std::string::npos) << "only in front of the first event";
  const auto events = testing::parse_events(body);
  ASSERT_GE(events.size(), 3u);
  EXPECT_EQ(events.back().data, "[DONE]");
}

TEST_F(SseTest, NoCommentsElsewhere) {
  start_with_ping(std::chrono::milliseconds(1));
  EXPECT_GE(lines(post("/api/generate", slow("\"prompt\":")).body).size(), 2u)
      << "lines of JSON, and no others";
  EXPECT_TRUE(post("/v1/completions", slow("\"prompt\":")).body.starts_with('{'));
  start_with_ping({});
  EXPECT_TRUE(
      post("/v1/completions", slow(R"("stream":true,"prompt":)")).body.starts_with("data: "));
}

TEST_F(SseTest, ErrorsBeforeTheModelKeepTheirStatus) {
  start_with_ping(std::chrono::milliseconds(1));
  EXPECT_EQ(post("/v1/chat/completions",
                 R"({"model":"X","stream":true,"messages":[{"role":"user","content":"a"}]})")
                .status,
            404);
}

TEST_F(SseTest, OffByTheEnvironment) {
  const auto on = ServerOptions::from_environment();
  ASSERT_TRUE(on);
  EXPECT_EQ(on->limits.ping, std::chrono::seconds(15));
  setenv("ENGINE_SSE_PING", "0", 1);
  const auto off = ServerOptions::from_environment();
  unsetenv("ENGINE_SSE_PING");
  ASSERT_TRUE(off);
  EXPECT_EQ(off->limits.ping.count(), 0);
}

TEST_F(SseTest, TimingsOnRequest) {
  const std::string chat =
      R"({"model":"M","max_tokens":3,"messages":[{"role":"user","content":"a"}])";
  const std::string text = R"({"model":"M","max_tokens":3,"prompt":"a")";
  for (const auto& [path, body] :
       {std::pair<std::string, std::string>("/v1/chat/completions", chat),
        std::pair<std::string, std::string>("/v1/completions", text)}) {
    EXPECT_FALSE(post_json(path, body + "}").contains("timings"));
    const Json j = post_json(path, body + R"(,"timings_per_token":true})");
    EXPECT_EQ(j["timings"]["predicted_n"], 3) << path;
    EXPECT_GT(j["timings"]["cache_n"].get<int>() + j["timings"]["prompt_n"].get<int>(), 0);
    const auto events = testing::parse_events(
        post(path, body + R"(,"timings_per_token":true,"stream":true})").body);
    ASSERT_GE(events.size(), 3u);
    EXPECT_EQ(parse(events[events.size() - 2].data)["timings"]["predicted_n"], 3) << path;
    EXPECT_FALSE(parse(events[0].data).contains("timings"));
    EXPECT_EQ(post(path, body + R"(,"timings_per_token":5})").status, 400);
  }
}

TEST(Timings, RatesOfNothingAreNumbers) {
  const Json j = timings_json({});
  EXPECT_EQ(j["prompt_per_second"], 0.0);
  EXPECT_EQ(j["predicted_per_token_ms"], 0.0);
  GenerateStats stats;
  stats.prompt_tokens = 10;
  stats.cached_tokens = 4;
  stats.prompt_ns = 3'000'000;
  stats.output_tokens = 5;
  stats.output_ns = 10'000'000;
  const Json t = timings_json(stats);
  EXPECT_EQ(t["cache_n"], 4);
  EXPECT_EQ(t["prompt_n"], 6);
  EXPECT_DOUBLE_EQ(t["prompt_ms"].get<double>(), 3);
  EXPECT_DOUBLE_EQ(t["prompt_per_second"].get<double>(), 2000);
  EXPECT_DOUBLE_EQ(t["predicted_per_token_ms"].get<double>(), 2);
  EXPECT_FALSE(t.contains("draft_n"));
}

}  // namespace
}  // namespace engine
