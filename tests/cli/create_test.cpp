// `engine create` and what `engine show` says of the models it makes, without a server.
#include <fmt/format.h>

#include <fstream>

#include "tests/cli/program.h"
#include "tests/support/split_model.h"
#include "tests/support/tiny_model.h"

namespace engine {
namespace {

class CreateProgram : public Program {
 protected:
  void SetUp() override {
    Program::SetUp();
    ASSERT_TRUE(testing::write_tiny_model(home_ + "/tiny.gguf"));
  }
  std::string write(const std::string& name, const std::string& text) {
    const std::string path = home_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  // A Modelfile beside tiny.gguf.
  Outcome create(const std::string& modelfile, const std::string& arguments) {
    return run("create -f " + in_quotes(write("Modelfile", modelfile)) + " " + arguments);
  }
  std::string show(const std::string& arguments) { return run("show " + arguments).out; }
};

constexpr const char* kBlog =
    "# comment\nFROM deepseek:1.5b\nNAME my_custom_deepseek\n"
    "DESCRIPTION \"A custom model based on deepseek:1.5b with custom data\"\n"
    "PARAMETER file \"./custom_data.txt\"\nPARAMETER num_train_epochs 3\n"
    "PARAMETER learning_rate 2e-5\nPARAMETER per_device_train_batch_size 4\n";

TEST_F(CreateProgram, FromAFileAndShown) {
  const Outcome made = create(
      "FROM ./tiny.gguf\nSYSTEM \"\"\"be\nkind\"\"\"\nPARAMETER temperature 0.7\nPARAMETER stop "
      "\"a b\"\nLICENSE MIT\nMESSAGE user hi\nTEMPLATE {{ .Prompt }}\n",
      "mine");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out, "");
  EXPECT_NE(made.err.find("success"), std::string::npos) << made.err;
  EXPECT_EQ(made.err.find('\x1b'), std::string::npos) << made.err;
  EXPECT_EQ(show("mine --system"), "be\nkind");
  EXPECT_EQ(show("mine --template"), "{{ .Prompt }}");
  EXPECT_EQ(show("mine --license"), "MIT\n");
  EXPECT_EQ(show("mine --parameters"),
            "stop                           \"a b\"\ntemperature                    0.7\n");
  const std::string modelfile = show("mine --modelfile");
  EXPECT_NE(modelfile.find("\nSYSTEM \"be\nkind\"\n"), std::string::npos) << modelfile;

  // what show prints makes the same model again
  const Outcome again = create(modelfile, "again");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(show("again --system"), "be\nkind");
  EXPECT_EQ(show("again --parameters"), show("mine --parameters"));
  const Outcome two = run("show mine --system --license");
  EXPECT_EQ(two.code, 1);
  EXPECT_EQ(two.err,
            "Error: only one of '--license', '--modelfile', '--parameters', '--system', or "
            "'--template' can be specified\n");
}

TEST_F(CreateProgram, TheModelfileOfTheBlog) {
  ASSERT_EQ(create("FROM ./tiny.gguf\n", "deepseek-r1:1.5b").code, 0);
  const Outcome made = create(kBlog, "");
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string end =
      " is a training setting; this engine does not train. Recorded, without effect";
  const std::string warnings = "warning: line 5: parameter file" + end +
                               " (./custom_data.txt does not exist)\n"
                               "warning: line 6: parameter num_train_epochs" +
                               end + "\nwarning: line 7: parameter learning_rate" + end +
                               "\nwarning: line 8: parameter per_device_train_batch_size" + end +
                               "\nwarning: my_custom_deepseek answers exactly like "
                               "deepseek-r1:1.5b (4 training settings recorded, none applied)\n";
  EXPECT_TRUE(made.err.starts_with(warnings)) << made.err;
  EXPECT_NE(made.err.find("note: deepseek:1.5b is not in the registry, using deepseek-r1:1.5b"),
            std::string::npos)
      << made.err;
  const std::string shown = show("my_custom_deepseek");
  EXPECT_NE(shown.find("  Description\n    A custom model based on deepseek:1.5b with custom data"),
            std::string::npos)
      << shown;
  const size_t training = shown.find("  Training (recorded, not applied)\n");
  ASSERT_NE(training, std::string::npos) << shown;
  for (const char* row : {"    file", "custom_data.txt", "    learning_rate", "2e-5"})
    EXPECT_NE(shown.find(row, training), std::string::npos) << row << shown;
  const std::string modelfile = show("my_custom_deepseek --modelfile");
  EXPECT_NE(modelfile.find("# PARAMETER file custom_data.txt  (training, not applied)\n"),
            std::string::npos)
      << modelfile;
  EXPECT_NE(modelfile.find("# NAME my_custom_deepseek"), std::string::npos);

  const Outcome given = create(kBlog, "other");
  EXPECT_EQ(given.code, 0);
  EXPECT_NE(given.err.find("warning: line 3: NAME my_custom_deepseek ignored, creating other\n"),
            std::string::npos)
      << given.err;
}

TEST_F(CreateProgram, OneLineForEachMistake) {
  ASSERT_EQ(create("FROM ./tiny.gguf\n", "base").code, 0);
  struct Case {
    std::string modelfile, arguments, message;
  };
  for (const Case& c :
       {Case{"FROM base\nPARAMETER numctx 1\n", "x",
             "Error: unknown parameter 'numctx' (line 2)\ndid you mean 'num_ctx'?\n"},
        Case{"FROM base\n", "",
             "Error: create needs a model name: engine create MODEL, or NAME in the Modelfile\n"},
        Case{"FROM base\n", "a@b", "Error: invalid model name\n"},
        Case{"FROM base\nNAME a@b\n", "", "Error: (line 2): invalid model name in NAME: a@b\n"},
        Case{"FROM base# comment NAME x\n", "",
             "Error: invalid model name\n'#' starts a comment only at the beginning of a line\n"},
        Case{"FROM base\nADAPTER ./none\n", "x",
             "Error: (line 2): ADAPTER ./none does not exist\n"},
        Case{"FROM ./tiny.gguf\nDRAFT tiny.gguf\n", "x",
             "Error: DRAFT must not reference the same local path as FROM: tiny.gguf\n"},
        Case{"SYSTEM x\n", "x", "Error: no FROM line\n"},
        Case{"FROM base\nSYSTEM \"x\n", "x", "Error: unexpected EOF\n"},
        Case{"FROM base\nNAME x\n", "--strict",
             "Error: (line 2): command must be one of \"from\", \"license\", \"template\", "
             "\"system\", \"adapter\", \"draft\", \"renderer\", \"parser\", \"parameter\", "
             "\"message\", or \"requires\"\n"},
        Case{"FROM base\nPARAMETER max_steps 1\n", "x --strict",
             "Error: unknown parameter 'max_steps' (line 2)\n"},
        Case{"FROM base\n", "x --draft-quantize q8_0",
             "Error: --draft-quantize requires a DRAFT model\n"}}) {
    const Outcome r = create(c.modelfile, c.arguments);
    EXPECT_EQ(r.code, 1) << c.modelfile;
    EXPECT_EQ(r.err, c.message) << c.modelfile;
  }
  EXPECT_EQ(run("create x -f " + in_quotes(home_ + "/none")).err,
            "Error: specified Modelfile wasn't found\n");
  EXPECT_EQ(run("list -q").out, "base:latest\n");  // nothing was made
}

TEST_F(CreateProgram, SplitFilesByTheirFirstPart) {
  const auto paths = testing::split_model(home_ + "/tiny.gguf", home_ + "/cut", 3);
  ASSERT_TRUE(paths) << paths.error().message;
  ASSERT_EQ(create("FROM ./cut-00001-of-00003.gguf\n", "cut").code, 0);
  ASSERT_EQ(create("FROM ./tiny.gguf\n", "whole").code, 0);
  const std::string ask = " --nowordwrap hello";
  EXPECT_EQ(run("explain cut").code, 0);
  EXPECT_EQ(run("explain cut").out, run("explain whole").out);
  EXPECT_EQ(run("tokenize cut", "hello there").out, run("tokenize whole", "hello there").out);
  EXPECT_EQ(run("gguf-dump cut").code, 0);
  const std::string quantized = home_ + "/quantized-";
  for (const char* model : {"cut", "whole"}) {
    const Outcome made =
        run(fmt::format("quantize {} {} Q8_0", model, in_quotes(quantized + model)));
    EXPECT_EQ(made.code, 0) << made.err;
    const Outcome bench = run(fmt::format("bench -m {} -p 4 -n 1 -r 1 --no-roofs", model));
    EXPECT_EQ(bench.code, 0) << bench.err;
  }
  const auto content = [](const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(content(quantized + "cut"), content(quantized + "whole"));
  fs::remove((*paths)[1]);
  const Outcome lost = create("FROM ./cut-00001-of-00003.gguf\n", "lost");
  EXPECT_EQ(lost.code, 1);
  EXPECT_NE(
      lost.err.find("Error: split GGUF \"cut-00001-of-00003.gguf\" has 2 shards, expected 3\n"),
      std::string::npos)
      << lost.err;
}

TEST_F(CreateProgram, WithoutAModelfileTheFolderIsTaken) {
  fs::create_directories(home_ + "/folder");
  fs::copy_file(home_ + "/tiny.gguf", home_ + "/folder/weights.gguf");
  const Outcome made = run("create here", "", "env --chdir=" + in_quotes(home_ + "/folder") + " ");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(run("list -q").out, "here:latest\n");
  fs::create_directories(home_ + "/empty");
  EXPECT_EQ(run("create there", "", "env --chdir=" + in_quotes(home_ + "/empty") + " ").err,
            "Error: no Modelfile or safetensors files found\n");
}

}  // namespace
}  // namespace engine
