// Downloads that were interrupted, that are shared, that another process has.
#include <thread>

#include "tests/store/transfer_fixture.h"

namespace engine {
namespace {

namespace fs = std::filesystem;
using testing::Faults;
using Words = std::vector<std::string>;

class PullResumeTest : public PullFixture {};

TEST_F(PullResumeTest, ResumesWhatWasLeft) {
  // as another program leaves it: parts of other sizes, one complete, one half
  fs::create_directories(store().blobs().folder());
  const PartFiles files(store().blobs(), digest_);
  ASSERT_TRUE(files.write({0, 0, 1'000'000, 1'000'000}, false));
  ASSERT_TRUE(files.write({1, 1'000'000, 1'500'000, 400'000}, false));
  ASSERT_TRUE(files.write({2, 2'500'000, 500'000, 0}, false));
  std::ofstream(files.data_path(), std::ios::binary) << weights_.substr(0, 1'400'000);
  fs::resize_file(files.data_path(), 3'000'000);
  ASSERT_TRUE(pull());
  expect_whole();
  EXPECT_EQ(registry_.count("HEAD /v2/u/m/blobs/" + digest_), 0);
  EXPECT_EQ(registry_.count(digest_ + " bytes=1400000-2499999"), 1);
  EXPECT_EQ(registry_.count(digest_ + " bytes=2500000-2999999"), 1);
  EXPECT_LT(registry_.blob_bytes(), 1'610'000);
}

TEST_F(PullResumeTest, LeftoversThatDoNotFit) {
  fs::create_directories(store().blobs().folder());
  const PartFiles files(store().blobs(), digest_);
  for (const int64_t length : {int64_t{0}, int64_t{3'000'000}, int64_t{2'999'999}}) {
    fs::remove(store().blobs().path(digest_));
    // the data shorter than the parts say, or parts of another total
    ASSERT_TRUE(files.write({0, 0, length == 2'999'999 ? length : 3'000'000, 1000}, false));
    if (length == 3'000'000) {
      ASSERT_TRUE(files.write({1, 3'000'001, 10, 0}, false));
    }
    std::ofstream(files.data_path()) << "";
    fs::resize_file(files.data_path(), static_cast<uintmax_t>(length));
    const Status s = pull();
    ASSERT_TRUE(s) << s.error().message;
    expect_whole();
  }
}

TEST_F(PullResumeTest, PromisedBytesThatAreNotThere) {  // a power cut: the digest finds it
  fs::create_directories(store().blobs().folder());
  const PartFiles files(store().blobs(), digest_);
  ASSERT_TRUE(files.write({0, 0, 3'000'000, 2'000'000}, false));
  std::ofstream(files.data_path()) << "";
  fs::resize_file(files.data_path(), 3'000'000);
  EXPECT_TRUE(pull_error().starts_with("digest mismatch, file must be downloaded again"));
  ASSERT_TRUE(pull());
  expect_whole();
}

TEST_F(PullResumeTest, CancelledAndResumed) {
  registry_.set([](Faults& f) { f.bytes_per_second = 400'000; });
  std::stop_source stop;
  std::thread later([&] {
    while (registry_.blob_bytes() < 1'000'000) std::this_thread::yield();
    stop.request_stop();
  });
  const Status s = pull(options(), stop.get_token());
  later.join();
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::cancelled);
  expect_nothing();
  EXPECT_GT(leftovers().size(), 1u);
  registry_.set([](Faults& f) { f.bytes_per_second = 0; });
  ASSERT_TRUE(pull());
  expect_whole();
  EXPECT_EQ(registry_.count("HEAD /v2/u/m/blobs/" + digest_), 1);  // the part files said enough
  // a socket holds some bytes that nobody will read
  EXPECT_LT(registry_.blob_bytes(), 3'000'000 + 1'500'000);
}

// What a process that dies now would have lost: nothing that has reached it.
TEST_F(PullResumeTest, EveryByteIsRecorded) {
  registry_.set([](Faults& f) { f.stall_after = 700'000, f.stall_times = 1; });
  RegistryOptions one_part = options();
  one_part.limits.part_bytes_min = one_part.limits.part_bytes_max = 3'000'000;
  one_part.limits.stall = std::chrono::seconds(20);
  std::stop_source stop;
  Status s = ok;
  std::thread puller([&] { s = pull(one_part, stop.get_token()); });
  const PartFiles files(store().blobs(), digest_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  int64_t recorded = 0;
  while (recorded < 700'000 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (const auto parts = files.read(); parts && parts->size() == 1)
      recorded = (*parts)[0].completed;
  }
  stop.request_stop();
  puller.join();
  EXPECT_FALSE(s);
  EXPECT_EQ(recorded, 11 * 65536);  // the fake registry sends pieces of 64 KiB
  registry_.set([](Faults& f) { f.stall_times = 0; });
  const int64_t before = registry_.blob_bytes();
  ASSERT_TRUE(pull(one_part));
  expect_whole();
  EXPECT_LE(registry_.blob_bytes() - before, 3'000'000 - recorded + 1'000);
}

// Two connections at first, so that little is under way when the process dies; eight to a server
// that brings nothing on two.
TEST_F(PullResumeTest, ConnectionsOfASlowServer) {
  using Clock = std::chrono::steady_clock;
  registry_.set([](Faults& f) { f.stall_after = 1, f.stall_times = -1; });
  RegistryOptions patient = options();  // part_bytes_min: twelve parts
  patient.limits.stall = std::chrono::seconds(20);
  std::stop_source stop;
  Status s = ok;
  const auto start = Clock::now();
  std::thread puller([&] { s = pull(patient, stop.get_token()); });
  // of parts; one more was to find out where the blob lies
  const auto asked = [this] { return registry_.count(digest_ + " bytes=") - 1; };
  const auto wait_for = [&](int n) {
    while (asked() < n && Clock::now() - start < std::chrono::seconds(10))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  wait_for(2);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const int first = asked();
  // A machine too busy to look in time proves nothing.
  if (Clock::now() - start < std::chrono::milliseconds(400)) EXPECT_EQ(first, 2);
  wait_for(8);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(asked(), 8);
  stop.request_stop();
  puller.join();
  EXPECT_FALSE(s);
}

TEST_F(PullResumeTest, TwoPullsShareOneDownload) {
  registry_.set([](Faults& f) { f.bytes_per_second = 400'000; });
  Status other = ok;
  std::vector<std::string> last;
  std::thread second([&] {
    other = pull_model(store(), downloads_, name(), options(), {},
                       [&](const TransferStatus& s) { last = {s.status}; });
  });
  const Status s = pull();
  second.join();
  ASSERT_TRUE(s) << s.error().message;
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(last, Words{"success"});
  expect_whole();
  EXPECT_LT(registry_.blob_bytes(), 3'010'000);
}

TEST_F(PullResumeTest, OneOfTwoGoesAway) {
  registry_.set([](Faults& f) { f.bytes_per_second = 300'000; });
  std::stop_source stop;
  std::thread first([&] {
    const Status s =
        pull_model(store(), downloads_, name(), options(), stop.get_token(), [](auto&) {});
    EXPECT_FALSE(s);
  });
  while (registry_.blob_bytes() < 300'000) std::this_thread::yield();
  std::thread leaver([&] {
    while (registry_.blob_bytes() < 1'000'000) std::this_thread::yield();
    stop.request_stop();
  });
  const Status s = pull();
  first.join();
  leaver.join();
  ASSERT_TRUE(s) << s.error().message;
  expect_whole();
  EXPECT_LT(registry_.blob_bytes(), 3'010'000);
}

TEST_F(PullResumeTest,
       AnotherProcessHasTheLock) {  // another open of the file locks as another process
  registry_.set([](Faults& f) { f.bytes_per_second = 400'000; });
  Downloads others;
  Status other = ok;
  std::thread second([&] {
    other = pull_model(store(), others, name(), options(), {}, [](const TransferStatus&) {});
  });
  const Status s = pull();
  second.join();
  ASSERT_TRUE(s) << s.error().message;
  ASSERT_TRUE(other) << other.error().message;
  expect_whole();
  EXPECT_LT(registry_.blob_bytes(), 3'010'000);
}

}  // namespace
}  // namespace engine
