// What stands in front of the routes: addresses, origins, hosts;
// and the small parsers of the server.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/run/model_pool.h"
#include "server/base64.h"
#include "server/duration.h"
#include "server/host_url.h"
#include "server/http/cors.h"
#include "server/http/host_check.h"
#include "server/http/router.h"
#include "server/json_fields.h"
#include "server/timestamp.h"

namespace engine {
namespace {

using namespace std::chrono_literals;

TEST(HostUrl, Table) {
  const struct {
    const char* text;
    const char* authority;
    bool bad = false;
  } rows[] = {{"", "127.0.0.1:11434"},
              {"1.2.3.4", "1.2.3.4:11434"},
              {":1234", ":1234"},
              {"1.2.3.4:", "1.2.3.4:11434"},
              {":", ":11434"},
              {":66000", ":11434", true},
              {":-1", ":11434", true},
              {"example.com:0", "example.com:0"},
              {"[::1]", "[::1]:11434"},
              {"::1", "[::1]:11434"},
              {"[::1]:1337", "[::1]:1337"},
              {"http://1.2.3.4", "1.2.3.4:80"},
              {"https://example.com/ollama", "example.com:443"},
              {"  \"1.2.3.4\"  ", "1.2.3.4:11434"},
              {"http://1.2.3.4:9", "1.2.3.4:9"},
              {"a:b", "a:11434", true},
              {"[::1", "[::1]:11434"}};
  for (const auto& row : rows) {
    const HostUrl url = parse_host_url(row.text);
    EXPECT_EQ(url.authority(), row.authority) << row.text;
    EXPECT_EQ(url.bad_port, row.bad) << row.text;
  }
  EXPECT_EQ(parse_host_url("https://example.com/ollama").path, "/ollama");
  EXPECT_EQ(parse_host_url("https://example.com/ollama").scheme, "https");
}

HttpRequest with(std::vector<HttpHeader> headers, std::string method = "GET") {
  HttpRequest r;
  r.method = std::move(method);
  r.headers = std::move(headers);
  return r;
}

TEST(Cors, Patterns) {
  const auto policy =
      CorsPolicy::parse(" https://*.example.com , chrome-extension://*, HTTP://Exact.org ");
  ASSERT_TRUE(policy);
  for (const char* good :
       {"http://localhost", "http://localhost:3000", "https://127.0.0.1:1", "http://0.0.0.0",
        "app://x", "tauri://localhost", "file://x", "vscode-webview://abc", "https://a.example.com",
        "chrome-extension://abcd", "http://exact.org"})
    EXPECT_TRUE(policy->allows(good)) << good;
  for (const char* bad : {"null", "http://evil.example", "http://localhost.evil",
                          "https://example.org", "https://.example.co", "http://exact.org:1"})
    EXPECT_FALSE(policy->allows(bad)) << bad;
  EXPECT_EQ(CorsPolicy::parse("example.com").error().message,
            "invalid OLLAMA_ORIGINS entry \"example.com\"");
  EXPECT_FALSE(CorsPolicy::parse("http://*.a.*"));
  EXPECT_TRUE(CorsPolicy::parse("*")->allows("null"));
}

TEST(Cors, SameOriginIsNoBusinessOfCors) {
  const auto policy = CorsPolicy::parse("");
  for (const char* origin : {"http://evil.example", "https://evil.example"}) {
    const auto v = policy->check(with({{"Host", "evil.example"}, {"Origin", origin}}));
    EXPECT_FALSE(v.reply);
    EXPECT_TRUE(v.headers.empty());
  }
  EXPECT_EQ(policy->check(with({{"Host", "a"}, {"Origin", "http://b"}})).reply->status, 403);
}

TEST(HostCheck, Table) {
  const HostCheck check("127.0.0.1");
  using V = HostCheck::Verdict;
  for (const char* good : {"", "127.0.0.1", "127.9.9.9:1", "[::1]:11434", "[::1]", "192.168.1.5",
                           "10.0.0.1", "172.16.0.1", "0.0.0.0", "[fd00::1]"})
    EXPECT_EQ(check.check(good), V::allow) << good;
  for (const char* good :
       {"localhost:11434", "LocalHost", "foo.local", "foo.internal", "foo.localhost", "localhost."})
    EXPECT_EQ(check.check(good), V::allow_name) << good;
  for (const char* bad : {"evil.example", "8.8.8.8", "172.32.0.1", "local", "evil.local.example",
                          "[2001:db8::1]", "127.0.0.1.evil.example"})
    EXPECT_EQ(check.check(bad), V::refuse) << bad;
  EXPECT_EQ(HostCheck("0.0.0.0").check("evil.example"), V::allow);
  EXPECT_EQ(HostCheck("").check("evil.example"), V::allow);
}

TEST(Router, MethodsAndPaths) {
  EXPECT_TRUE(find_route("POST", "/api/chat").handler);
  EXPECT_TRUE(find_route("HEAD", "/api/tags").handler);
  const RouteMatch ps = find_route("HEAD", "/api/ps");
  EXPECT_FALSE(ps.handler);
  EXPECT_EQ(ps.allow, "GET");
  EXPECT_EQ(find_route("GET", "/api").allow, "");
  EXPECT_EQ(find_route("GET", "/API/tags").allow, "");
}

TEST(Duration, Values) {
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("1.5h"), 90min);
  EXPECT_EQ(*parse_duration("-2s"), -2s);
  EXPECT_EQ(*parse_duration("0"), 0s);
  EXPECT_EQ(*parse_duration("10us"), 10us);
  EXPECT_EQ(*parse_duration("10µs"), 10us);
  EXPECT_EQ(parse_duration("abc").error().message, "time: invalid duration \"abc\"");
  EXPECT_EQ(parse_duration("5").error().message, "time: missing unit in duration \"5\"");
  EXPECT_EQ(parse_duration("5d").error().message, "time: unknown unit \"d\" in duration \"5d\"");
  for (const char* bad : {"", "-", ".s", "1..2s", "1s2", "99999999999h", "1e9s", "inf"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Duration, KeepAlive) {
  const auto of = [](const Json& j) { return parse_keep_alive(&j); };
  EXPECT_FALSE(**std::make_unique<Result<std::optional<std::chrono::nanoseconds>>>(
      parse_keep_alive(nullptr)));
  EXPECT_EQ(**of(300), 300s);
  EXPECT_EQ(**of(0.5), 500ms);
  EXPECT_EQ(**of(-1), kKeepForever);
  EXPECT_EQ(**of("-1m"), kKeepForever);
  EXPECT_EQ(**of("0"), 0s);
  EXPECT_EQ(**of(1e300), kKeepForever);
  EXPECT_EQ(of(true).error().message, "Unsupported type: 'bool'");
  EXPECT_EQ(of(Json::array()).error().message, "Unsupported type: 'array'");
  EXPECT_EQ(parse_duration_or_seconds("300"), 300s);
  EXPECT_EQ(parse_duration_or_seconds("-1"), kKeepForever);
  EXPECT_FALSE(parse_duration_or_seconds("soon"));
}

TEST(Timestamp, LocalTime) {
  const std::string t = local_time(0, 120000000);
  EXPECT_NE(t.find(".12"), std::string::npos) << t;
  EXPECT_NE(local_time(9'223'372'036, 0).find("-"), std::string::npos);
  EXPECT_TRUE(utc_now().ends_with('Z'));
}

TEST(JsonFields, KeysAndTypes) {
  const Json j = *parse_json(
      R"({"MODEL":"a","Name":"x","name":"y","n":1.5,"big":18446744073709551615,"i":3.0,"z":null})");
  const JsonFields f(j);
  EXPECT_EQ(*f.string("model"), "a");
  EXPECT_EQ(*f.string("name"), "y") << "the exact key wins";
  EXPECT_EQ(*f.string("z"), "");
  EXPECT_EQ(f.integer("n", 0).error().message, "field \"n\": expected integer");
  EXPECT_FALSE(f.integer("big", 0));
  EXPECT_EQ(*f.integer("i", 0), 3);
  EXPECT_EQ(f.boolean("model", false).error().message, "field \"model\": expected boolean");
}

TEST(JsonFields, DeepNestingIsRefused) {
  HttpRequest r;
  r.body = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  const auto body = parse_body(r);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().code, Errc::invalid_argument);
}

TEST(Base64, Texts) {
  for (const char* good :
       {"", "AAAA", "AAA=", "AA==", "AAA", "AA", "AA\nAA\r\n", "data:image/png;base64,AAAA"})
    EXPECT_TRUE(valid_base64(good)) << good;
  for (const char* bad : {"%%", "A", "AAAA=", "A===", "=AAA", "AA=A", "data:image/png,AAAA"})
    EXPECT_FALSE(valid_base64(bad)) << bad;
}

}  // namespace
}  // namespace engine
