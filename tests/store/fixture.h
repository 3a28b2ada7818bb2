// A store in a folder of its own, and the smallest files that make models.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "engine/store/model_store.h"

namespace engine {

namespace fs = std::filesystem;

// Just enough of a GGUF file: an architecture and one f32 tensor of eight values.
inline std::string tiny_gguf(float value = 1.0f) {
  std::string s;
  const auto raw = [&s](auto v) { s.append(reinterpret_cast<const char*>(&v), sizeof v); };
  const auto text = [&](std::string_view t) {
    raw(uint64_t{t.size()});
    s.append(t);
  };
  s = "GGUF";
  raw(uint32_t{3}), raw(uint64_t{1}), raw(uint64_t{2});
  text("general.architecture"), raw(uint32_t{8}), text("llama");
  text("general.file_type"), raw(uint32_t{4}), raw(uint32_t{3});
  text("token_embd.weight"), raw(uint32_t{2}), raw(uint64_t{4}), raw(uint64_t{2}), raw(uint32_t{0}),
      raw(uint64_t{0});
  s.resize((s.size() + 31) / 32 * 32, '\0');
  for (int i = 0; i < 8; ++i) raw(value);
  return s;
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-store-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    store_ = std::make_unique<ModelStore>(folder_ + "/models");
    ::unsetenv("OLLAMA_NOPRUNE");
  }
  void TearDown() override {
    std::error_code ec;
    fs::remove_all(folder_, ec);
  }
  std::string write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  ModelName name(const char* text) { return *parse_model_name(text); }
  ModelRecord create(const char* as, CreateSpec spec = {}, float value = 1.0f) {
    spec.gguf_path = write("in.gguf", tiny_gguf(value));
    auto record = store_->create(name(as), spec);
    EXPECT_TRUE(record) << (record ? "" : record.error().message);
    return record ? std::move(*record) : ModelRecord{};
  }
  // Two hours ago.
  static void make_old(const std::string& path) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }
  std::string blob_of(const char* text) { return store_->put_blob("", source_of(text))->digest; }
  size_t blob_count() const {
    size_t n = 0;
    for (const auto& e : fs::directory_iterator(folder_ + "/models/blobs"))
      n += e.path().filename().string().starts_with("sha256-");
    return n;
  }

  std::string folder_;
  std::unique_ptr<ModelStore> store_;
};

}  // namespace engine
