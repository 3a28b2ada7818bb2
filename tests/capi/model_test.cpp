// Versions, errors, options, opening and describing models.
#include <cstring>
#include <thread>

#include "tests/capi/fixture.h"

namespace engine {
namespace {

using CapiModel = CapiTest;

TEST(Capi, VersionIsThatOfTheHeader) {
  EXPECT_STREQ(engine_version(), ENGINE_VERSION);
}

TEST(Capi, ErrorsBelongToTheirThread) {
  EXPECT_FAILS(engine_model_options_init(nullptr, 8), ENGINE_INVALID_ARGUMENT, "options is null");
  std::thread([] { EXPECT_STREQ(engine_last_error(), ""); }).join();
  EXPECT_STREQ(engine_last_error(), "options is null");
}

TEST(Capi, LongMessageEndsAtACharacter) {
  std::string path;
  while (path.size() < 3000) path += "é";
  engine_model* model = nullptr;
  EXPECT_NE(engine_model_open(path.c_str(), nullptr, &model), ENGINE_OK);
  const std::string message = engine_last_error();
  EXPECT_LT(message.size(), 1024u);
  EXPECT_GT(message.size(), 1000u);
  EXPECT_EQ(message.substr(message.size() - 2), "é");
}

TEST(Capi, ModelOptions) {
  engine_model_options o;
  std::memset(&o, 0x55, sizeof o);
  ASSERT_EQ(engine_model_options_init(&o, sizeof o), ENGINE_OK);
  EXPECT_EQ(o.size, sizeof o);
  EXPECT_EQ(o.n_ctx, 0);
  EXPECT_EQ(o.n_sequences, 1);
  EXPECT_EQ(o.n_batch, 512);
  EXPECT_EQ(o.threads, 0);
  EXPECT_EQ(o.kv_type, ENGINE_KV_F16);
  EXPECT_EQ(o.reference, 0);
  EXPECT_FAILS(engine_model_options_init(&o, 4), ENGINE_INVALID_ARGUMENT, "options.size");
  EXPECT_FAILS(engine_model_options_init(&o, 1 << 20), ENGINE_INVALID_ARGUMENT, "options.size");
}

TEST(Capi, OptionsOfAnOlderCaller) {
  engine_model_options o;
  std::memset(&o, 0x55, sizeof o);
  const size_t size = offsetof(engine_model_options, n_batch);
  ASSERT_EQ(engine_model_options_init(&o, size), ENGINE_OK);
  EXPECT_EQ(o.n_sequences, 1);
  EXPECT_EQ(o.n_batch, 0x55555555);  // beyond what the caller knows
}

TEST(Capi, FreeOfNothing) {
  engine_model_free(nullptr);
}

TEST_F(CapiModel, Info) {
  engine_model_info info = {};
  info.size = sizeof info;
  ASSERT_EQ(engine_model_get_info(model_, &info), ENGINE_OK);
  EXPECT_EQ(info.size, sizeof info);
  EXPECT_STREQ(info.architecture, "llama");
  EXPECT_STREQ(info.name, "tiny");
  EXPECT_STREQ(info.file_type, "unknown");  // the file does not say
  EXPECT_EQ(info.n_ctx, 256);
  EXPECT_EQ(info.n_ctx_train, 2048);
  EXPECT_EQ(info.n_embd, 64);
  EXPECT_EQ(info.n_layer, 2);
  EXPECT_GT(info.n_vocab, 256);
  EXPECT_GT(info.n_params, 64 * info.n_vocab);

  info.n_layer = -7;
  info.size = offsetof(engine_model_info, n_layer);  // an older caller
  ASSERT_EQ(engine_model_get_info(model_, &info), ENGINE_OK);
  EXPECT_EQ(info.n_layer, -7);
  EXPECT_EQ(info.n_embd, 64);

  info.size = 0;
  EXPECT_FAILS(engine_model_get_info(model_, &info), ENGINE_INVALID_ARGUMENT, "info.size");
  EXPECT_FAILS(engine_model_get_info(model_, nullptr), ENGINE_INVALID_ARGUMENT, "info is null");
  EXPECT_FAILS(engine_model_get_info(nullptr, &info), ENGINE_INVALID_ARGUMENT, "model is null");
}

TEST_F(CapiModel, Defaults) {
  engine_model* model = nullptr;
  ASSERT_EQ(engine_model_open(path("tiny.gguf").c_str(), nullptr, &model), ENGINE_OK);
  engine_model_info info = {};
  info.size = sizeof info;
  ASSERT_EQ(engine_model_get_info(model, &info), ENGINE_OK);
  EXPECT_EQ(info.n_ctx, 2048);
  engine_model_free(model);
}

TEST_F(CapiModel, FilesThatCannotBeOpened) {
  engine_model* model = model_;
  const auto open_file = [&](const std::string& file) {
    model = model_;
    const engine_status status = engine_model_open(file.c_str(), nullptr, &model);
    EXPECT_EQ(model, nullptr);
    return status;
  };
  EXPECT_FAILS(open_file(path("none.gguf")), ENGINE_NOT_FOUND, "none.gguf");
  EXPECT_FAILS(open_file(""), ENGINE_NOT_FOUND, "");
  EXPECT_NE(open_file("/"), ENGINE_OK);
  gguf::write_file(path("text.gguf"), "no model, only text that is long enough for a header");
  EXPECT_FAILS(open_file(path("text.gguf")), ENGINE_CORRUPT, "");
  const std::string whole = gguf::read_file(path("tiny.gguf"));
  gguf::write_file(path("cut.gguf"), std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_FAILS(open_file(path("cut.gguf")), ENGINE_CORRUPT, "");
  std::string other = whole;
  for (size_t at; (at = other.find("llama")) != std::string::npos;) other.replace(at, 5, "lamas");
  gguf::write_file(path("other.gguf"), other);
  EXPECT_FAILS(open_file(path("other.gguf")), ENGINE_UNSUPPORTED, "lamas");

  EXPECT_FAILS(engine_model_open(nullptr, nullptr, &model), ENGINE_INVALID_ARGUMENT, "path");
  EXPECT_FAILS(engine_model_open(path("tiny.gguf").c_str(), nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "model is null");
}

TEST_F(CapiModel, OptionsOutOfRange) {
  const auto check = [&](int32_t engine_model_options::*member, int32_t value, const char* name) {
    engine_model_options o = model_options();
    o.*member = value;
    engine_model* model = nullptr;
    EXPECT_FAILS(engine_model_open(path("tiny.gguf").c_str(), &o, &model), ENGINE_INVALID_ARGUMENT,
                 name);
  };
  for (int32_t bad : {-1, INT32_MIN, INT32_MAX}) {
    check(&engine_model_options::n_ctx, bad, "n_ctx");
    check(&engine_model_options::n_sequences, bad, "n_sequences");
    check(&engine_model_options::n_batch, bad, "n_batch");
    check(&engine_model_options::threads, bad, "threads");
    check(&engine_model_options::kv_type, bad, "kv_type");
    check(&engine_model_options::reference, bad, "reference");
  }
  check(&engine_model_options::n_sequences, 0, "n_sequences");
  check(&engine_model_options::n_batch, 0, "n_batch");
}

TEST_F(CapiModel, SizeOfOptions) {
  struct {
    engine_model_options o;
    uint64_t later;
  } wide = {model_options(), 0};
  engine_model* model = nullptr;
  wide.o.size = sizeof wide;
  EXPECT_EQ(engine_model_open(path("tiny.gguf").c_str(), &wide.o, &model), ENGINE_OK);
  engine_model_free(model);
  wide.later = 1;
  EXPECT_FAILS(engine_model_open(path("tiny.gguf").c_str(), &wide.o, &model),
               ENGINE_INVALID_ARGUMENT, "this version of the library");
  wide.o.size = 0;
  EXPECT_FAILS(engine_model_open(path("tiny.gguf").c_str(), &wide.o, &model),
               ENGINE_INVALID_ARGUMENT, "options.size");
}

TEST_F(CapiModel, EveryOptionWorks) {
  engine_model_options o = model_options();
  const std::string expected = generate("hello", generate_options());
  o.n_sequences = 3, o.n_batch = 1, o.threads = 1;
  open("tiny.gguf", o);
  EXPECT_EQ(generate("hello", generate_options()), expected);  // numbers do not depend on these
  o.reference = 1;
  open("tiny.gguf", o);
  EXPECT_FALSE(generate("hello", generate_options()).empty());
  o.kv_type = ENGINE_KV_Q8_0;  // heads of 16 are no whole block
  engine_model* model = nullptr;
  const engine_status status = engine_model_open(path("tiny.gguf").c_str(), &o, &model);
  if (status == ENGINE_OK) engine_model_free(model);
  SUCCEED() << engine_last_error();
}

TEST_F(CapiModel, SeveralModels) {
  testing::TinyModel second;
  second.seed = 2;
  write("second.gguf", second);
  const std::string expected = generate("hello", generate_options());
  const engine_model_options o = model_options();
  engine_model* other = nullptr;
  ASSERT_EQ(engine_model_open(path("second.gguf").c_str(), &o, &other), ENGINE_OK);
  EXPECT_EQ(generate("hello", generate_options()), expected);
  std::swap(model_, other);
  EXPECT_NE(generate("hello", generate_options()), expected);
  std::swap(model_, other);
  engine_model_free(other);
  EXPECT_EQ(generate("hello", generate_options()), expected);
}

}  // namespace
}  // namespace engine
