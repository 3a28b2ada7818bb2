// Keys of clients. Numbers: checks of the list of conformance.
#include "server/http/api_keys.h"

#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

HttpRequest with(std::vector<HttpHeader> headers, std::string path = "/api/tags") {
  HttpRequest r;
  r.method = "GET";
  r.path = std::move(path);
  r.headers = std::move(headers);
  return r;
}

TEST(ApiKeys, List) {
  for (const char* none : {"", " ", ",", " , ,"}) {
    EXPECT_FALSE(ApiKeys(none).wanted()) << none;
    EXPECT_TRUE(ApiKeys(none).allow(with({})));
  }
  const ApiKeys keys(" one , two,,three");
  EXPECT_TRUE(keys.wanted());
  EXPECT_EQ(keys.first(), "one");
  for (const char* key : {"one", "two", "three"}) {
    EXPECT_TRUE(keys.allow(with({{"Authorization", std::string("Bearer ") + key}}))) << key;
    EXPECT_TRUE(keys.allow(with({{"authorization", std::string("bearer  ") + key + " "}}))) << key;
    EXPECT_TRUE(keys.allow(with({{"X-Api-Key", key}}))) << key;
  }
  for (const char* key : {"", "on", "onee", "One", "one,two", "four", " "}) {
    EXPECT_FALSE(keys.allow(with({{"Authorization", std::string("Bearer ") + key}}))) << key;
    EXPECT_FALSE(keys.allow(with({{"X-Api-Key", key}}))) << key;
  }
  EXPECT_FALSE(keys.allow(with({{"Authorization", "one"}})));
  EXPECT_FALSE(keys.allow(with({{"Authorization", "Basic one"}})));
  EXPECT_FALSE(keys.allow(with({})));
  EXPECT_FALSE(ApiKeys("aa").allow(with({{"X-Api-Key", "aaaa"}})));
  EXPECT_TRUE(keys.allow(with({{"Authorization", "Bearer x"}, {"X-Api-Key", "two"}})));
}

class ApiKeyTest : public ServerTest {
 protected:
  void SetUp() override {
    start([](ServerOptions& o) { o.api_keys = "k, other"; });
  }
  Json refused(const std::string& path) {
    const HttpReply r = post(path, "{}");
    EXPECT_EQ(r.status, 401) << path;
    EXPECT_EQ(r.header("www-authenticate"), "Bearer");
    return parse(r.body);
  }
};

TEST_F(ApiKeyTest, Check266) {
  for (const char* path : {"/api/tags", "/v1/models", "/metrics", "/openapi.yaml", "/nope"})
    EXPECT_EQ(get(path).status, 401) << path;
  for (const char* key :
       {"Authorization: Bearer k\r\n", "X-Api-Key: k\r\n", "X-Api-Key: other\r\n"}) {
    EXPECT_EQ(get("/api/tags", key).status, 200) << key;
    EXPECT_EQ(get("/v1/models", key).status, 200) << key;
    EXPECT_EQ(get("/nope", key).status, 404) << key;
  }
  EXPECT_EQ(get("/api/tags", "X-Api-Key: wrong\r\n").status, 401);
  for (const char* path : {"/", "/health", "/v1/health", "/api/version"})
    EXPECT_EQ(get(path).status, 200) << path;
  EXPECT_EQ(testing::http(port(), "HEAD", "/").status, 200);
}

TEST_F(ApiKeyTest, InTheFormOfTheApi) {
  EXPECT_EQ(refused("/api/chat"), Json::parse(R"({"error":"unauthorized"})"));
  EXPECT_EQ(
      refused("/tokenize"),
      Json::parse(
          R"({"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}})"));
  const Json openai = refused("/v1/chat/completions")["error"];
  EXPECT_EQ(openai["message"], "Invalid API Key");
  EXPECT_EQ(openai["type"], "authentication_error");
  EXPECT_EQ(openai["code"], 401);
  const Json anthropic = refused("/v1/messages");
  EXPECT_EQ(anthropic["type"], "error");
  EXPECT_EQ(anthropic["error"]["type"], "authentication_error");
  EXPECT_EQ(anthropic["error"]["message"], "Invalid API Key");
}

TEST_F(ApiKeyTest, BrowsersMayAskFirst) {
  const HttpReply r = testing::http(port(), "OPTIONS", "/api/chat", {},
                                    "Origin: http://localhost:3000\r\n"
                                    "Access-Control-Request-Method: POST\r\n");
  EXPECT_EQ(r.status, 204);
  const HttpReply refusal = get("/api/tags", "Origin: http://localhost:3000\r\n");
  EXPECT_EQ(refusal.status, 401);
  EXPECT_EQ(refusal.header("access-control-allow-origin"), "http://localhost:3000");
}

TEST(ServerOptions, KeysOfTheEnvironment) {
  setenv("ENGINE_API_KEY", " a,b ", 1);
  const auto some = ServerOptions::from_environment();
  ASSERT_TRUE(some) << some.error().message;
  EXPECT_EQ(some->api_keys, "a,b");
  setenv("ENGINE_API_KEY", ",", 1);
  const auto none = ServerOptions::from_environment();
  unsetenv("ENGINE_API_KEY");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().message,
            "ENGINE_API_KEY has no key: give one, or several with commas between them");
}

}  // namespace
}  // namespace engine
