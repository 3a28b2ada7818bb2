// Weights that turned hostile after they came into the store: each of the broken files must give
// one JSON error to those who ask for the model, and nothing to the others.
#include <fstream>

#include "tests/server/fixture.h"
#include "tests/support/hostile_files.h"

namespace engine {
namespace {

class HostileModelTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    testing::TinyModel tiny;
    tiny.seed = 77;
    add("H", tiny, "", "");
    const Result<ModelRecord> record = ModelStore(root_).find(*parse_model_name("H"));
    ASSERT_TRUE(record) << record.error().message;
    blob_ = record->model_path;
    std::ifstream in(blob_, std::ios::binary);
    whole_.assign(std::istreambuf_iterator<char>(in), {});
  }
  void TearDown() override {
    set_weights(whole_);  // the store of the suite would take the broken file for the blob
    ServerTest::TearDown();
  }
  void set_weights(std::string_view bytes) const {
    std::ofstream(blob_, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  std::string blob_, whole_;
};

TEST_F(HostileModelTest, EachFileIsOneJsonError) {
  for (const gguf::Form form : gguf::kForms) {
    for (const gguf::HostileFile& file : gguf::hostile_files()) {
      if (form.v1() && !file.in_v1) continue;
      SCOPED_TRACE(gguf::form_name(form) + " " + file.name);
      gguf::Builder b(form);
      file.make(b);
      set_weights(b.bytes());
      for (const char* path : {"/api/generate", "/api/chat"}) {
        const std::string error = error_of(
            path, R"({"model":"H","prompt":"a","messages":[{"role":"user","content":"a"}]})", 500);
        EXPECT_NE(error.find(file.message), std::string::npos) << error;
        EXPECT_EQ(error.find('\n'), std::string::npos) << error;
      }
      EXPECT_GE(post("/api/show", R"({"model":"H"})").status, 400);
    }
  }
  EXPECT_EQ(get("/api/tags").status, 200) << "the list is there with a broken model in it";
  EXPECT_EQ(post("/api/generate", R"({"model":"M","prompt":"a","stream":false})").status, 200);
}

TEST_F(HostileModelTest, EveryCutIsOneJsonError) {
  for (size_t cut = 0; cut < whole_.size(); cut += 1 + whole_.size() / 97) {
    set_weights(std::string_view(whole_).substr(0, cut));
    EXPECT_NE(error_of("/api/generate", R"({"model":"H","prompt":"a"})", 500), "") << cut;
  }
  set_weights(whole_);
  EXPECT_EQ(post("/api/generate", R"({"model":"H","prompt":"a","stream":false})").status, 200)
      << "whole again";
}

}  // namespace
}  // namespace engine
