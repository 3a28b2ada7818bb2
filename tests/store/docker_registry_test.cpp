// A real registry: what we push can be pulled, twice costs nothing, and a copy of a model is a
// manifest.
#include "tests/support/docker_registry.h"

#include "tests/store/transfer_fixture.h"

namespace engine {
namespace {

namespace fs = std::filesystem;

class DockerRegistryTest : public PushFixture {
 protected:
  void SetUp() override {
    PushFixture::SetUp();
    weights_ = noise(3'000'000);
    if (!testing::DockerRegistry::installed())
      GTEST_SKIP() << "SKIPPED: the program docker-registry is missing (package docker-registry)";
    docker_ = std::make_unique<testing::DockerRegistry>(folder_ + "/registry");
    ASSERT_NE(docker_->host(), "") << docker_->log();
  }
  void TearDown() override {
    docker_.reset();
    PushFixture::TearDown();
  }
  ModelName at(const std::string& model) const {
    return *parse_model_name("http://" + docker_->host() + "/" + model);
  }
  Status pull_from(const ModelName& from) {
    return pull_model(store(), downloads_, from, options(), {}, [](auto&) {});
  }
  // Requests of a kind in the registry's log.
  int requests(const std::string& method) const {
    const std::string log = docker_->log(), mark = "\"" + method + " /v2/";
    int n = 0;
    for (size_t at = log.find(mark); at != std::string::npos; at = log.find(mark, at + 1)) ++n;
    return n;
  }
  std::unique_ptr<testing::DockerRegistry> docker_;
};

TEST_F(DockerRegistryTest, PushRemovePull) {
  make(at("u/m"));
  const std::string before = *store().manifest_bytes(at("u/m"));
  const auto files = *parse_manifest(before);
  Status s = push(at("u/m"));
  ASSERT_TRUE(s) << s.error().message;
  ASSERT_TRUE(store().remove(at("u/m")));
  ASSERT_TRUE(fs::is_empty(store().blobs().folder()));
  s = pull_from(at("u/m"));
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(*store().manifest_bytes(at("u/m")), before);
  EXPECT_EQ(stored(files.layers[0].digest), weights_);
  EXPECT_EQ(leftovers(), std::vector<std::string>());
}

TEST_F(DockerRegistryTest, SecondPushSendsNothing) {
  make(at("u/m"));
  ASSERT_TRUE(push(at("u/m")));
  const int posts = requests("POST"), patches = requests("PATCH"), puts = requests("PUT");
  EXPECT_GT(patches, 12);
  ASSERT_TRUE(push(at("u/m")));
  ASSERT_TRUE(store().copy(at("u/m"), at("u/m:other")));  // another tag is a manifest alone
  ASSERT_TRUE(push(at("u/m:other")));
  EXPECT_EQ(requests("POST"), posts);
  EXPECT_EQ(requests("PATCH"), patches);
  EXPECT_EQ(requests("PUT"), puts + 2);
  ASSERT_TRUE(store().remove(at("u/m:other")));
  const Status s = pull_from(at("u/m:other"));
  ASSERT_TRUE(s) << s.error().message;
}

TEST_F(DockerRegistryTest, MountsFromAnotherRepository) {
  make(at("u/parent"));
  ASSERT_TRUE(push(at("u/parent")));
  const int patches = requests("PATCH");
  make(at("u/child"), docker_->host() + "/u/parent:latest");
  const Status s = push(at("u/child"));
  ASSERT_TRUE(s) << s.error().message;
  // the system text and the config are sent, the weights are not
  EXPECT_EQ(requests("PATCH"), patches + 2);
  ASSERT_TRUE(pull_from(at("u/child")));
}

TEST_F(DockerRegistryTest, Refusals) {
  Status s = pull_from(at("u/none"));
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().message, "pull model manifest: file does not exist");
  make(at("u/Upper"));  // a name this registry does not allow
  s = push(at("u/Upper"));
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().message.find("some want lower case"), std::string::npos) << s.error().message;
}

}  // namespace
}  // namespace engine
