// Tokens, texts and chat templates.
#include <cstring>

#include "tests/capi/fixture.h"
#include "tests/run/random_model.h"

namespace engine {
namespace {

using CapiText = CapiTest;

TEST_F(CapiText, RoundTrip) {
  for (const std::string& text : {std::string("the sky is blue"), std::string("grüße, 世界"),
                                  std::string(), std::string("a\0b", 3)})
    EXPECT_EQ(detokenize(tokenize(text)), text);
  EXPECT_EQ(detokenize(tokenize("a\xff")), "a\uFFFD");
}

TEST_F(CapiText, Flags) {
  const Ids plain = tokenize("<|im_end|>");
  const Ids special = tokenize("<|im_end|>", ENGINE_PARSE_SPECIAL);
  EXPECT_GT(plain.size(), 1u);
  ASSERT_EQ(special.size(), 1u);
  EXPECT_EQ(detokenize(special), "");
  EXPECT_EQ(detokenize(special, ENGINE_SHOW_SPECIAL), "<|im_end|>");
  EXPECT_EQ(detokenize(special, ENGINE_SHOW_SPECIAL | ENGINE_REMOVE_SPECIAL), "<|im_end|>");
  size_t n = 0;
  EXPECT_FAILS(engine_tokenize(model_, "a", 1, 4, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT, "0x4");
  EXPECT_FAILS(engine_detokenize(model_, plain.data(), 1, 1, nullptr, 0, &n),
               ENGINE_INVALID_ARGUMENT, "0x1");
}

TEST_F(CapiText, BuffersOfTokens) {
  const std::string text = "the sky";
  const Ids expected = tokenize(text);
  ASSERT_GE(expected.size(), 2u);
  Ids ids(expected.size(), -5);
  size_t n = 0;
  EXPECT_FAILS(engine_tokenize(model_, text.data(), text.size(), 0, ids.data(), ids.size() - 1, &n),
               ENGINE_BUFFER_TOO_SMALL, "too small");
  EXPECT_EQ(n, expected.size());
  EXPECT_EQ(ids, Ids(expected.size(), -5));
  ASSERT_EQ(engine_tokenize(model_, text.data(), text.size(), 0, ids.data(), ids.size(), &n),
            ENGINE_OK);
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(engine_tokenize(model_, nullptr, 0, 0, nullptr, 0, &n), ENGINE_OK);
  EXPECT_EQ(n, 0u);
}

TEST_F(CapiText, BuffersOfText) {
  const Ids ids = tokenize("sky");
  char text[4] = "???";
  size_t n = 0;
  EXPECT_FAILS(engine_detokenize(model_, ids.data(), ids.size(), 0, text, 3, &n),
               ENGINE_BUFFER_TOO_SMALL, "too small");
  EXPECT_EQ(n, 3u);
  EXPECT_STREQ(text, "???");
  ASSERT_EQ(engine_detokenize(model_, ids.data(), ids.size(), 0, text, 4, &n), ENGINE_OK);
  EXPECT_STREQ(text, "sky");
  EXPECT_EQ(engine_detokenize(model_, nullptr, 0, 0, text, 4, nullptr), ENGINE_OK);
  EXPECT_STREQ(text, "");
}

TEST_F(CapiText, BadArguments) {
  size_t n = 0;
  const Ids ids = tokenize("sky");
  EXPECT_FAILS(engine_tokenize(nullptr, "a", 1, 0, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "model is null");
  EXPECT_FAILS(engine_tokenize(model_, nullptr, 1, 0, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "text is null");
  EXPECT_FAILS(engine_tokenize(model_, "a", 1, 0, nullptr, 0, nullptr), ENGINE_INVALID_ARGUMENT,
               "n_tokens");
  EXPECT_FAILS(engine_tokenize(model_, "a", SIZE_MAX, 0, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "too long");
  EXPECT_FAILS(engine_detokenize(nullptr, ids.data(), 1, 0, nullptr, 0, &n),
               ENGINE_INVALID_ARGUMENT, "model is null");
  EXPECT_FAILS(engine_detokenize(model_, nullptr, 1, 0, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "tokens is null");
  EXPECT_FAILS(engine_detokenize(model_, ids.data(), 1, 0, nullptr, 0, nullptr),
               ENGINE_INVALID_ARGUMENT, "n_bytes");
  for (engine_token bad : {-1, 100000, INT32_MAX, INT32_MIN})
    EXPECT_FAILS(engine_detokenize(model_, &bad, 1, 0, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
                 "outside the vocabulary");
}

TEST_F(CapiText, Chat) {
  const engine_message messages[] = {{"system", "be brief"}, {"user", "hello"}};
  const std::string expected =
      "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n";
  const std::string opened = expected + "<|im_start|>assistant\n";
  std::string text(opened.size() + 1, '?');
  size_t n = 0;
  ASSERT_EQ(engine_render_chat(model_, messages, 2, 1, text.data(), text.size(), &n), ENGINE_OK);
  EXPECT_EQ(text.c_str(), opened);
  EXPECT_EQ(n, opened.size());
  ASSERT_EQ(engine_render_chat(model_, messages, 2, 0, text.data(), text.size(), &n), ENGINE_OK);
  EXPECT_EQ(text.c_str(), expected);
  EXPECT_EQ(n, expected.size());
  ASSERT_EQ(engine_render_chat(model_, messages, 2, 0, nullptr, 0, &n), ENGINE_OK);
  EXPECT_FAILS(engine_render_chat(model_, messages, 2, 0, text.data(), n, &n),
               ENGINE_BUFFER_TOO_SMALL, "too small");
}

TEST_F(CapiText, ChatErrors) {
  size_t n = 0;
  const engine_message good = {"user", "hello"};
  EXPECT_FAILS(engine_render_chat(nullptr, &good, 1, 1, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "model is null");
  EXPECT_FAILS(engine_render_chat(model_, nullptr, 1, 1, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "messages is null");
  EXPECT_FAILS(engine_render_chat(model_, &good, 0, 1, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "no messages");
  EXPECT_FAILS(engine_render_chat(model_, &good, 1, 1, nullptr, 0, nullptr),
               ENGINE_INVALID_ARGUMENT, "n_bytes");
  const engine_message bad[] = {{"user", "a"}, {nullptr, "b"}, {"user", nullptr}};
  EXPECT_FAILS(engine_render_chat(model_, bad, 2, 1, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "messages[1].role");
  EXPECT_FAILS(engine_render_chat(model_, bad + 2, 1, 1, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "messages[0].content");
}

TEST_F(CapiText, ATemplateMayRefuse) {
  testing::TinyModel picky;
  picky.chat_template =
      "{% for m in messages %}{% if m.role == 'pirate' %}{{ raise_exception('no pirates') }}"
      "{% endif %}{{ m.content }}{% endfor %}";
  write("picky.gguf", picky);
  open("picky.gguf");
  const engine_message pirate = {"pirate", "arr"}, invalid = {"user", "\xff\xc3"};
  size_t n = 0;
  EXPECT_FAILS(engine_render_chat(model_, &pirate, 1, 1, nullptr, 0, &n), ENGINE_INVALID_ARGUMENT,
               "no pirates");
  EXPECT_FAILS(engine_chat(model_, &pirate, 1, nullptr, nullptr, nullptr, nullptr),
               ENGINE_INVALID_ARGUMENT, "no pirates");
  EXPECT_EQ(engine_render_chat(model_, &invalid, 1, 1, nullptr, 0, &n), ENGINE_OK);
}

TEST_F(CapiText, WithoutATemplateItIsChatMl) {
  testing::TinyModel plain;
  plain.chat_template = "";
  write("plain.gguf", plain);
  open("plain.gguf");
  const engine_message hello = {"user", "hello"};
  char text[200];
  ASSERT_EQ(engine_render_chat(model_, &hello, 1, 1, text, sizeof text, nullptr), ENGINE_OK);
  EXPECT_STREQ(text, "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(CapiText, AModelWithoutAVocabulary) {
  const auto bytes = random_model_bytes();
  gguf::write_file(path("ids.gguf"), {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  open("ids.gguf");
  size_t n = 0;
  const engine_token id = 3;
  const engine_message hello = {"user", "hello"};
  EXPECT_FAILS(engine_tokenize(model_, "a", 1, 0, nullptr, 0, &n), ENGINE_UNSUPPORTED, "tokenizer");
  EXPECT_FAILS(engine_detokenize(model_, &id, 1, 0, nullptr, 0, &n), ENGINE_UNSUPPORTED,
               "tokenizer");
  EXPECT_FAILS(engine_generate(model_, "a", nullptr, nullptr, nullptr, nullptr), ENGINE_UNSUPPORTED,
               "tokenizer");
  EXPECT_FAILS(engine_chat(model_, &hello, 1, nullptr, nullptr, nullptr, nullptr),
               ENGINE_UNSUPPORTED, "tokenizer");
  EXPECT_EQ(engine_render_chat(model_, &hello, 1, 1, nullptr, 0, &n), ENGINE_OK);
  std::vector<float> logits(kTinyVocab);
  EXPECT_EQ(engine_logits(model_, &id, 1, logits.data(), logits.size()), ENGINE_OK);
}

}  // namespace
}  // namespace engine
