// A server on a loopback port with a store of tiny models: M (chat, tools), T (thinking), E
// (embedding), B (weights that are no model).
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/core/json_io.h"
#include "engine/core/log.h"
#include "engine/store/model_store.h"
#include "server/server.h"
#include "tests/support/http_client.h"
#include "tests/support/tiny_model.h"

namespace engine {

class ServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    set_log_level(LogLevel::off);
    char folder[] = "/tmp/engine_server_test_XXXXXX";
    root_ = mkdtemp(folder);
    testing::TinyModel tiny;
    add("M", tiny, R"({"num_predict":8,"stop":["zzzz"],"temperature":0})", "");
    tiny.seed = 2;
    add("N", tiny, "", "You are a pirate.");
    tiny.chat_template = testing::kTinyThinkingTemplate;
    add("T", tiny, "", "");
    tiny.embedding = true;
    add("E", tiny, "", "");
    add_corrupt();
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(root_); }

  void SetUp() override { start({}); }
  void TearDown() override {
    server_.reset();
    compute_.reset();
  }

  static ServerOptions defaults() {
    ServerOptions o;
    o.port = 0;
    o.store_root = root_;
    o.load.n_ctx = 512;
    o.load.n_sequences = 4;
    o.load.threads = 2;
    return o;
  }
  void start(const std::function<void(ServerOptions&)>& change) {
    TearDown();
    ServerOptions o = defaults();
    if (change) change(o);
    compute_ = ThreadPool::create(PoolKind::native, 2);
    auto server = Server::start(o, *compute_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
  }

  uint16_t port() const { return server_->port(); }
  testing::HttpReply get(const std::string& path, const std::string& headers = {}) {
    return testing::http(port(), "GET", path, {}, headers);
  }
  testing::HttpReply post(const std::string& path, const std::string& body,
                          const std::string& headers = {}) {
    return testing::http(port(), "POST", path, body, headers);
  }

  static Json parse(const std::string& text) {
    const Result<Json> value = parse_json(text);
    EXPECT_TRUE(value) << text;
    return value ? *value : Json();
  }
  static std::vector<Json> lines(const std::string& body) {
    std::vector<Json> out;
    EXPECT_TRUE(body.ends_with('\n')) << body;
    for (size_t at = 0; at < body.size();) {
      const size_t end = std::min(body.find('\n', at), body.size());
      EXPECT_GT(end, at) << "an empty line";
      out.push_back(parse(body.substr(at, end - at)));
      at = end + 1;
    }
    return out;
  }
  Json post_json(const std::string& path, const std::string& body, int status = 200) {
    const testing::HttpReply r = post(path, body);
    EXPECT_EQ(r.status, status) << body << "\n" << r.body;
    return parse(r.body);
  }
  // The text of the error; "" when the status differs or the body is no error.
  std::string error_of(const std::string& path, const std::string& body, int status) {
    const Json j = post_json(path, body, status);
    return j.is_object() && j.contains("error") && j["error"].is_string()
               ? j["error"].get<std::string>()
               : std::string();
  }
  std::vector<std::string> loaded() {
    std::vector<std::string> out;
    const Json ps = parse(get("/api/ps").body);
    for (const Json& m : ps["models"]) out.push_back(m["name"]);
    return out;
  }

  static std::string root_;
  std::unique_ptr<ThreadPool> compute_;
  std::unique_ptr<Server> server_;

  static void add(const std::string& name, const testing::TinyModel& tiny,
                  const std::string& params, const std::string& system,
                  const std::string& go_template = {}) {
    const std::string path = root_ + "/" + name + ".gguf";
    const Status written = testing::write_tiny_model(path, tiny);
    ASSERT_TRUE(written) << written.error().message;
    CreateSpec spec;
    spec.gguf_path = path;
    spec.params = params;
    spec.system = system;
    const auto parsed = parse_model_name(name);
    ASSERT_TRUE(parsed);
    const ModelStore store(root_);
    const auto record = store.create(*parsed, spec);
    ASSERT_TRUE(record) << record.error().message;
    if (go_template.empty()) return;
    // Whatever others have put into a store, also what create would refuse.
    const auto layer = store.put_layer(media::kTemplate, go_template);
    ASSERT_TRUE(layer) << layer.error().message;
    Manifest manifest = record->manifest;
    manifest.layers.push_back(*layer);
    ASSERT_TRUE(store.write(*parsed, manifest));
  }

 private:
  // A model whose file passes the check of the store and cannot be run: an unknown architecture.
  static void add_corrupt() {
    testing::TinyModel tiny;
    tiny.arch = "nosucharch";
    add("B", tiny, "", "");
  }
};

inline std::string ServerTest::root_;

}  // namespace engine
