// A store, files for it, and requests to create.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/store/create.h"
#include "gguf/writer.h"
#include "tests/support/tiny_model.h"

namespace engine {

namespace fs = std::filesystem;

class CreateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "engine-create-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    store_ = std::make_unique<ModelStore>(folder_ + "/models");
    ::unsetenv("OLLAMA_NOPRUNE");
    events_.status = [this](const TransferStatus& s) { statuses_.push_back(s.status); };
  }
  void TearDown() override {
    std::error_code ec;
    fs::remove_all(folder_, ec);
  }

  std::string tiny(uint32_t seed = 1, DType type = DType::f16) {
    testing::TinyModel model;
    model.seed = seed;
    model.type = type;
    const std::string path = folder_ + "/tiny" + std::to_string(seed) + ".gguf";
    const Status written = testing::write_tiny_model(path, model);
    EXPECT_TRUE(written) << written.error().message;
    return path;
  }
  // A file of keys and one tensor.
  std::string gguf(const std::string& name,
                   const std::vector<std::pair<std::string, std::string>>& texts,
                   const std::vector<std::string>& numbers = {}) {
    gguf::Writer writer;
    for (const auto& [key, value] : texts) writer.set(key, value);
    for (const std::string& key : numbers) writer.set(key, uint32_t{1});
    const float data[8] = {};
    const int64_t ne[] = {8};
    writer.add_tensor("a.weight", DType::f32, ne, std::as_bytes(std::span(data)));
    const std::string path = folder_ + "/" + name;
    EXPECT_TRUE(writer.write(path));
    return path;
  }
  NamedBlob blob(const std::string& path, std::string name = {}) {
    if (name.empty()) name = fs::path(path).filename().string();
    const auto source = source_of_file(path);
    EXPECT_TRUE(source) << path;
    return {name, store_->put_blob("", *source)->digest};
  }
  NamedBlob text_blob(const std::string& name, const std::string& text) {
    return {name, store_->put_blob("", source_of(text))->digest};
  }
  static CreateRequest request(const std::string& name) {
    CreateRequest r;
    r.name = *parse_model_name(name);
    return r;
  }
  ModelRecord create(const CreateRequest& r) {
    statuses_.clear();
    auto record = create_model(*store_, r, tools_, events_);
    EXPECT_TRUE(record) << (record ? "" : record.error().message);
    return record ? std::move(*record) : ModelRecord();
  }
  Error fail(const CreateRequest& r) {
    const auto record = create_model(*store_, r, tools_, events_);
    EXPECT_FALSE(record);
    EXPECT_FALSE(store_->has(r.name));
    return record ? Error{Errc::internal, "no error"} : record.error();
  }
  ModelRecord base(const std::string& name = "base") {
    CreateRequest r = request(name);
    r.files = {blob(tiny())};
    r.template_text = "{{ .Prompt }}!";
    r.system = "be kind";
    r.licenses = {"MIT"};
    r.parameters = *parse_json(R"({"temperature":0.5,"stop":["<a>","b"]})");
    r.messages = *parse_json(R"([{"role":"user","content":"hi"}])");
    r.meta.name = "base:latest";
    r.meta.description = "first";
    r.meta.training = {{"lora_r", "8"}, {"max_steps", "3"}};
    return create(r);
  }
  // The media types of the layers, without their common beginning.
  static std::vector<std::string> types(const ModelRecord& r) {
    std::vector<std::string> out;
    for (const Layer& l : r.manifest.layers)
      out.push_back(l.media_type.substr(l.media_type.find("image.") + 6));
    return out;
  }
  std::vector<std::string> leftovers() const {
    std::vector<std::string> out;
    for (const auto& e : fs::directory_iterator(folder_ + "/models/blobs"))
      if (const std::string name = e.path().filename().string(); !valid_digest(name))
        out.push_back(name);
    for (const auto& e : fs::directory_iterator(folder_ + "/models"))
      if (e.path().filename().string().starts_with("ollama-"))
        out.push_back(e.path().filename().string());
    return out;
  }

  std::string folder_;
  std::unique_ptr<ModelStore> store_;
  CreateTools tools_;
  CreateEvents events_;
  std::vector<std::string> statuses_;
};

}  // namespace engine
