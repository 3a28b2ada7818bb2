// Models of the hub in several files: picking by name, and a pull of shards.
#include "engine/store/hub_files.h"

#include "gguf/reader.h"
#include "gguf/writer.h"
#include "tests/store/transfer_fixture.h"

namespace engine {
namespace {

using testing::Faults;

std::string picked(const std::vector<std::string>& paths, const char* tag) {
  std::vector<HubFile> files;
  for (const std::string& path : paths) files.push_back({path, "", 1});
  const auto shards = pick_shards(files, tag);
  if (!shards) return shards.error().message;
  std::string out;
  for (const HubFile& file : *shards) out += (out.empty() ? "" : " ") + file.path;
  return out;
}

TEST(HubFiles, Picks) {
  const std::vector<std::string> files = {"a-Q8_0-00002-of-00002.gguf",
                                          "a-Q8_0-00001-of-00002.gguf",
                                          "q4/a-Q4_K_M-00001-of-00001.gguf",
                                          "mmproj-a-Q6_K.gguf",
                                          "a-Q4_K_S.gguf",
                                          "README.md"};
  EXPECT_EQ(picked(files, "latest"), "q4/a-Q4_K_M-00001-of-00001.gguf");
  EXPECT_EQ(picked(files, "q8_0"), "a-Q8_0-00001-of-00002.gguf a-Q8_0-00002-of-00002.gguf");
  EXPECT_EQ(picked(files, "Q4_K_S"), "a-Q4_K_S.gguf");
  EXPECT_EQ(picked(files, "a-q4_k_s.GGUF"), "a-Q4_K_S.gguf");
  EXPECT_EQ(picked(files, "Q6_K"),
            "no GGUF file of the repository fits \"Q6_K\"; it has: a-Q4_K_S.gguf, "
            "a-Q8_0-00001-of-00002.gguf, q4/a-Q4_K_M-00001-of-00001.gguf");
  EXPECT_EQ(picked({"x-F16.gguf", "x-Q8_0.gguf"}, "latest"), "x-Q8_0.gguf");
  EXPECT_EQ(picked({"x-F16.gguf", "w.gguf"}, "latest"), "w.gguf");
  EXPECT_EQ(picked({}, "latest"), "no GGUF file of the repository fits \"latest\"; it has: none");
  EXPECT_EQ(picked({"a-Q8_0-00001-of-00002.gguf"}, "Q8_0"),
            "shard 2 of a-Q8_0-00001-of-00002.gguf is missing in the repository");
  // no shard 0, none beyond the last
  EXPECT_EQ(picked({"a-Q8_0-00003-of-00002.gguf"}, "Q8_0"), "a-Q8_0-00003-of-00002.gguf");
}

class HubTest : public TransferTest {
 protected:
  std::string shard(size_t i) {
    gguf::Writer w;
    if (i == 0) w.set("general.architecture", "llama");
    w.set("split.no", static_cast<uint16_t>(i));
    w.set("split.count", uint16_t{2});
    w.set("split.tensors.count", int32_t{2});
    const std::vector<float> values(1000, static_cast<float>(i));
    w.add_tensor("t" + std::to_string(i), DType::f32, std::vector<int64_t>{10, 100},
                 std::as_bytes(std::span(values)));
    const std::string path = folder_ + "/shard";
    EXPECT_TRUE(w.write(path));
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(HubTest, ShardsBecomeLayers) {
  ::setenv("HF_ENDPOINT", ("http://" + registry_.host()).c_str(), 1);
  std::string list;
  for (size_t i = 0; i < 2; ++i) {
    const std::string bytes = shard(i), digest = registry_.add_blob(bytes);
    const std::string file = "m-Q8_0-0000" + std::to_string(i + 1) + "-of-00002.gguf";
    list += std::string(i ? "," : "[{\"type\":\"directory\",\"path\":\"x\"},") +
            R"({"type":"file","path":")" + file + R"(","size":1,"lfs":{"oid":")" +
            digest.substr(7) + R"(","size":)" + std::to_string(bytes.size()) + "}}";
    registry_.set_file("/u/m/resolve/main/" + file, digest);
  }
  registry_.set_page("/api/models/u/m/tree/main", list + "]");
  registry_.set([](Faults& f) {
    f.status = 400, f.status_times = -1, f.status_path = "/manifests/";
    f.status_body = "{\"error\":\"The specified repository contains sharded GGUF.\"}";
  });
  const ModelName model = *parse_model_name("hf.co/u/m:Q8_0");
  const auto report = [this](const TransferStatus& s) { statuses_.push_back(s); };
  const Status s = pull_model(store(), downloads_, model, options(), {}, report);
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(words().back(), "success");
  const auto record = store().find(model);
  ASSERT_TRUE(record) << record.error().message;
  ASSERT_EQ(record->manifest.layers.size(), 2u);
  EXPECT_EQ(record->manifest.layers[1].name, "m-Q8_0-00002-of-00002.gguf");
  EXPECT_EQ(record->config.family, "llama");
  EXPECT_EQ(record->config.parameter_size, "2K");
  std::vector<std::string> paths;
  for (const Layer& layer : record->manifest.layers)
    paths.push_back(store().blobs().path(layer.digest));
  const auto file = gguf::File::open(paths);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 2u);
  // a repository without a list
  const auto none = pull_model(store(), downloads_, *parse_model_name("hf.co/u/x:Q8_0"), options(),
                               {}, [](auto&) {});
  EXPECT_FALSE(none);
}

}  // namespace
}  // namespace engine
