// The tokenizer keys of a GGUF file, read from files made byte by byte.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "engine/model/vocab.h"

namespace engine {
namespace {

// A GGUF file of metadata only, little endian.
class KeyFile {
 public:
  void str(std::string_view key, std::string_view value) {
    begin(key, gguf::Type::str);
    put_text(value);
  }
  void u32(std::string_view key, uint32_t value) {
    begin(key, gguf::Type::u32);
    put(value);
  }
  void boolean(std::string_view key, bool value) {
    begin(key, gguf::Type::boolean);
    put(static_cast<uint8_t>(value));
  }
  void strs(std::string_view key, const std::vector<std::string>& values) {
    begin_array(key, gguf::Type::str, values.size());
    for (const std::string& v : values) put_text(v);
  }
  template <class T>
  void numbers(std::string_view key, gguf::Type type, const std::vector<T>& values) {
    begin_array(key, type, values.size());
    for (const T v : values) put(v);
  }

  const std::vector<std::byte>& bytes() {
    std::vector<std::byte> body = std::move(out_);
    out_.clear();
    put(uint32_t{0x46554747});
    put(uint32_t{3});
    put(uint64_t{0});
    put(count_);
    out_.insert(out_.end(), body.begin(), body.end());
    return out_;
  }

 private:
  template <class T>
  void put(T value) {
    const auto* p = reinterpret_cast<const std::byte*>(&value);
    out_.insert(out_.end(), p, p + sizeof value);
  }
  void put_text(std::string_view text) {
    put(uint64_t{text.size()});
    const auto* p = reinterpret_cast<const std::byte*>(text.data());
    out_.insert(out_.end(), p, p + text.size());
  }
  void begin(std::string_view key, gguf::Type type) {
    ++count_;
    put_text(key);
    put(static_cast<uint32_t>(type));
  }
  void begin_array(std::string_view key, gguf::Type element, size_t n) {
    begin(key, gguf::Type::arr);
    put(static_cast<uint32_t>(element));
    put(uint64_t{n});
  }

  std::vector<std::byte> out_;
  uint64_t count_ = 0;
};

TEST(VocabKeys, everything) {
  KeyFile keys;
  keys.str("general.architecture", "llama");
  keys.str("general.name", "Phi-3");
  keys.str("tokenizer.ggml.model", "gpt2");
  keys.str("tokenizer.ggml.pre", "qwen2");
  keys.strs("tokenizer.ggml.tokens", {"a", "b", "ab", ""});
  keys.strs("tokenizer.ggml.merges", {"a b"});
  // some files store integers
  keys.numbers<int32_t>("tokenizer.ggml.scores", gguf::Type::i32, {1, -2, 3, 4});
  keys.numbers<int32_t>("tokenizer.ggml.token_type", gguf::Type::i32, {1, 3, 6, 5});
  keys.u32("tokenizer.ggml.bos_token_id", 2);
  keys.u32("tokenizer.ggml.eos_token_id", 0xffffffff);
  keys.u32("tokenizer.ggml.seperator_token_id", 3);
  keys.u32("tokenizer.ggml.fim_pre_token_id", 0);
  keys.u32("tokenizer.ggml.prefix_token_id", 1);
  keys.u32("tokenizer.ggml.middle_token_id", 2);
  keys.boolean("tokenizer.ggml.add_bos_token", false);
  keys.boolean("tokenizer.ggml.add_space_prefix", true);
  keys.numbers<int32_t>("tokenizer.ggml.suppress_tokens", gguf::Type::i32, {3});
  keys.str("tokenizer.chat_template", "main");
  keys.str("tokenizer.chat_template.tool_use", "tools");
  const Result<gguf::File> file = gguf::File::parse(keys.bytes());
  ASSERT_TRUE(file) << file.error().message;
  const Result<VocabData> data = read_vocab(*file);
  ASSERT_TRUE(data) << data.error().message;

  EXPECT_EQ(data->model, "gpt2");
  EXPECT_EQ(data->pre, "qwen2");
  EXPECT_EQ(data->arch, "llama");
  EXPECT_EQ(data->name, "Phi-3");
  EXPECT_EQ(data->tokens, (std::vector<std::string_view>{"a", "b", "ab", ""}));
  EXPECT_EQ(data->merges, (std::vector<std::string_view>{"a b"}));
  EXPECT_EQ(data->scores, (std::vector<float>{1, -2, 3, 4}));
  EXPECT_EQ(data->types, (std::vector<int32_t>{1, 3, 6, 5}));
  EXPECT_EQ(data->ids.bos, 2);
  EXPECT_EQ(data->ids.eos, kNoToken);
  EXPECT_EQ(data->ids.sep, 3);
  EXPECT_EQ(data->ids.fim_pre, 1) << "the old name wins";
  EXPECT_EQ(data->ids.fim_mid, 2);
  EXPECT_EQ(data->ids.unk, kNoToken);
  EXPECT_EQ(data->add_bos, false);
  EXPECT_EQ(data->add_eos, std::nullopt);
  EXPECT_EQ(data->add_space_prefix, true);
  EXPECT_EQ(data->suppressed, std::vector<Token>{3});
  EXPECT_EQ(data->chat_template, "main");
  ASSERT_EQ(data->named_templates.size(), 1u);
  EXPECT_EQ(data->named_templates[0], (std::pair<std::string, std::string>("tool_use", "tools")));
}

TEST(VocabKeys, little) {
  KeyFile keys;
  keys.str("general.architecture", "llama");
  keys.str("tokenizer.ggml.model", "none");
  keys.u32("llama.vocab_size", 99);
  const Result<gguf::File> file = gguf::File::parse(keys.bytes());
  ASSERT_TRUE(file);
  const Result<VocabData> data = read_vocab(*file);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->dummy_size, 99);
  EXPECT_EQ(data->pre, std::nullopt);
  EXPECT_TRUE(data->tokens.empty());
}

TEST(VocabKeys, charsmap) {
  const auto read = [](auto&& add) {
    KeyFile keys;
    keys.str("general.architecture", "bert");
    keys.str("tokenizer.ggml.model", "t5");
    keys.boolean("tokenizer.ggml.remove_extra_whitespaces", true);
    add(keys, "tokenizer.ggml.precompiled_charsmap");
    const Result<gguf::File> file = gguf::File::parse(keys.bytes());
    EXPECT_TRUE(file);
    return read_vocab(*file);
  };
  using Bytes = std::vector<uint8_t>;
  const auto bytes = read([](KeyFile& f, const char* key) {
    f.numbers<uint8_t>(key, gguf::Type::u8, {4, 0, 255});
  });
  ASSERT_TRUE(bytes) << bytes.error().message;
  EXPECT_EQ(bytes->charsmap, (Bytes{4, 0, 255}));
  EXPECT_EQ(bytes->remove_extra_whitespaces, true);
  const auto chars = read([](KeyFile& f, const char* key) {
    f.numbers<int8_t>(key, gguf::Type::i8, {4, 0, -1});
  });
  ASSERT_TRUE(chars) << chars.error().message;
  EXPECT_EQ(chars->charsmap, (Bytes{4, 0, 255}));
  const auto letters = read([](KeyFile& f, const char* key) {
    f.strs(key, {"B", "A", "D", "/", "A", "Q", "=", "="});
  });
  ASSERT_TRUE(letters) << letters.error().message;
  EXPECT_EQ(letters->charsmap, (Bytes{4, 0, 255, 1}));
  EXPECT_EQ(read([](KeyFile&, const char*) {})->charsmap, Bytes{});

  const auto no_base64 = read([](KeyFile& f, const char* key) {
    f.strs(key, {"B", "A", "?", "/"});
  });
  ASSERT_FALSE(no_base64);
  EXPECT_NE(no_base64.error().message.find("is no base64 text"), std::string::npos)
      << no_base64.error().message;
  const auto wide =
      read([](KeyFile& f, const char* key) { f.numbers<int32_t>(key, gguf::Type::i32, {4}); });
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().code, Errc::corrupt);
  EXPECT_FALSE(read([](KeyFile& f, const char* key) { f.u32(key, 4); }));
}

TEST(VocabKeys, wrong_types) {
  KeyFile none;
  none.str("general.architecture", "llama");
  const Result<gguf::File> empty = gguf::File::parse(none.bytes());
  ASSERT_TRUE(empty);
  EXPECT_EQ(read_vocab(*empty).error().code, Errc::not_found);

  KeyFile keys;
  keys.str("general.architecture", "llama");
  keys.str("tokenizer.ggml.model", "llama");
  keys.str("tokenizer.ggml.tokens", "not an array");
  const Result<gguf::File> file = gguf::File::parse(keys.bytes());
  ASSERT_TRUE(file);
  EXPECT_EQ(read_vocab(*file).error().code, Errc::corrupt);
}

}  // namespace
}  // namespace engine
