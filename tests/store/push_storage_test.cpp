// push to a registry that sends the parts of a blob on to its storage: they go there at the same
// time. The model has one blob of six parts and two small ones.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "engine/core/sha256.h"
#include "engine/store/upload.h"
#include "tests/store/transfer_fixture.h"

namespace engine {
namespace {

using std::chrono::seconds;
using testing::Faults;

constexpr int64_t kPart = 256 << 10;
constexpr int kNever = 1000;  // requests that will not arrive

class PushToStorage : public PushFixture {
 protected:
  void SetUp() override {
    PushFixture::SetUp();
    registry_.set([](Faults& f) { f.upload_redirect = true; });
    make(name());
  }
  // A request may wait for others without being taken for one that hangs.
  static RegistryOptions patient(int places = 8) {
    RegistryOptions o = options();
    o.limits.stall = seconds(60);
    o.limits.storage_puts = places;
    return o;
  }
  std::string etag() const {
    std::string sums;
    for (size_t at = 0; at < weights_.size(); at += kPart) {
      Md5 md5;
      md5.update(std::as_bytes(
          std::span(weights_).subspan(at, std::min<size_t>(kPart, weights_.size() - at))));
      sums += md5.bytes();
    }
    return "&etag=" + md5_hex(std::as_bytes(std::span(sums))) + "-6 ";
  }
  void expect_arrived(const Status& s) {
    ASSERT_TRUE(s) << s.error().message;
    EXPECT_EQ(registry_.blob(digest_), weights_);
    const auto closing = registry_.headers_of("PUT /v2/u/m/blobs/uploads/up1");
    ASSERT_EQ(closing.size(), 1u);
    EXPECT_NE(closing[0].find(etag()), std::string::npos) << closing[0];
  }
};

TEST_F(PushToStorage, PartsOverlap) {
  registry_.set([](Faults& f) { f.hold_puts = 6; });
  expect_arrived(push(name(), patient()));
  EXPECT_EQ(registry_.uploads().most_at_once(), 6);
}

TEST_F(PushToStorage, NotMoreThanThereArePlacesFor) {
  registry_.set([](Faults& f) { f.hold_puts = 2; });
  expect_arrived(push(name(), patient(2)));
  EXPECT_EQ(registry_.uploads().most_at_once(), 2);
}

TEST_F(PushToStorage, OnePlaceIsOneAfterTheOther) {
  expect_arrived(push(name(), patient(1)));
  EXPECT_EQ(registry_.uploads().most_at_once(), 1);
}

TEST_F(PushToStorage, EtagHasThePartsInTheirOrder) {
  registry_.set([](Faults& f) { f.hold_puts = 6, f.last_put_first = true; });
  expect_arrived(push(name(), patient()));
  std::vector<int64_t> ended = registry_.uploads().ended();
  ASSERT_EQ(ended.size(), 8u);
  ended.resize(6);
  EXPECT_EQ(ended, (std::vector<int64_t>{5 * kPart, 4 * kPart, 3 * kPart, 2 * kPart, kPart, 0}));
}

TEST_F(PushToStorage, PartThatFailsTwiceIsRepeated) {
  registry_.set(
      [](Faults& f) { f.status = 500, f.status_times = 2, f.status_path = "/storage/up1/262144"; });
  expect_arrived(push(name()));
  EXPECT_EQ(registry_.count("*PUT /storage/up1/262144"), 3);
  EXPECT_EQ(registry_.count("*PUT /storage/up1/524288"), 1);
  EXPECT_EQ(registry_.count("POST"), 3);  // the three blobs: none began anew
}

TEST_F(PushToStorage, WaitsAsLongAsTheStorageSays) {
  RegistryOptions o = options();
  o.limits.second = seconds(3600);
  registry_.set([](Faults& f) {
    f.status = 503, f.status_times = 3, f.status_path = "/storage/", f.retry_after = "0";
  });
  std::stop_source stop;
  std::jthread watch([&](const std::stop_token& over) {
    if (wait_or_cancel(seconds(30), over)) stop.request_stop();
  });
  expect_arrived(push(name(), o, stop.get_token()));
}

// The others would hang for half a minute each.
TEST_F(PushToStorage, PartThatFailsForGoodEndsTheOthers) {
  registry_.set([](Faults& f) {
    f.hold_puts = kNever;
    f.status = 403, f.status_times = -1, f.status_path = "/262144", f.status_body = "expired";
  });
  for (const int places : {2, 8}) {  // all taken; more than there are parts
    const Status s = push(name(), patient(places));
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().code, Errc::io);
    EXPECT_EQ(s.error().message, "max retries exceeded: http status 403: expired");
  }
  EXPECT_EQ(registry_.uploads().ended(), std::vector<int64_t>());
  EXPECT_EQ(registry_.count("POST"), 6);  // each blob began anew twice
  EXPECT_EQ(registry_.manifest("u/m/manifests/latest"), "");
}

TEST_F(PushToStorage, CancelEndsAllOfThem) {
  registry_.set([](Faults& f) { f.hold_puts = kNever; });
  std::stop_source stop;
  std::jthread user([&](const std::stop_token& over) {
    while (registry_.uploads().arrived() < 3 && !over.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop.request_stop();
  });
  const Status s = push(name(), patient(3), stop.get_token());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::cancelled);
  EXPECT_EQ(s.error().message, "request canceled");
  EXPECT_EQ(registry_.uploads().ended(), std::vector<int64_t>());
  // no part had got an address before there was a place for it
  EXPECT_EQ(registry_.count("PATCH"), 3);
  EXPECT_EQ(registry_.count("POST"), 1);
}

TEST_F(PushToStorage, CancelWhileAPartWaitsForItsNextTry) {
  registry_.set(
      [](Faults& f) { f.status = 500, f.status_times = -1, f.status_path = "/storage/"; });
  RegistryOptions o = patient();
  o.limits.second = seconds(3600);
  std::stop_source stop;
  std::jthread user([&](const std::stop_token& over) {
    while (registry_.count("*PUT") < 6 && !over.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    stop.request_stop();
  });
  const Status s = push(name(), o, stop.get_token());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::cancelled);
  EXPECT_EQ(s.error().message, "request canceled");
}

// Those before and behind a part that the registry takes itself are on their way at once.
TEST_F(PushToStorage, RegistryTakesSomePartsItself) {
  registry_.set([](Faults& f) { f.hold_puts = 4, f.kept_parts = {kPart, 3 * kPart}; });
  expect_arrived(push(name(), patient()));
  EXPECT_EQ(registry_.uploads().most_at_once(), 4);
  EXPECT_EQ(registry_.count("*PUT /storage/up1/"), 4);
  EXPECT_EQ(registry_.count("PATCH /v2/u/m/blobs/uploads/up1"), 6);
}

TEST_F(PushToStorage, RegistryTakesTheFirstAndTheLastPart) {
  registry_.set([](Faults& f) { f.hold_puts = 4, f.kept_parts = {0, 5 * kPart}; });
  expect_arrived(push(name(), patient()));
  EXPECT_EQ(registry_.uploads().most_at_once(), 4);
}

TEST_F(PushToStorage, PartThatFailsEndsTheOneThatTheRegistryTakes) {
  registry_.set([](Faults& f) {
    f.hold_puts = kNever, f.kept_parts = {3 * kPart}, f.hold_kept = true;
    f.status = 403, f.status_times = -1, f.status_path = "/262144", f.status_body = "expired";
  });
  const Status s = push(name(), patient());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().message, "max retries exceeded: http status 403: expired");
  EXPECT_EQ(registry_.uploads().ended(), std::vector<int64_t>());
}

TEST_F(PushToStorage, ProgressIsTheSumOfAllParts) {
  registry_.set([](Faults& f) {
    f.kept_parts = {2 * kPart};
    f.status = 500, f.status_times = 2, f.status_path = "/storage/up1/262144";
  });
  const auto client = *RegistryClient::open(name(), options());
  const auto size = static_cast<int64_t>(weights_.size());
  Layer layer;
  layer.digest = digest_;
  layer.size = size;
  std::vector<int64_t> seen;
  const auto here = std::this_thread::get_id();
  const Status s = upload_blob(*client, store().blobs(), layer, {}, [&](int64_t done) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    seen.push_back(done);
  });
  ASSERT_TRUE(s) << s.error().message;
  ASSERT_GE(seen.size(), 6u);
  EXPECT_GE(*std::min_element(seen.begin(), seen.end()), 0);
  EXPECT_EQ(*std::max_element(seen.begin(), seen.end()), size);
  EXPECT_EQ(seen.back(), size);
}

TEST_F(PushToStorage, ReportsWhileItWaits) {
  registry_.set([](Faults& f) { f.hold_puts = kNever; });
  std::stop_source stop;
  int64_t furthest = 0;
  const Status s =
      push_model(store(), name(), patient(), stop.get_token(), [&](const TransferStatus& status) {
        EXPECT_LE(furthest, status.completed);
        EXPECT_LE(status.completed, status.total);
        furthest = status.completed;
        // all is sent, none is answered
        if (status.total > 0 && furthest == status.total) stop.request_stop();
      });
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::cancelled);
  EXPECT_EQ(furthest, static_cast<int64_t>(weights_.size()));
  EXPECT_EQ(registry_.uploads().ended(), std::vector<int64_t>());
}

TEST_F(PushToStorage, BlobThatIsTooShort) {
  std::filesystem::resize_file(store().blobs().path(digest_), 3 * kPart + 7);
  const Status s = push(name());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().message, "cannot read blob " + digest_ + ": it is too short");
}

TEST_F(PushToStorage, AnswerBeforeTheBodyIsNoSuccess) {
  registry_.set([](Faults& f) { f.early_202 = true; });
  const Status s = push(name());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().message, "http status 202 came before the body was sent");
  EXPECT_EQ(registry_.count("POST"), 3);  // it was offered anew, twice
}

}  // namespace
}  // namespace engine
