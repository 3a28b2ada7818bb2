// /api/pull and /api/push: the streams, word for word, and who shares or stops what.
#include <thread>

#include "tests/server/fixture.h"
#include "tests/support/fake_registry.h"

namespace engine {
namespace {

using testing::Faults;
using testing::HttpClient;
using namespace std::chrono_literals;

class PullApi : public ServerTest {
 protected:
  std::string body(const std::string& extra = "", const std::string& model = "u/one") const {
    return R"({"model":")" + registry_.host() + "/" + model + R"(","insecure":true)" + extra + "}";
  }
  // A model that takes about three seconds.
  std::string add_slow_model(char fill) {
    const std::string weights(2'000'000, fill);
    registry_.add_model("u/one", {weights});
    registry_.set([](Faults& f) { f.bytes_per_second = 600'000; });
    return registry_.add_blob(weights);
  }
  bool eventually(const std::function<bool()>& test) {
    for (int i = 0; i < 1000; ++i) {
      if (test()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return false;
  }
  testing::FakeRegistry registry_;
};

TEST_F(PullApi, Stream) {
  registry_.add_model("u/one", {std::string(5000, 'w')});
  const testing::HttpReply r = post("/api/pull", body());
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/x-ndjson");
  const std::vector<Json> all = lines(r.body);
  const std::string digest = registry_.add_blob(std::string(5000, 'w'));
  EXPECT_EQ(dump_json(all[0]), R"({"status":"pulling manifest"})");
  EXPECT_EQ(all[1]["status"], "pulling " + digest.substr(7, 12));
  EXPECT_EQ(all[1]["digest"], digest);
  EXPECT_EQ(all[1]["total"], 5000);
  std::vector<std::string> words;
  for (const Json& line : all)
    if (words.empty() || words.back() != line["status"]) words.push_back(line["status"]);
  ASSERT_EQ(words.size(), 6u);
  EXPECT_EQ(words[3], "verifying sha256 digest");
  EXPECT_EQ(words[4], "writing manifest");
  EXPECT_EQ(dump_json(all.back()), R"({"status":"success"})");
  // a key without a value is left out
  for (const Json& line : all)
    for (const auto& [key, value] : line.items()) EXPECT_NE(value, 0) << key;
  const std::string tags = get("/api/tags").body;
  EXPECT_NE(tags.find(registry_.host() + "/u/one:latest"), std::string::npos);
  // again: one line for each layer, whole
  const std::vector<Json> again = lines(post("/api/pull", body()).body);
  ASSERT_EQ(again.size(), 6u);
  EXPECT_EQ(again[1]["completed"], again[1]["total"]);
}

TEST_F(PullApi, OneObject) {
  registry_.add_model("u/one", {"w"});
  const testing::HttpReply r = post("/api/pull", body(R"(,"stream":false)"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json");
  EXPECT_EQ(r.body, R"({"status":"success"})");
  EXPECT_EQ(error_of("/api/pull", body(R"(,"stream":false)", "u/none"), 500),
            "pull model manifest: file does not exist");
}

TEST_F(PullApi, Errors) {
  const testing::HttpReply r = post("/api/pull", body("", "u/none"));
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.body,
            "{\"status\":\"pulling manifest\"}\n"
            "{\"error\":\"pull model manifest: file does not exist\"}\n");
  EXPECT_EQ(error_of("/api/pull", R"({"model":""})", 400), "invalid model name");
  EXPECT_EQ(error_of("/api/pull", R"({"name":"a@b"})", 400), "invalid model name");
  EXPECT_EQ(error_of("/api/pull", R"({"model":"m:cloud"})", 403),
            "cloud models are not supported: m:cloud");
  EXPECT_EQ(error_of("/api/pull", R"({"model":"http://example.org/u/m"})", 500),
            "insecure protocol http");
  EXPECT_EQ(error_of("/api/pull", "", 400), "missing request body");
  EXPECT_EQ(error_of("/api/push", R"({"model":""})", 400), "model is required");
  EXPECT_EQ(error_of("/api/push", R"({"model":"a@b"})", 400), "invalid model name");
}

TEST_F(PullApi, Push) {
  const testing::HttpReply none = post("/api/push", body("", "u/none"));
  EXPECT_EQ(none.body,
            "{\"status\":\"retrieving manifest\"}\n{\"status\":\"couldn't retrieve manifest\"}\n"
            "{\"error\":\"model '" +
                registry_.host() + "/u/none:latest' not found\"}\n");
  registry_.add_model("u/one", {std::string(5000, 'p')});
  ASSERT_EQ(post("/api/pull", body()).status, 200);
  const testing::HttpReply r = post("/api/push", body());
  const std::vector<Json> all = lines(r.body);
  ASSERT_EQ(all.size(), 5u) << r.body;
  EXPECT_EQ(all[0]["status"], "retrieving manifest");
  EXPECT_EQ(all[1]["completed"], 5000);
  EXPECT_EQ(all[3]["status"], "pushing manifest");
  EXPECT_EQ(all[4]["status"], "success");
}

TEST_F(PullApi, DisconnectStopsAndKeepsTheParts) {
  const std::string digest = add_slow_model('d');
  {
    HttpClient client(port());
    client.send(HttpClient::request("POST", "/api/pull", body()));
    ASSERT_TRUE(client.wait_for("completed"));
  }
  const std::string data = root_ + "/blobs/sha256-" + digest.substr(7) + "-partial";
  ASSERT_TRUE(eventually([&] {
    const int64_t before = registry_.blob_bytes();
    std::this_thread::sleep_for(150ms);
    return registry_.blob_bytes() == before;
  }));
  EXPECT_LT(registry_.blob_bytes(), 2'000'000);
  EXPECT_TRUE(std::filesystem::exists(data));
  EXPECT_TRUE(std::filesystem::exists(data + "-0"));
  registry_.set([](Faults& f) { f.bytes_per_second = 0; });
  const std::vector<Json> all = lines(post("/api/pull", body()).body);
  EXPECT_EQ(all.back()["status"], "success");
  EXPECT_FALSE(std::filesystem::exists(data));
}

TEST_F(PullApi, TwoClientsShareAndTheLastOneCounts) {
  add_slow_model('s');
  HttpClient leaver(port());
  leaver.send(HttpClient::request("POST", "/api/pull", body()));
  ASSERT_TRUE(leaver.wait_for("completed"));
  std::thread away([&] {
    std::this_thread::sleep_for(300ms);
    leaver.close();
  });
  const std::vector<Json> all = lines(post("/api/pull", body()).body);
  away.join();
  EXPECT_EQ(all.back()["status"], "success");
  EXPECT_LT(registry_.blob_bytes(), 2'010'000);
}

// Workers are two: four pulls must not keep other requests waiting.
TEST_F(PullApi, PullsLeaveTheWorkersFree) {
  add_slow_model('f');
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port()));
    clients.back()->send(HttpClient::request("POST", "/api/pull", body()));
  }
  for (const auto& client : clients) ASSERT_TRUE(client->wait_for("pulling manifest"));
  EXPECT_EQ(get("/api/tags").status, 200);
  EXPECT_LT(registry_.blob_bytes(), 2'000'000);
  // and a server that shuts down does not wait for them
  const auto started = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
}

}  // namespace
}  // namespace engine
