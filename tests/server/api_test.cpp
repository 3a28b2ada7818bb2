// The endpoints that need no computation: fixed texts, guards over the wire, names, tags, show.
#include <regex>

#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpClient;
using testing::HttpReply;
using ApiTest = ServerTest;

TEST_F(ApiTest, Root) {
  HttpReply r = get("/");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body, "Ollama is running");
  EXPECT_TRUE(r.header("content-type").starts_with("text/plain"));
  for (const char* path : {"/", "/api/version", "/api/tags"})
    EXPECT_EQ(testing::http(port(), "HEAD", path).status, 200) << path;
}

TEST_F(ApiTest, BrowsersGetThePage) {
  const HttpReply r = testing::http(port(), "GET", "/", "",
                                    "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "text/html; charset=utf-8");
  EXPECT_TRUE(r.body.starts_with("<!doctype html>"));
  EXPECT_TRUE(r.body.ends_with("</html>\n"));
  EXPECT_EQ(r.header("vary"), "Accept");
  // nothing is loaded from elsewhere
  EXPECT_NE(r.header("content-security-policy").find("default-src 'none'"), std::string::npos);
  EXPECT_FALSE(std::regex_search(r.body, std::regex(R"((src|href)="?(https?:)?//)")));
  for (const char* accept : {"Accept: */*\r\n", "Accept: application/json\r\n", ""})
    EXPECT_EQ(testing::http(port(), "GET", "/", "", accept).body, "Ollama is running");
}

TEST_F(ApiTest, Version) {
  EXPECT_TRUE(std::regex_match(parse(get("/api/version").body)["version"].get<std::string>(),
                               std::regex(R"(\d+\.\d+\.\d+)")));
}

TEST_F(ApiTest, UnknownPathsAndMethods) {
  HttpReply r = get("/nope");
  EXPECT_EQ(r.status, 404);
  EXPECT_EQ(r.body, "404 page not found");
  EXPECT_TRUE(r.header("content-type").starts_with("text/plain"));
  r = get("/api/generate");
  EXPECT_EQ(r.status, 405);
  EXPECT_EQ(r.body, "405 method not allowed");
  EXPECT_EQ(r.header("allow"), "POST");
  EXPECT_EQ(testing::http(port(), "HEAD", "/api/ps").status, 405);
  EXPECT_EQ(testing::http(port(), "DELETE", "/api/tags").status, 405);
}

TEST_F(ApiTest, BodiesThatAreNoRequests) {
  for (const char* path : {"/api/generate", "/api/chat", "/api/show"}) {
    EXPECT_EQ(error_of(path, "", 400), "missing request body") << path;
    EXPECT_NE(error_of(path, "{\"model\":", 400), "") << path;
    EXPECT_NE(error_of(path, "[1]", 400), "") << path;
    EXPECT_EQ(error_of(path, "{\"model\":5}", 400), "field \"model\": expected string") << path;
    EXPECT_NE(error_of(path, "{\"model\":\"a/b/c/d/e\"}", 400), "") << path;
    EXPECT_EQ(error_of(path, "{\"model\":\"a/b/c/d/e\"}", 400), "invalid model name") << path;
  }
}

TEST_F(ApiTest, Names) {
  EXPECT_EQ(error_of("/api/generate", R"({"model":""})", 404), "model '' not found");
  EXPECT_EQ(error_of("/api/chat", R"({"model":""})", 400), "model is required");
  EXPECT_EQ(error_of("/api/show", "{}", 400), "model is required");
  EXPECT_EQ(error_of("/api/show", "null", 400), "model is required");
  EXPECT_EQ(error_of("/api/generate", R"({"model":"X"})", 404), "model 'X' not found");
  EXPECT_EQ(error_of("/api/chat", R"({"model":"X"})", 404), "model 'X' not found");
  EXPECT_EQ(error_of("/api/show", R"({"model":"X"})", 404), "model 'X:latest' not found");
  EXPECT_TRUE(error_of("/api/generate", R"({"model":"M:local:cloud"})", 400)
                  .starts_with("use either :local or :cloud, not both:"));
  EXPECT_NE(error_of("/api/generate", R"({"model":"M:cloud"})", 403), "");
  for (const char* name : {"m", "M:latest", "M:local", "registry.ollama.ai/library/M:latest"}) {
    const Json j = post_json("/api/generate", std::string(R"({"model":")") + name + R"("})");
    EXPECT_EQ(j["model"], name);
    EXPECT_EQ(j["done_reason"], "load");
  }
}

TEST_F(ApiTest, NamesInShortForm) {
  EXPECT_EQ(loaded(), std::vector<std::string>{});
}

TEST_F(ApiTest, CorsOverTheWire) {
  HttpReply r = get("/api/tags");
  for (const auto& [name, value] : r.headers)
    EXPECT_FALSE(name.starts_with("access-control")) << name;
  r = get("/api/tags", "Origin: http://localhost:3000\r\n");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("access-control-allow-origin"), "http://localhost:3000");
  EXPECT_NE(r.header("vary").find("Origin"), std::string::npos);
  r = get("/api/tags", "Origin: http://evil.example\r\n");
  EXPECT_EQ(r.status, 403);
  EXPECT_EQ(r.body, "");
  EXPECT_EQ(get("/api/tags", "Origin: null\r\n").status, 403);
  EXPECT_EQ(get("/nope", "Origin: http://evil.example\r\n").status, 403)
      << "guards come before routing";
  r = testing::http(port(), "OPTIONS", "/api/chat", {},
                    "Origin: http://127.0.0.1:8080\r\nAccess-Control-Request-Method: POST\r\n");
  EXPECT_EQ(r.status, 204);
  EXPECT_NE(r.header("access-control-allow-methods").find("POST"), std::string::npos);
  EXPECT_EQ(r.header("access-control-max-age"), "43200");
  for (const char* name : {"Authorization", "Content-Type", "X-Stainless-Os", "X-Api-Key"})
    EXPECT_NE(r.header("access-control-allow-headers").find(name), std::string::npos) << name;
  EXPECT_EQ(
      testing::http(port(), "OPTIONS", "/api/chat", {}, "Origin: http://evil.example\r\n").status,
      403);
}

TEST_F(ApiTest, AnyOrigin) {
  start([](ServerOptions& o) { o.origins = "*"; });
  const HttpReply r = get("/api/tags", "Origin: http://evil.example\r\n");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("access-control-allow-origin"), "*");
  EXPECT_EQ(r.header("vary"), "");
}

TEST_F(ApiTest, BadOriginsStopTheStart) {
  ServerOptions o = defaults();
  o.origins = "example.com";
  const auto server = Server::start(o, *compute_);
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message.find("example.com"), std::string::npos);
}

TEST_F(ApiTest, HostCheckOverTheWire) {
  const auto ask = [&](const std::string& host) {
    HttpClient c(port());
    c.send("GET /api/version HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return c.read_reply();
  };
  EXPECT_EQ(ask("evil.example").status, 403);
  EXPECT_EQ(ask("evil.example").body, "");
  EXPECT_EQ(ask("8.8.8.8").status, 403);
  for (const char* host : {"localhost:11434", "127.0.0.1", "[::1]:11434", "foo.local",
                           "foo.internal", "foo.localhost", "192.168.1.5"})
    EXPECT_EQ(ask(host).status, 200) << host;
  start([](ServerOptions& o) { o.host = "0.0.0.0"; });
  EXPECT_EQ(ask("evil.example").status, 200);
}

TEST_F(ApiTest, RequestForms) {
  EXPECT_EQ(post("/api/show", R"({"model":"M"} garbage)").status, 200);
  EXPECT_EQ(post("/api/show", R"({"MODEL":"M","zzz":1})",
                 "Content-Type: application/x-www-form-urlencoded\r\n")
                .status,
            200);
  EXPECT_EQ(post("/api/show", R"({"model":"M"})", "Authorization: Bearer anything\r\n").status,
            200);
  HttpClient c(port());
  c.send(
      "POST /api/show HTTP/1.1\r\nHost: a.local\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\n{\"mod\r\n6\r\nel\":\"M\r\n2\r\n\"}\r\n0\r\n\r\n");
  EXPECT_EQ(c.read_reply().status, 200);
}

TEST_F(ApiTest, Tags) {
  const Json models = parse(get("/api/tags").body)["models"];
  ASSERT_EQ(models.size(), 5u);
  for (const Json& m : models) {
    EXPECT_EQ(m["name"], m["model"]);
    EXPECT_TRUE(m["name"].get<std::string>().ends_with(":latest"));
    EXPECT_GT(m["size"].get<int64_t>(), 0);
    EXPECT_TRUE(std::regex_match(m["digest"].get<std::string>(), std::regex("[0-9a-f]{64}")));
    EXPECT_NE(m["details"]["family"], "");
    EXPECT_TRUE(
        std::regex_match(m["modified_at"].get<std::string>(),
                         std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))")));
  }
  start([](ServerOptions& o) { o.store_root = root_ + "/empty"; });
  EXPECT_EQ(get("/api/tags").body, R"({"models":[]})");
}

TEST_F(ApiTest, Show) {
  const Json m = post_json("/api/show", R"({"model":"M"})");
  EXPECT_EQ(m["model_info"]["general.architecture"], "llama");
  EXPECT_EQ(m["model_info"]["llama.context_length"], 2048);
  EXPECT_GT(m["model_info"]["general.parameter_count"].get<int64_t>(), 50000);
  EXPECT_FALSE(m["model_info"].contains("general.name"));
  EXPECT_FALSE(m["model_info"].contains("tokenizer.chat_template"));
  EXPECT_TRUE(m["model_info"]["tokenizer.ggml.tokens"].is_null());
  EXPECT_EQ(m["template"], testing::kTinyTemplate);
  EXPECT_EQ(m["capabilities"], Json::parse(R"(["tools","completion"])"));
  EXPECT_TRUE(m["modelfile"].get<std::string>().find("\nFROM ") != std::string::npos);
  EXPECT_EQ(m["tensors"][0]["type"], "F16");
  EXPECT_EQ(m["tensors"][0]["shape"][0], 64);
  std::string parameters = m["parameters"];
  EXPECT_EQ(parameters,
            "num_predict                    8\nstop                           "
            "\"zzzz\"\ntemperature                    0");
  const Json e = post_json("/api/show", R"({"name":"E"})");
  const auto has = [&](const char* c) {
    return std::find(e["capabilities"].begin(), e["capabilities"].end(), c) !=
           e["capabilities"].end();
  };
  EXPECT_TRUE(has("embedding"));
  EXPECT_FALSE(has("completion"));
  EXPECT_EQ(post_json("/api/show", R"({"model":"N"})")["system"], "You are a pirate.");
  const Json v = post_json(
      "/api/show", R"({"model":"M","verbose":true,"system":"other","options":{"top_k":3}})");
  EXPECT_TRUE(v["model_info"]["tokenizer.ggml.tokens"].is_array());
  EXPECT_EQ(v["system"], "other");
  EXPECT_NE(v["parameters"].get<std::string>().find("top_k "), std::string::npos);
  const Json copilot =
      parse(post("/api/show", R"({"model":"M"})", "User-Agent: GitHubCopilotChat/1.0\r\n").body);
  EXPECT_EQ(copilot["model_info"]["general.basename"], "M");
}

TEST_F(ApiTest, LargeBodyIsRefused) {
  start([](ServerOptions& o) { o.limits.body_bytes = 100000; });
  EXPECT_EQ(error_of("/api/generate",
                     R"({"model":"M","prompt":")" + std::string(200000, 'a') + "\"}", 413),
            "request body too large");
}

}  // namespace
}  // namespace engine
