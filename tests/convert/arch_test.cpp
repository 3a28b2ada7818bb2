// Tiny models of every family, taken apart into the form of the hub and converted: the tensors are
// those of the recorded file again, and the logits the recorded ones.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/convert/convert.h"
#include "engine/core/json_io.h"
#include "engine/run/model.h"
#include "gguf/reader.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/data_dirs.h"
#include "tests/support/hf_model.h"

namespace engine::convert {
namespace {

struct Architecture {
  const char *folder, *name, *hf_class;
  int shards;
  bool computable;  // the engine runs the architecture, and the configuration can say all
};

std::ostream& operator<<(std::ostream& out, const Architecture& c) {
  return out << c.name;
}

constexpr Architecture kCases[] = {
    {"arch", "llama", "LlamaForCausalLM", 1, true},
    {"arch", "llama", "MistralForCausalLM", 3, true},
    {"arch", "qwen2", "Qwen2ForCausalLM", 2, true},
    {"arch", "qwen3", "Qwen3ForCausalLM", 1, true},
    {"arch", "gemma3", "Gemma3ForCausalLM", 2, true},
    {"arch", "phi3", "Phi3ForCausalLM", 1, false},
    {"arch-variants", "llama-gqa-freqs", "LlamaForCausalLM", 1, false},
    {"arch-variants", "llama-moe-4of2-gqa", "MixtralForCausalLM", 2, true},
    {"arch-variants", "qwen2-yarn-gqa", "Qwen2ForCausalLM", 1, true},
    {"arch-variants", "gemma3-rope8-gqa", "Gemma3ForCausalLM", 1, true},
};

class ConvertArch : public ::testing::TestWithParam<Architecture> {
 protected:
  void SetUp() override {
    folder_ = testing::shared_dir() + "/golden/" + GetParam().folder + "/";
    source_ = folder_ + GetParam().name + ".gguf";
    if (!std::ifstream(source_).good())
      GTEST_SKIP() << "SKIPPED LOUDLY: no golden data at " << source_;
    auto file = gguf::File::open(source_);
    ASSERT_TRUE(file) << file.error().message;
    const Status written =
        testing::write_hf_model(*file, GetParam().hf_class, dir_.file("model"), GetParam().shards);
    ASSERT_TRUE(written) << written.error().message;
    pool_ = make_native_pool(2);
    options_.pool = pool_.get();
    options_.progress = [this](int64_t done, int64_t total) {
      EXPECT_LE(done, total);
      done_ = done, total_ = total;
      return true;
    };
  }
  void convert() {
    const Status status = convert_directory(dir_.file("model"), dir_.file("out.gguf"), options_);
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_EQ(done_, total_) << "all bytes are reported";
    EXPECT_GT(total_, 0);
  }

  gguf::TempDir dir_;
  std::string folder_, source_;
  std::unique_ptr<ThreadPool> pool_;
  ConvertOptions options_;
  int64_t done_ = 0, total_ = -1;
};

std::string bytes_of(const gguf::File& file, std::string_view name) {
  const auto info = file.find(name);
  if (!info) return "";
  const auto view = file.view(*info);
  return {reinterpret_cast<const char*>(view->data), view->bytes()};
}

TEST_P(ConvertArch, tensors_are_those_of_the_recorded_file) {
  ASSERT_NO_FATAL_FAILURE(convert());
  auto want = gguf::File::open(source_), got = gguf::File::open(dir_.file("out.gguf"));
  ASSERT_TRUE(want && got);
  EXPECT_EQ(*got->str("general.architecture"), *want->str("general.architecture"));
  EXPECT_EQ(*got->u32("general.file_type"), 1u);
  const bool gemma = std::string_view(GetParam().hf_class).starts_with("Gemma");
  for (const gguf::TensorInfo& t : want->tensors()) {
    const std::string name(t.name);
    // Unused, not computable from a configuration, or one matrix in the converted file.
    if (name == "cls.output.weight" || name == "rope_freqs.weight") continue;
    if (!got->find("blk.0.attn_q.weight") && name.find("attn_q.") != std::string::npos) {
      const size_t at = name.find("attn_q.");
      const std::string front = name.substr(0, at), end = name.substr(at + 7);
      EXPECT_EQ(bytes_of(*got, front + "attn_qkv." + end),
                bytes_of(*want, name) + bytes_of(*want, front + "attn_k." + end) +
                    bytes_of(*want, front + "attn_v." + end));
      continue;
    }
    const auto found = got->find(t.name);
    if (!found) {
      EXPECT_TRUE(
          got->find("blk.0.attn_qkv.weight") &&
          (name.find("attn_k.") != std::string::npos || name.find("attn_v.") != std::string::npos))
          << name << " is missing";
      continue;
    }
    EXPECT_EQ(found->dtype, t.dtype) << name;
    for (int i = 0; i < 4; ++i) EXPECT_EQ(found->ne[i], t.ne[i]) << name;
    if (gemma && name.ends_with("norm.weight")) continue;  // minus one and plus one may round
    EXPECT_EQ(bytes_of(*got, name), bytes_of(*want, name)) << name;
  }
}

TEST_P(ConvertArch, logits_are_the_recorded_ones) {
  if (!GetParam().computable) GTEST_SKIP() << "not computed by the engine";
  ASSERT_NO_FATAL_FAILURE(convert());
  std::ifstream tokens_in(folder_ + "tokens.json"),
      logits_in(folder_ + GetParam().name + ".logits.f32", std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(tokens_in)), {}),
      raw((std::istreambuf_iterator<char>(logits_in)), {});
  auto json = parse_json(text);
  ASSERT_TRUE(json);
  std::vector<Token> tokens;
  for (const Json& t : json->is_array() ? *json : (*json)["tokens"])
    tokens.push_back(t.get<Token>());
  std::vector<float> want(raw.size() / 4);
  std::memcpy(want.data(), raw.data(), raw.size());

  LoadOptions options;
  options.n_ctx = 128;
  auto model = Model::load(dir_.file("out.gguf"), options, *pool_);
  ASSERT_TRUE(model) << model.error().message;
  auto sequence = (*model)->open({});
  ASSERT_TRUE(sequence) << sequence.error().message;
  const std::vector<OutputNeed> needs(tokens.size(), OutputNeed{OutputNeed::full});
  std::vector<float> got;
  for (size_t at = 0; at < tokens.size(); at += 8) {
    const size_t n = std::min<size_t>(8, tokens.size() - at);
    const Model::Rows rows{*sequence, std::span(tokens).subspan(at, n),
                           std::span(needs).subspan(at, n)};
    auto out = (*model)->step({&rows, 1});
    ASSERT_TRUE(out) << out.error().message;
    for (const RowOutput& r : *out) got.insert(got.end(), r.full.begin(), r.full.end());
  }
  ASSERT_EQ(got.size(), want.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i]) - want[i], 2);
    norm += std::pow(static_cast<double>(want[i]), 2);
  }
  EXPECT_LE(difference / norm, 5e-6);
}

INSTANTIATE_TEST_SUITE_P(Golden, ConvertArch, ::testing::ValuesIn(kCases), [](const auto& info) {
  std::string s = std::string(info.param.name) + "_" + info.param.hf_class;
  for (char& c : s)
    if (c == '-') c = '_';
  return s;
});

}  // namespace
}  // namespace engine::convert
