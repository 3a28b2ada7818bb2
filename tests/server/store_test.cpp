// Copying, removing, and uploads of blobs over HTTP.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "engine/core/sha256.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

std::string digest_of(const std::string& bytes) {
  return "sha256:" + sha256_hex(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

class StoreRoutes : public ServerTest {
 protected:
  testing::HttpReply remove(const std::string& body) {
    return testing::http(port(), "DELETE", "/api/delete", body);
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    const Json tags = parse(get("/api/tags").body);
    for (const Json& m : tags["models"]) out.push_back(m["name"]);
    std::sort(out.begin(), out.end());
    return out;
  }
  static size_t files_in_blobs() {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(root_ + "/blobs"), fs::directory_iterator()));
  }
  static bool settles(const std::function<bool()>& done) {
    for (int i = 0; i < 500; ++i) {
      if (done()) return true;
      std::this_thread::sleep_for(10ms);
    }
    return done();
  }
};

// Checks 163 to 165.
TEST_F(StoreRoutes, CopyAndDelete) {
  const auto before = names();
  const testing::HttpReply copied = post("/api/copy", R"({"source":"M","destination":"m2"})");
  EXPECT_EQ(copied.status, 200);
  EXPECT_EQ(copied.body, "");
  EXPECT_EQ(post("/api/copy", R"({"source":"M","destination":"M"})").status, 200);
  std::set<std::string> digests;
  const Json tags = parse(get("/api/tags").body);
  for (const Json& m : tags["models"]) {
    const std::string name = m["name"];
    if (name == "M:latest" || name == "m2:latest") digests.insert(m["digest"]);
  }
  EXPECT_EQ(digests.size(), 1u) << "both are listed, with one digest";
  EXPECT_EQ(names().size(), before.size() + 1);
  const testing::HttpReply removed = remove(R"({"name":"m2"})");
  EXPECT_EQ(removed.status, 200);
  EXPECT_EQ(removed.body, "");
  EXPECT_EQ(names(), before);
  EXPECT_EQ(post_json("/api/generate", R"({"model":"M","prompt":"hi","stream":false})")["done"],
            true);
}

TEST_F(StoreRoutes, WhatIsRefused) {
  EXPECT_EQ(error_of("/api/copy", "", 400), "missing request body");
  EXPECT_EQ(error_of("/api/copy", "{}", 400), "source \"\" is invalid");
  EXPECT_EQ(error_of("/api/copy", R"({"source":"M"})", 400), "destination \"\" is invalid");
  EXPECT_EQ(error_of("/api/copy", R"({"source":"a@b","destination":"c"})", 400),
            "source \"a@b\" is invalid");
  EXPECT_EQ(error_of("/api/copy", R"({"source":"M","destination":"../x"})", 400),
            "destination \"../x\" is invalid");
  EXPECT_EQ(error_of("/api/copy", R"({"source":"X","destination":"y"})", 404),
            "model \"X\" not found");
  EXPECT_EQ(error_of("/api/copy", R"({"source":"M","destination":"m:cloud"})", 403),
            "cloud models are not supported: m:cloud");
  const struct {
    const char* body;
    int status;
    const char* error;
  } rows[] = {{"", 400, "missing request body"},
              {"{}", 400, "model is required"},
              {R"({"model":"a@b"})", 400, "name \"a@b\" is invalid"},
              {R"({"model":"X"})", 404, "model 'X' not found"},
              {R"({"name":"X:1"})", 404, "model 'X:1' not found"},
              {R"({"model":5})", 400, "field \"model\": expected string"}};
  for (const auto& row : rows) {
    const testing::HttpReply r = remove(row.body);
    EXPECT_EQ(r.status, row.status) << row.body;
    EXPECT_EQ(parse(r.body)["error"], row.error);
  }
  EXPECT_EQ(get("/api/delete").status, 405);
}

// Checks 166 to 169.
TEST_F(StoreRoutes, Blobs) {
  const std::string bytes = "the bytes of a blob", digest = digest_of(bytes),
                    path = "/api/blobs/" + digest;
  const auto head = [&](const std::string& p) { return testing::http(port(), "HEAD", p).status; };
  EXPECT_EQ(head("/api/blobs/sha256:" + std::string(64, '0')), 404);
  EXPECT_EQ(head("/api/blobs/sha256:zz"), 400);
  EXPECT_EQ(head("/api/blobs/..%2f..%2fmanifests"), 400);
  EXPECT_EQ(error_of("/api/blobs/sha256:zz", bytes, 400), "invalid digest format");
  EXPECT_EQ(head(path), 404);

  const size_t files = files_in_blobs();
  const std::string other = digest_of("something else");
  EXPECT_EQ(error_of("/api/blobs/" + other, bytes, 400),
            "digest mismatch, expected \"" + other + "\", got \"" + digest + "\"");
  EXPECT_EQ(files_in_blobs(), files);

  const testing::HttpReply stored = post(path, bytes);
  EXPECT_EQ(stored.status, 201);
  EXPECT_EQ(stored.body, "");
  EXPECT_EQ(head(path), 200);
  EXPECT_EQ(post(path, bytes).status, 200);
  EXPECT_EQ(post(path, "").status, 200) << "the body is not read";
  std::string capitals = digest;
  for (char& c : capitals) c = static_cast<char>(c == ':' ? ':' : std::toupper(c));
  EXPECT_EQ(head("/api/blobs/sha256:" + capitals.substr(7)), 200) << "digits of any case";
  EXPECT_EQ(files_in_blobs(), files + 1);
  EXPECT_EQ(post("/api/blobs/" + digest_of(""), "").status, 201) << "also nothing is a blob";
}

TEST_F(StoreRoutes, ChunksContinueAndTheSameConnection) {
  testing::HttpClient client(port());
  std::string bytes = "abcdefghij", path = "/api/blobs/" + digest_of(bytes);
  client.send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" +
              "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(client.wait_for("100 Continue\r\n\r\n"));
  client.send("3\r\nabc\r\n");
  std::this_thread::sleep_for(20ms);
  client.send("7\r\ndefghij\r\n0\r\n\r\n");
  testing::HttpReply reply = client.read_reply();
  if (reply.status == 100) reply = client.read_reply();
  EXPECT_EQ(reply.status, 201);
  bytes = "ABC", path = "/api/blobs/" + digest_of(bytes);
  client.send(testing::HttpClient::request("POST", path, bytes) +
              testing::HttpClient::request("GET", "/api/version"));
  EXPECT_EQ(client.read_reply().status, 201);
  EXPECT_EQ(client.read_reply().status, 200);
}

// Larger than what JSON may be, and than what may wait in memory: both limits are small here.
TEST_F(StoreRoutes, LargeBodiesAreNotHeld) {
  start([](ServerOptions& o) {
    o.limits.body_bytes = 4096;
    o.limits.bodies_in_flight = 8192;
  });
  EXPECT_EQ(post("/api/show", std::string(5000, ' ')).status, 413);
  std::string large(size_t{24} << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 4096) large[i] = static_cast<char>(i / 4096);
  const std::string path = "/api/blobs/" + digest_of(large);
  EXPECT_EQ(post(path, large).status, 201);
  std::ifstream in(root_ + "/blobs/sha256-" + digest_of(large).substr(7), std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(in), {}) == large);
}

// Check 170.
TEST_F(StoreRoutes, CutConnectionsLeaveNothing) {
  const size_t files = files_in_blobs();
  const std::string digest = digest_of("never sent");
  for (const bool reset : {false, true}) {
    testing::HttpClient client(port());
    client.send("POST /api/blobs/" + digest +
                " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" +
                std::string(300000, 'x'));
    EXPECT_TRUE(settles([&] { return files_in_blobs() == files + 1; })) << "the temporary file";
    if (reset)
      client.reset();
    else
      client.close();
    EXPECT_TRUE(settles([&] { return files_in_blobs() == files; }));
  }
  testing::HttpClient client(port());
  client.send(
      "POST /api/blobs/" + digest +
      " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\nzz\r\n");
  EXPECT_EQ(client.read_reply().status, 400) << "what is no chunk";
  EXPECT_TRUE(settles([&] { return files_in_blobs() == files; }));
  EXPECT_EQ(get("/api/version").status, 200);
}

TEST_F(StoreRoutes, ShutdownEndsUploads) {
  const size_t files = files_in_blobs();
  testing::HttpClient client(port());
  client.send("POST /api/blobs/" + digest_of("never") +
              " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nbegin");
  EXPECT_TRUE(settles([&] { return files_in_blobs() == files + 1; }));
  server_.reset();
  EXPECT_EQ(files_in_blobs(), files);
  EXPECT_TRUE(client.wait_closed());
}

TEST_F(StoreRoutes, ASilentUploadIsEnded) {
  start([](ServerOptions& o) { o.limits.body_stall = 200ms; });
  const size_t files = files_in_blobs();
  testing::HttpClient client(port());
  client.send("POST /api/blobs/" + digest_of("never") +
              " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nbegin");
  EXPECT_TRUE(client.wait_closed());
  EXPECT_TRUE(settles([&] { return files_in_blobs() == files; }));
}

TEST_F(StoreRoutes, TooManyUploadsAreRefused) {
  const std::string request = "POST /api/blobs/" + digest_of("never") +
                              " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nbegin";
  std::vector<std::unique_ptr<testing::HttpClient>> clients;
  const size_t files = files_in_blobs();
  for (size_t i = 0; i < 32; ++i) {
    clients.push_back(std::make_unique<testing::HttpClient>(port()));
    clients.back()->send(request);
  }
  EXPECT_TRUE(settles([&] { return files_in_blobs() == files + 32; }));
  testing::HttpClient late(port());
  late.send(request);
  const testing::HttpReply reply = late.read_reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(parse(reply.body)["error"], "server busy: too many uploads, please try again");
  clients.clear();
  EXPECT_TRUE(settles([&] { return files_in_blobs() == files; }));
  EXPECT_EQ(post("/api/blobs/" + digest_of("now"), "now").status, 201);
}

TEST_F(StoreRoutes, NoSpaceIsSaidBeforeTheBody) {
  testing::HttpClient client(port());
  client.send("POST /api/blobs/" + digest_of("never") +
              " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000000\r\n\r\nbegin");
  const testing::HttpReply reply = client.read_reply();
  EXPECT_EQ(reply.status, 500);
  EXPECT_NE(reply.body.find("not enough disk space in "), std::string::npos) << reply.body;
}

}  // namespace
}  // namespace engine
