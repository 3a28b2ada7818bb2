// The verbs quantize, gguf-split and imatrix of the built program: output that other programs read, messages, exit codes.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "engine/quantize/importance.h"
#include "tests/quantize/model.h"
#include "tests/support/tiny_model.h"

namespace engine::quant {
namespace {

class Verbs : public ::testing::Test {
 protected:
  // Exit code; what it printed is in out_ and err_.
  int run(const std::string& arguments) {
    const std::string command = "cd '" + dir_.file("") +
                                "' && HOME=. OLLAMA_MODELS=./store '" ENGINE_PROGRAM "' " +
                                arguments + " > .out 2> .err < /dev/null";
    const int status = std::system(command.c_str());
    out_ = gguf::read_file(dir_.file(".out")), err_ = gguf::read_file(dir_.file(".err"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  void expect_error(const std::string& arguments, const std::string& message) {
    EXPECT_EQ(run(arguments), 1) << arguments;
    // Verbs with the flags of llama.cpp's programs say it as those do.
    const std::string first = arguments.starts_with("imatrix") ? "error: " : "Error: ";
    EXPECT_EQ(err_.substr(0, 7 + message.size()), first + message) << arguments;
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
  }
  bool exists(const char* name) { return std::filesystem::exists(dir_.file(name)); }

  gguf::TempDir dir_;
  std::string out_, err_;
};

TEST_F(Verbs, QuantizePrintsALinePerTensorAndTheSums) {
  testing::write_small_model(dir_.file("in.gguf"));
  ASSERT_EQ(run("quantize in.gguf out.gguf q4_k_m 2"), 0) << err_;
  EXPECT_NE(out_.find(std::string("[   1/  30]") + std::string(24, ' ') +
                      "output.weight - [  256,    96,     1,     "
                      "1], type =    f16, "
                      "converting to q6_k .. size ="),
            std::string::npos)
      << out_;
  EXPECT_NE(out_.find("type =    f32, size ="), std::string::npos);
  EXPECT_NE(out_.find("model size  ="), std::string::npos);
  EXPECT_NE(out_.find("BPW)"), std::string::npos);
  EXPECT_NE(out_.find("quantize time ="), std::string::npos);
  EXPECT_TRUE(exists("out.gguf"));
}

TEST_F(Verbs, QuantizeChoosesTheNameOfTheOutput) {
  testing::write_small_model(dir_.file("in.gguf"));
  ASSERT_EQ(run("quantize in.gguf Q8_0"), 0) << err_;
  EXPECT_TRUE(exists("ggml-model-Q8_0.gguf"));
  ASSERT_EQ(run("quantize ./in.gguf 2"), 0) << err_;
  EXPECT_TRUE(exists("ggml-model-Q4_0.gguf"));
  ASSERT_EQ(run("quantize --dry-run in.gguf dry.gguf Q4_0"), 0) << err_;
  EXPECT_FALSE(exists("dry.gguf"));
  ASSERT_EQ(run("quantize in.gguf copy.gguf COPY"), 0) << err_;
  EXPECT_TRUE(exists("copy.gguf"));
}

TEST_F(Verbs, QuantizeSaysWhatIsWrong) {
  testing::write_small_model(dir_.file("in.gguf"));
  ASSERT_EQ(run("quantize in.gguf q8.gguf Q8_0"), 0) << err_;
  expect_error("quantize", "no input file given");
  expect_error("quantize in.gguf", "missing ftype: choose one of F32, F16,");
  expect_error("quantize in.gguf out.gguf", "missing ftype");
  expect_error("quantize in.gguf Q4_9", "invalid ftype 'Q4_9': choose one of F32, F16,");
  expect_error("quantize in.gguf out.gguf Q4_9", "invalid ftype 'Q4_9'");
  expect_error("quantize in.gguf out.gguf IQ2_XS", "type IQ2_XS can be read but not written");
  expect_error("quantize in.gguf out.gguf Q4_0 many", "invalid nthread 'many'");
  expect_error("quantize in.gguf in.gguf Q4_0", "input and output files are the same: 'in.gguf'");
  expect_error("quantize q8.gguf out.gguf Q4_0", "requantizing from type q8_0 is disabled");
  expect_error("quantize none.gguf out.gguf Q4_0", "");
  expect_error("quantize --imatrix none in.gguf out.gguf Q4_0", "");
  expect_error("quantize --tensor-type attn in.gguf out.gguf Q4_0", "malformed tensor type 'attn'");
  expect_error("quantize --tensor-type attn=q9 in.gguf out.gguf Q4_0",
               "invalid type 'q9' of a tensor");
  expect_error("quantize --include-weights a --exclude-weights b in.gguf out.gguf Q4_0",
               "--include-weights and --exclude-weights cannot go together");
  expect_error("quantize --prune-layers 1,x in.gguf out.gguf Q4_0", "invalid list of layers '1,x'");
  EXPECT_FALSE(exists("out.gguf"));
}

TEST_F(Verbs, SplitAndMerge) {
  testing::write_small_model(dir_.file("in.gguf"));
  ASSERT_EQ(run("gguf-split split --split-max-tensors 16 in.gguf part"), 0) << err_;
  EXPECT_EQ(out_.find("n_split: 2\nsplit 00001: n_tensors = 16, total_size = "), 0u) << out_;
  ASSERT_EQ(run("gguf-split --merge part-00001-of-00002.gguf back.gguf"), 0) << err_;
  EXPECT_TRUE(exists("back.gguf"));
  ASSERT_EQ(run("split merge --delete-splits part-00001-of-00002.gguf again.gguf"), 0) << err_;
  EXPECT_FALSE(exists("part-00001-of-00002.gguf"));
  EXPECT_FALSE(exists("part-00002-of-00002.gguf"));
  expect_error("gguf-split in.gguf", "two names are needed");
  expect_error("gguf-split merge in.gguf x.gguf", "in.gguf is no part of a split file");
  expect_error("gguf-split --split-max-size 5K in.gguf x", "invalid split size '5K'");
}

TEST_F(Verbs, AMatrixIsMeasuredMergedShownAndUsed) {
  ASSERT_TRUE(engine::testing::write_tiny_model(dir_.file("tiny.gguf")));
  std::string text;
  for (int i = 0; i < 400; ++i) text += "word " + std::to_string(i * i) + " and ";
  gguf::write_file(dir_.file("text.txt"), text);
  ASSERT_EQ(run("imatrix tiny.gguf -f text.txt -c 64 --chunks 3 -o a.gguf"), 0) << err_;
  EXPECT_NE(out_.find("[3]"), std::string::npos) << out_;
  ASSERT_EQ(
      run("imatrix -m tiny.gguf -f text.txt -c 64 --chunks 2 --no-ppl --in-file a.gguf -o b.dat"),
      0)
      << err_;
  const auto both = read_importance(dir_.file("b.dat"));
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->chunk_count, 5u);
  ASSERT_EQ(run("imatrix --in-file b.dat --show-statistics"), 0) << err_;
  EXPECT_NE(out_.find("blk.0.attn_q.weight"), std::string::npos);
  ASSERT_EQ(run("quantize --imatrix a.gguf tiny.gguf out.gguf Q4_0"), 0) << err_;
  const auto out = gguf::File::open(dir_.file("out.gguf"));
  ASSERT_TRUE(out);
  EXPECT_EQ(*out->str("quantize.imatrix.file"), "a.gguf");
  EXPECT_EQ(*out->str("quantize.imatrix.dataset"), "text.txt");
  expect_error("imatrix tiny.gguf", "no text given");
  expect_error("imatrix -f text.txt", "no model specified");
  expect_error("imatrix --show-statistics", "no file to show");
}

}  // namespace
}  // namespace engine::quant
