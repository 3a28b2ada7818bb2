// The directories that other tests convert: made of any tiny model, or an error.
#include "tests/support/hf_model.h"

#include <gtest/gtest.h>

#include "engine/convert/convert.h"
#include "engine/run/model.h"
#include "tests/gguf/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace engine::convert {
namespace {

class HfModel : public ::testing::Test {
 protected:
  Status write(const testing::TinyModel& options, const std::string& hf_class) {
    ENGINE_TRY_STATUS(testing::write_tiny_model(dir_.file("tiny.gguf"), options));
    ENGINE_TRY(file, gguf::File::open(dir_.file("tiny.gguf")));
    return testing::write_hf_model(file, hf_class, dir_.file("model"));
  }
  gguf::TempDir dir_;
};

TEST_F(HfModel, TinyModelsAreTakenApart) {
  testing::TinyModel options;
  for (const auto& [arch, hf_class] :
       {std::pair{"llama", "LlamaForCausalLM"}, {"qwen2", "Qwen2ForCausalLM"}}) {
    options.arch = arch;
    const Status written = write(options, hf_class);
    ASSERT_TRUE(written) << written.error().message;
    const auto pool = make_native_pool(1);
    ConvertOptions convert;
    convert.pool = pool.get();
    const Status converted = convert_directory(dir_.file("model"), dir_.file("out.gguf"), convert);
    ASSERT_TRUE(converted) << converted.error().message;
    const auto model = Model::load(dir_.file("out.gguf"), {}, *pool);
    ASSERT_TRUE(model) << model.error().message;
    EXPECT_EQ((*model)->info().architecture, arch);
  }
}

TEST_F(HfModel, WhatHasNoPlaceThereIsAnError) {
  testing::TinyModel options;
  options.type = DType::q8_0;
  const Status written = write(options, "LlamaForCausalLM");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::unsupported);
  EXPECT_NE(written.error().message.find("has the type q8_0"), std::string::npos)
      << written.error().message;
}

}  // namespace
}  // namespace engine::convert
