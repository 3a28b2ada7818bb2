// push to a registry that checks what it is sent: sessions are good for one request, digests must
// fit.
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "tests/store/transfer_fixture.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using testing::Faults;
using Words = std::vector<std::string>;

class PushTest : public PushFixture {};

TEST_F(PushTest, ArrivesAndComesBack) {
  make(name());
  const Status s = push(name());
  ASSERT_TRUE(s) << s.error().message;
  const Words said = words();
  ASSERT_EQ(said.size(), 6u);
  EXPECT_EQ(said.front(), "retrieving manifest");
  EXPECT_EQ(said[1], "pushing " + digest_.substr(7, 12));
  EXPECT_EQ(said[4], "pushing manifest");
  EXPECT_EQ(said[5], "success");
  const std::string bytes = *store().manifest_bytes(name());
  EXPECT_EQ(registry_.manifest("u/m/manifests/latest"), bytes);
  EXPECT_EQ(registry_.blob(digest_), weights_);
  ASSERT_TRUE(store().remove(name()));
  ASSERT_FALSE(store().blobs().has(digest_));
  ASSERT_TRUE(pull());
  EXPECT_EQ(stored(digest_), weights_);
  EXPECT_EQ(*store().manifest_bytes(name()), bytes);
}

TEST_F(PushTest, SecondPushSendsNoBlob) {
  make(name());
  ASSERT_TRUE(push(name()));
  const int uploads = registry_.count("/uploads/");
  ASSERT_TRUE(store().copy(name(), name("u/m:other")));
  ASSERT_TRUE(push(name("u/m:other")));
  EXPECT_EQ(registry_.count("/uploads/"), uploads);
  EXPECT_EQ(registry_.manifest("u/m/manifests/other"), registry_.manifest("u/m/manifests/latest"));
  for (size_t i = 1; i <= 3; ++i) EXPECT_EQ(statuses_[i].completed, statuses_[i].total);
}

TEST_F(PushTest, PartsHaveTheirRanges) {
  make(name());
  ASSERT_TRUE(push(name()));
  const auto patches = registry_.headers_of("PATCH");
  ASSERT_EQ(patches.size(), 6u + 2u);  // 256 KiB each, and the two small blobs
  EXPECT_NE(patches[0].find("Content-Range: 0-262143\r\n"), std::string::npos);
  EXPECT_NE(patches[1].find("Content-Range: 262144-524287\r\n"), std::string::npos);
  EXPECT_NE(patches[5].find("Content-Range: 1310720-1499999\r\n"), std::string::npos);
  EXPECT_NE(patches[0].find("X-Redirect-Uploads: 1\r\n"), std::string::npos);
  EXPECT_NE(patches[0].find("Content-Type: application/octet-stream\r\n"), std::string::npos);
}

TEST_F(PushTest, StorageHostTakesTheBodies) {
  registry_.set([](Faults& f) { f.upload_redirect = true, f.token = "secret"; });
  make(name());
  const Status s = push(name());
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(registry_.blob(digest_), weights_);
  EXPECT_EQ(registry_.count("*PUT"), 8);
  for (const std::string& head : registry_.headers_of("*PUT"))
    EXPECT_EQ(head.find("Authorization"), std::string::npos);
  EXPECT_TRUE(fs::exists(SigningKey::usual_path()));  // made because the token was to be signed
}

TEST_F(PushTest, MountsFromTheParent) {
  registry_.add_blob(weights_);
  make(name(), registry_.host() + "/u/parent:latest");
  // the registry has the blob in another repository only
  registry_.set([](Faults& f) {
    f.status = 404, f.status_times = 1, f.status_path = "/v2/u/m/blobs/sha256";
  });
  const Status s = push(name());
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(registry_.headers_of("POST").at(0).find("mount=sha256%3A") == std::string::npos, false);
  EXPECT_NE(registry_.headers_of("POST")[0].find("&from=u%2Fparent"), std::string::npos);
  EXPECT_EQ(registry_.count("PATCH"), 2);  // of the small blobs
}

TEST_F(PushTest, UploadThatIsLostBeginsAnew) {
  make(name());
  registry_.set(
      [](Faults& f) { f.status = 404, f.status_times = 1, f.status_path = "/uploads/up"; });
  Status s = push(name());
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(registry_.blob(digest_), weights_);
  registry_.set([](Faults& f) { f.status = 500, f.status_times = -1, f.status_body = "full"; });
  weights_ = noise(1000, 7);
  make(name("u/new"));
  s = push(name("u/new"));
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().message, "max retries exceeded: http status 500: full");
  EXPECT_EQ(registry_.manifest("u/new/manifests/latest"), "");
}

TEST_F(PushTest, NotAllowed) {
  make(name());
  registry_.set([](Faults& f) { f.token = "x", f.token_key = "other"; });
  Status s = push(name());
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().message.find("gave no token"), std::string::npos) << s.error().message;
  registry_.set([](Faults& f) { f.status = 401, f.status_times = -1; });
  s = push(name());
  EXPECT_EQ(s.error().message, "unauthorized: access denied");
}

TEST_F(PushTest, WhatIsNotHere) {
  Status s = push(name());
  ASSERT_FALSE(s);
  EXPECT_EQ(words(), (Words{"retrieving manifest", "couldn't retrieve manifest"}));
  EXPECT_EQ(s.error().message, "model '" + registry_.host() + "/u/m:latest' not found");
  make(name());
  fs::remove(store().blobs().path(digest_));
  s = push(name());
  EXPECT_EQ(s.error().message, "blob " + digest_ + " is missing, pull or create the model again");
  EXPECT_EQ(registry_.requests(), Words());
}

}  // namespace
}  // namespace engine
