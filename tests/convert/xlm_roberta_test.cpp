// A tiny model of the XLM-R family, written as the hub has it, converted and asked: the tokens of
// SentencePiece, positions behind the padding token, vectors and rankings.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "engine/convert/convert.h"
#include "engine/core/json_io.h"
#include "engine/run/embed.h"
#include "engine/text/tokenizer.h"
#include "gguf/reader.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/hf_model.h"

namespace engine::convert {
namespace {

using testing::HfTensor;

constexpr int kEmbd = 48, kHeads = 3, kFf = 96, kLayers = 2, kContext = 64;

Json golden() {
  std::ifstream in(ENGINE_SOURCE_DIR "/tests/text/data/unigram.json");
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto json = parse_json(text);
  EXPECT_TRUE(json) << json.error().message;
  return json ? *json : Json();
}

// The pieces of the recorded vocabulary in the order of this family: <s>, <pad>, </s> and <unk>
// instead of <unk>, <s> and </s>, and <mask> behind all others.
Json family_pieces(const Json& recorded) {
  Json out = Json::array({{"<s>", 0}, {"<pad>", 0}, {"</s>", 0}, {"<unk>", 0}});
  for (size_t i = 3; i < recorded.size(); ++i) out.push_back({recorded[i][0], recorded[i][1]});
  out.push_back({"<mask>", 0});
  return out;
}

Json special(const char* token) {
  return {{"SpecialToken", {{"id", token}, {"type_id", 0}}}};
}

Json tokenizer_json(const Json& recorded) {
  const Json pieces = family_pieces(recorded["pieces"]);
  Json added = Json::array();
  for (const int id : {0, 1, 2, 3, static_cast<int>(pieces.size()) - 1})
    added.push_back(
        {{"id", id}, {"content", pieces[static_cast<size_t>(id)][0]}, {"special", true}});
  const Json a = {{"Sequence", {{"id", "A"}}}}, b = {{"Sequence", {{"id", "B"}}}};
  const Json first = special("<s>"), last = special("</s>");
  return {{"added_tokens", added},
          {"normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", recorded["charsmap"]}}},
          {"pre_tokenizer",
           {{"type", "Sequence"},
            {"pretokenizers", Json::array({{{"type", "WhitespaceSplit"}},
                                           {{"type", "Metaspace"}, {"add_prefix_space", true}}})}}},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", Json::array({first, a, last})},
            {"pair", Json::array({first, a, last, last, b, last})}}},
          {"model", {{"type", "Unigram"}, {"unk_id", 3}, {"vocab", pieces}}}};
}

class XlmRoberta : public ::testing::Test {
 protected:
  void SetUp() override {
    recorded_ = golden();
    ASSERT_TRUE(recorded_.contains("pieces"));
    words_ = static_cast<int>(recorded_["pieces"].size()) + 2;
    rows_ = words_ + 3;  // the embedding has a few more, as published models do
  }

  std::vector<float> numbers(size_t n) {
    std::vector<float> out(n);
    for (float& x : out) x = static_cast<float>(random_() % 2001) / 1000 - 1;
    return out;
  }
  void tensor(const std::string& name, std::vector<int64_t> shape, std::vector<float> values) {
    HfTensor t{prefix_ + name, "F32", std::move(shape), ""};
    t.bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    tensors_.push_back(std::move(t));
  }
  void linear(const std::string& name, int rows, int columns) {
    tensor(name + ".weight", {rows, columns}, numbers(static_cast<size_t>(rows * columns)));
    tensor(name + ".bias", {rows}, numbers(static_cast<size_t>(rows)));
  }
  void norm(const std::string& name) {
    tensor(name + ".weight", {kEmbd}, std::vector<float>(kEmbd, 1.0f));
    tensor(name + ".bias", {kEmbd}, std::vector<float>(kEmbd, 0.0f));
  }

  // front: rows of the position table before the first position. The rest is the same every time.
  void write(const std::string& hf_class, int front, const std::string& prefix = "") {
    const std::string dir = dir_.file(hf_class);
    random_.seed(3);
    prefix_ = prefix;
    tensors_.clear();
    const auto table = [&](int rows) { return numbers(static_cast<size_t>(rows * kEmbd)); };
    tensor("embeddings.word_embeddings.weight", {rows_, kEmbd}, table(rows_));
    tensor("embeddings.token_type_embeddings.weight", {1, kEmbd}, table(1));
    std::vector<float> positions(static_cast<size_t>(front * kEmbd), 1000.0f);
    for (const float x : table(kContext)) positions.push_back(x);
    tensor("embeddings.position_embeddings.weight", {front + kContext, kEmbd}, positions);
    norm("embeddings.LayerNorm");
    for (int il = 0; il < kLayers; ++il) {
      const std::string layer = "encoder.layer." + std::to_string(il) + ".";
      for (const char* name : {"attention.self.query", "attention.self.key", "attention.self.value",
                               "attention.output.dense"})
        linear(layer + name, kEmbd, kEmbd);
      norm(layer + "attention.output.LayerNorm");
      linear(layer + "intermediate.dense", kFf, kEmbd);
      linear(layer + "output.dense", kEmbd, kFf);
      norm(layer + "output.LayerNorm");
    }
    prefix_ = "";
    if (hf_class.ends_with("ForSequenceClassification")) {
      linear("classifier.dense", kEmbd, kEmbd);
      linear("classifier.out_proj", 1, kEmbd);
    } else if (prefix.empty()) {
      linear("pooler.dense", kEmbd, kEmbd);
    } else {
      linear("lm_head.dense", kEmbd, kEmbd);
    }
    testing::write_hf_weights(tensors_, dir, 1);
    testing::write_text(dir + "/config.json",
                        dump_json({{"architectures", {hf_class}},
                                   {"bos_token_id", 0},
                                   {"pad_token_id", 1},
                                   {"eos_token_id", 2},
                                   {"hidden_act", "gelu"},
                                   {"hidden_size", kEmbd},
                                   {"intermediate_size", kFf},
                                   {"layer_norm_eps", 1e-5},
                                   {"max_position_embeddings", front + kContext},
                                   {"num_attention_heads", kHeads},
                                   {"num_hidden_layers", kLayers},
                                   {"position_embedding_type", "absolute"},
                                   {"type_vocab_size", 1},
                                   {"vocab_size", rows_}}));
    testing::write_text(dir + "/tokenizer.json", dump_json(tokenizer_json(recorded_)));
    testing::write_text(dir + "/modules.json",
                        R"([{"type":"sentence_transformers.models.Pooling","path":"1_Pooling"},
                            {"type":"sentence_transformers.models.Normalize","path":"2_Normalize"}])");
    testing::write_text(dir + "/1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  }

  std::unique_ptr<Model> converted(const std::string& hf_class) {
    ConvertOptions options;
    options.type = OutType::f32;
    options.pool = pool_.get();
    const std::string out = dir_.file(hf_class + ".gguf");
    const Status status = convert_directory(dir_.file(hf_class), out, options);
    EXPECT_TRUE(status) << status.error().message;
    if (!status) return nullptr;
    auto model = Model::load(out, {}, *pool_);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }

  static std::vector<float> vector_of(Model& model, const std::string& text) {
    auto result = embed_texts(model, std::vector<std::string>{text}, {});
    EXPECT_TRUE(result) << result.error().message;
    return result ? result->vectors[0] : std::vector<float>();
  }

  gguf::TempDir dir_;
  Json recorded_;
  int words_ = 0, rows_ = 0;
  std::string prefix_;
  std::mt19937 random_;
  std::vector<HfTensor> tensors_;
  std::unique_ptr<ThreadPool> pool_ = make_native_pool(2);
};

TEST_F(XlmRoberta, keys) {
  write("XLMRobertaModel", 2);
  const auto model = converted("XLMRobertaModel");
  ASSERT_TRUE(model);
  const gguf::File& file = *model->file();
  EXPECT_EQ(*file.str("general.architecture"), "bert");
  EXPECT_EQ(*file.u32("bert.context_length"), unsigned{kContext});
  EXPECT_EQ(*file.u32("bert.pooling_type"), 2u);
  EXPECT_FALSE(*file.boolean("bert.attention.causal"));
  EXPECT_TRUE(*file.boolean("bert.normalize_embeddings"));
  EXPECT_EQ(*file.str("tokenizer.ggml.model"), "t5");
  EXPECT_EQ(*file.u32("tokenizer.ggml.token_type_count"), 1u);
  EXPECT_EQ(*file.u32("tokenizer.ggml.bos_token_id"), 0u);
  EXPECT_EQ(*file.u32("tokenizer.ggml.padding_token_id"), 1u);
  EXPECT_EQ(*file.u32("tokenizer.ggml.eos_token_id"), 2u);
  EXPECT_EQ(*file.u32("tokenizer.ggml.seperator_token_id"), 2u);
  EXPECT_EQ(*file.u32("tokenizer.ggml.unknown_token_id"), 3u);
  for (const char* flag : {"add_bos_token", "add_eos_token", "add_sep_token", "add_space_prefix",
                           "remove_extra_whitespaces"})
    EXPECT_TRUE(*file.boolean(std::string("tokenizer.ggml.") + flag)) << flag;
  EXPECT_GT(file.key("tokenizer.ggml.precompiled_charsmap")->count(), 1000u);
  EXPECT_EQ(file.find("position_embd.weight")->ne[1], kContext) << "two rows are left out";
  EXPECT_EQ(file.find("token_embd.weight")->ne[1], rows_);
  EXPECT_EQ(file.strs("tokenizer.ggml.tokens")->size(), static_cast<size_t>(rows_));
  const std::vector<int32_t> types = *file.i32s("tokenizer.ggml.token_type");
  EXPECT_EQ(types[0], 3);
  EXPECT_EQ(types[3], 2);
  EXPECT_EQ(types[4], 1);
  EXPECT_EQ(types[static_cast<size_t>(words_) - 1], 3) << "<mask>";
  EXPECT_EQ(types[static_cast<size_t>(words_)], 5) << "a row without a token";
}

TEST_F(XlmRoberta, tokens_are_those_of_sentencepiece) {
  write("XLMRobertaModel", 2);
  const auto model = converted("XLMRobertaModel");
  ASSERT_TRUE(model);
  for (const Json& c : recorded_["cases"]) {
    const std::string text = c[0].get<std::string>();
    std::vector<Token> want{0}, got;
    for (const Json& id : c[1]) want.push_back(id == 0 ? 3 : id.get<Token>() + 1);
    want.push_back(2);
    ASSERT_TRUE(model->tokenizer()->encode(text, {true, true}, got));
    EXPECT_EQ(got, want) << text;
  }
}

// The same numbers as a model whose table begins with the first position.
TEST_F(XlmRoberta, positions_begin_behind_the_padding_token) {
  write("XLMRobertaModel", 2);
  write("XLMRobertaForMaskedLM", 2, "roberta.");
  write("BertModel", 0);
  const auto model = converted("XLMRobertaModel"), masked = converted("XLMRobertaForMaskedLM"),
             bert = converted("BertModel");
  ASSERT_TRUE(model && masked && bert);
  for (const char* text : {"Hello, world!", "日本語のテキストです。", "a b", "b a", ""}) {
    const std::vector<float> got = vector_of(*model, text), want = vector_of(*bert, text);
    ASSERT_EQ(got.size(), size_t{kEmbd});
    EXPECT_EQ(got, want) << text;
    EXPECT_EQ(vector_of(*masked, text), want) << text;
    double length = 0;
    for (const float x : got) length += double{x} * x;
    EXPECT_NEAR(length, 1, 1e-4) << text;
  }
  EXPECT_NE(vector_of(*model, "a b"), vector_of(*model, "b a")) << "the order counts";
}

TEST_F(XlmRoberta, documents_are_ranked) {
  write("XLMRobertaForSequenceClassification", 2, "roberta.");
  const auto model = converted("XLMRobertaForSequenceClassification");
  ASSERT_TRUE(model);
  EXPECT_TRUE(check_can_rank(*model));
  const auto tokens = ranking_tokens(*model, "a", "b");
  ASSERT_TRUE(tokens) << tokens.error().message;
  std::vector<Token> a, b, want{0};
  ASSERT_TRUE(model->tokenizer()->encode("a", {false, false}, a));
  ASSERT_TRUE(model->tokenizer()->encode("b", {false, false}, b));
  want.insert(want.end(), a.begin(), a.end());
  want.insert(want.end(), {2, 2});
  want.insert(want.end(), b.begin(), b.end());
  want.push_back(2);
  EXPECT_EQ(*tokens, want) << "<s> a </s> </s> b </s>";
  EXPECT_EQ(model->file()->find("cls.weight")->ne[1], kEmbd);
  EXPECT_EQ(model->file()->find("cls.output.weight")->ne[1], 1);
  EXPECT_EQ(vector_of(*model, "a").size(), 1u) << "one score";
}

}  // namespace
}  // namespace engine::convert
