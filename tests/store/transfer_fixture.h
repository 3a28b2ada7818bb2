// A store in a temporary folder, a HOME of its own, a registry that can misbehave, and limits that
// make tests short.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

#include "engine/core/log.h"
#include "engine/store/pull.h"
#include "engine/store/push.h"
#include "tests/support/fake_registry.h"

namespace engine {

class TransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    set_log_level(LogLevel::off);
    std::string name = (std::filesystem::temp_directory_path() / "engine-transfer-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ::setenv("HOME", folder_.c_str(), 1);
    for (const char* variable :
         {"OLLAMA_NOPRUNE", "HF_ENDPOINT", "MODEL_ENDPOINT", "HF_TOKEN", "ENGINE_REGISTRY_USER",
          "ENGINE_REGISTRY_PASSWORD", "ENGINE_PULL_PARTS"})
      ::unsetenv(variable);
  }
  void TearDown() override {
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
  }

  // Bytes without a pattern that a shifted or repeated piece could hide in.
  static std::string noise(size_t n, uint32_t seed = 1) {
    std::string out(n, '\0');
    uint32_t x = seed * 2654435761u + 1;
    for (char& c : out) {
      x ^= x << 13, x ^= x >> 17, x ^= x << 5;
      c = static_cast<char>(x);
    }
    return out;
  }
  static RegistryOptions options() {
    RegistryOptions o;
    o.limits.stall = std::chrono::milliseconds(300);
    o.limits.second = std::chrono::milliseconds(2);
    o.limits.resolve = std::chrono::milliseconds(300);
    o.limits.standstill = std::chrono::milliseconds(20000);
    o.limits.part_bytes_min = 256 << 10;
    o.limits.part_bytes_max = 1 << 20;
    return o;
  }
  ModelName name(const std::string& model = "u/m") const {
    return *parse_model_name("http://" + registry_.host() + "/" + model);
  }
  Status pull(const RegistryOptions& o = options(), const std::stop_token& cancel = {}) {
    statuses_.clear();
    return pull_model(store(), downloads_, name(), o, cancel,
                      [this](const TransferStatus& s) { statuses_.push_back(s); });
  }
  Status push(const ModelName& as, const RegistryOptions& o = options(),
              const std::stop_token& cancel = {}) {
    statuses_.clear();
    return push_model(store(), as, o, cancel,
                      [this](const TransferStatus& s) { statuses_.push_back(s); });
  }
  std::string pull_error(const RegistryOptions& o = options()) {
    const Status status = pull(o);
    EXPECT_FALSE(status);
    return status ? "" : status.error().message;
  }
  ModelStore store() const { return ModelStore(folder_ + "/models"); }
  std::string stored(const std::string& digest) const {
    std::ifstream in(store().blobs().path(digest), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // Names of what lies beside the blobs.
  std::vector<std::string> leftovers() const {
    std::vector<std::string> out;
    std::error_code ec;
    for (const auto& e : std::filesystem::directory_iterator(store().blobs().folder(), ec))
      if (!valid_digest(e.path().filename().string())) out.push_back(e.path().filename().string());
    return out;
  }
  // The words of the statuses, neighbours that are equal once.
  std::vector<std::string> words() const {
    std::vector<std::string> out;
    for (const TransferStatus& s : statuses_)
      if (out.empty() || out.back() != s.status) out.push_back(s.status);
    return out;
  }

  testing::FakeRegistry registry_;
  Downloads downloads_;
  std::string folder_;
  std::vector<TransferStatus> statuses_;
};

// A model u/m of two layers and a config in the registry.
class PullFixture : public TransferTest {
 protected:
  void SetUp() override {
    TransferTest::SetUp();
    weights_ = noise(3'000'000);
    license_ = noise(700, 2);
    registry_.add_model("u/m", {weights_, license_});
    digest_ = registry_.add_blob(weights_);
  }
  // The model is there, byte for byte, and nothing else.
  void expect_whole() {
    EXPECT_EQ(stored(digest_), weights_);
    EXPECT_TRUE(store().has(name()));
    EXPECT_EQ(*store().manifest_bytes(name()), registry_.manifest("u/m/manifests/latest"));
    EXPECT_EQ(leftovers(), std::vector<std::string>());
  }
  void expect_nothing() {
    EXPECT_FALSE(store().has(name()));
    EXPECT_FALSE(store().blobs().has(digest_));
  }
  std::string weights_, license_, digest_;
};

class PushFixture : public TransferTest {
 protected:
  // A model of two layers under the name; `from` of the first.
  void make(const ModelName& as, const std::string& from = "") {
    Manifest m;
    m.layers.push_back(*store().put_layer(media::kModel, weights_));
    m.layers.back().from = from;
    m.layers.push_back(*store().put_layer(media::kSystem, "You are a test."));
    m.config = *store().put_layer(media::kConfig, "{\"model_format\":\"gguf\"}\n");
    ASSERT_TRUE(store().write(as, m));
    digest_ = m.layers[0].digest;
  }
  std::string weights_ = noise(1'500'000), digest_;
};

}  // namespace engine
