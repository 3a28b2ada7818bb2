// The program from the outside: messages, exit codes, and, when the test model is there, answers.
#include "tests/cli/program.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/hostile_files.h"
#include "tests/support/tiny_lora.h"
#include "tests/support/tiny_model.h"

namespace engine {
namespace {

TEST_F(Program, ConvertNamesWhatIsWrong) {
  Outcome r = run("convert " + in_quotes(home_) + " " + in_quotes(home_ + "/out.gguf"));
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.err.find("config.json is missing"), std::string::npos) << r.err;
  r = run("convert " + in_quotes(home_) + " out.gguf --outtype q4_k");
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.err.find("unknown type \"q4_k\"; the types are auto, f32"), std::string::npos)
      << r.err;
  std::fclose(std::fopen((home_ + "/adapter_config.json").c_str(), "wb"));
  r = run("convert " + in_quotes(home_) + " out.gguf");
  EXPECT_NE(r.err.find("--base"), std::string::npos) << r.err;
  EXPECT_FALSE(fs::exists(home_ + "/out.gguf"));
}

TEST_F(Program, Version) {
  const Outcome r = run("version");
  EXPECT_EQ(r.code, 0);
  for (const char* part : {"engine version is ", "commit ", "backends: CPU", "features: "})
    EXPECT_NE(r.out.find(part), std::string::npos) << part;
  for (const char* flag : {"-v", "--version"}) {
    const Outcome s = run(flag);
    EXPECT_EQ(s.code, 0);
    EXPECT_TRUE(r.out.starts_with(s.out)) << s.out;
    EXPECT_EQ(std::count(s.out.begin(), s.out.end(), '\n'), 2);
    EXPECT_EQ(s.err, "Warning: could not connect to a running engine server\n");
  }
}

TEST_F(Program, WhatThereIsNot) {
  for (const char* verb : {"signin", "signout", "login", "logout"}) {
    const Outcome r = run(verb);
    EXPECT_EQ(r.code, 0);
    EXPECT_TRUE(r.out.starts_with("this engine has no account; push uses the key " + home_ +
                                  "/.ollama/id_ed25519\n"))
        << r.out;
  }
  const Outcome r = run("launch claude --model x -- --flag");
  EXPECT_EQ(r.code, 1);
  EXPECT_EQ(r.err, "Error: launch is not available in this engine\n");
}

TEST_F(Program, HelpListsTheVerbs) {
  for (const char* arguments : {"", "help", "--help"}) {
    const Outcome r = run(arguments);
    EXPECT_EQ(r.code, 0);
    for (const char* verb : {"serve", "run", "bench", "gguf-dump"})
      EXPECT_NE(r.out.find(verb), std::string::npos) << verb;
  }
  EXPECT_NE(run("help run").out.find("OLLAMA_HOST"), std::string::npos);
  EXPECT_NE(run("bench --help").out.find("--n-prompt"), std::string::npos);
}

TEST_F(Program, OneClearErrorLine) {
  struct Case {
    const char *arguments, *message;
  };
  for (const Case& c :
       {Case{"rnu x",
             "Error: unknown command \"rnu\" for \"engine\"\n\nDid you mean this?\n\trun\n\n"},
        Case{"frobnicate", "Error: unknown command \"frobnicate\" for \"engine\"\n"},
        Case{"--frob", "Error: unknown flag: --frob\n"},
        Case{"list --frob", "Error: unknown flag: --frob\n"},
        Case{"list -z", "Error: unknown shorthand flag: 'z' in -z\n"},
        Case{"show", "Error: accepts 1 arg(s), received 0\n"},
        Case{"run", "Error: requires at least 1 arg(s), only received 0\n"},
        Case{"import a", "Error: accepts 2 arg(s), received 1\n"},
        Case{"run m --format", "Error: flag needs an argument: --format\n"},
        Case{"run m --keepalive x", "Error: time: invalid duration \"x\"\n"},
        Case{"ps",
             "Error: could not connect to the engine server, run 'engine serve' to start it\n"},
        Case{"health",
             "Error: could not connect to the engine server, run 'engine serve' to start it\n"},
        Case{"run a@b hi", "Error: invalid model name\n"}}) {
    const Outcome r = run(c.arguments);
    EXPECT_EQ(r.code, 1) << c.arguments;
    EXPECT_EQ(r.err, c.message) << c.arguments;
    EXPECT_EQ(r.out, "") << c.arguments;
  }
  const Outcome path = run("run ./none.gguf hi");  // a path is never looked for in a registry
  EXPECT_EQ(path.code, 1);
  EXPECT_NE(path.err.find("./none.gguf does not exist"), std::string::npos) << path.err;
  const Outcome no_file = run("explain ./none.gguf");
  EXPECT_NE(no_file.err.find("./none.gguf does not exist"), std::string::npos) << no_file.err;
}

TEST_F(Program, HostileFilesGiveOneLine) {
  const std::string path = home_ + "/hostile.gguf";
  for (const gguf::HostileFile& file : gguf::hostile_files()) {
    SCOPED_TRACE(file.name);
    gguf::Builder b;
    file.make(b);
    std::FILE* f = std::fopen(path.c_str(), "wb");
    std::fwrite(b.bytes().data(), 1, b.bytes().size(), f);
    std::fclose(f);
    for (const char* verb : {"run", "gguf-dump", "explain", "import"}) {
      const Outcome r = run(verb + (" " + in_quotes(path)) +
                            (verb == std::string("import") ? " m"
                             : verb == std::string("run")  ? " hi"
                                                           : ""));
      EXPECT_EQ(r.code, 1) << verb;
      EXPECT_TRUE(r.err.starts_with("Error: ")) << verb << ": " << r.err;
      EXPECT_EQ(r.err.find('\n'), r.err.size() - 1) << verb << ": " << r.err;
      EXPECT_NE(r.err.find(file.message), std::string::npos) << verb << ": " << r.err;
      EXPECT_EQ(r.out, "") << verb;
    }
  }
}

TEST_F(Program, EmptyStoreAndMachine) {
  const Outcome list = run("list");
  EXPECT_EQ(list.code, 0);
  EXPECT_EQ(list.out, "NAME    ID    SIZE    MODIFIED \n");
  EXPECT_EQ(run("devices").code, 0);
  EXPECT_NE(run("env").out.find("OLLAMA_MODELS"), std::string::npos);
}

TEST_F(Program, BenchListsItsShapes) {
  EXPECT_NE(run("bench --list-shapes").out.find("llama-3.1-8b\n"), std::string::npos);
  const Outcome none = run("bench --synth smollm2-135m:Q4_0 -p 0 -n 1 -r 1 --no-roofs -o csv");
  EXPECT_NE(none.out.find(",avg_ts,stddev_ts\n"), std::string::npos);
  EXPECT_EQ(std::count(none.out.begin(), none.out.end(), '\n'), 2) << "one test: no prompt";
  const Outcome r = run("bench --synth nothing:Q4_0");
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.err.find("unknown shape 'nothing' (known: "), std::string::npos) << r.err;
}

TEST_F(Program, ImportListShowRun) {
  NEED_MODEL();
  ASSERT_EQ(run("import " + in_quotes(model) + " SmolLM2:135m --params '{\"temperature\":0}'").code,
            0);
  const Outcome list = run("list -q");
  EXPECT_EQ(list.out, "SmolLM2:135m\n");
  const Outcome show = run("show smollm2:135m");
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_NE(show.out.find("    architecture        llama"), std::string::npos) << show.out;
  EXPECT_NE(show.out.find("    quantization        Q4_1"), std::string::npos) << show.out;
  EXPECT_NE(run("show smollm2:135m --parameters").out.find("temperature"), std::string::npos);
  const Outcome answer =
      run("run smollm2:135m --verbose 'Explain in two sentences why the sky is blue.'");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_NE(answer.out.find("scatter"), std::string::npos) << answer.out;
  EXPECT_TRUE(answer.out.ends_with("\n\n"));
  EXPECT_EQ(answer.out.find('\x1b'), std::string::npos);
  for (const char* line :
       {"total duration:       ", "prompt eval count:    ", "eval rate:            "})
    EXPECT_NE(answer.err.find(line), std::string::npos) << answer.err;
  EXPECT_EQ(run("run smollm2:135m --verbose 'Explain in two sentences why the sky is blue.'").out,
            answer.out)
      << "temperature 0: the same answer again";
}

TEST_F(Program, SpeculationChangesNoAnswer) {
  NEED_MODEL();
  ASSERT_EQ(
      run("import " + in_quotes(model) + " m --params '{\"temperature\":0,\"num_predict\":80}'")
          .code,
      0);
  const std::string question =
      "run m --verbose 'Repeat exactly: one potato, two potatoes, three "
      "potatoes, four; one potato, two potatoes, three potatoes, four.'";
  const Outcome with = run(question), without = run(question, "", "ENGINE_SPECULATE=off ");
  EXPECT_EQ(with.code, 0) << with.err;
  EXPECT_EQ(with.out, without.out);
  EXPECT_NE(with.err.find("speculation:          "), std::string::npos) << with.err;
  EXPECT_EQ(without.err.find("speculation:"), std::string::npos) << without.err;
  EXPECT_EQ(run(question + " --draft-model m").out, without.out);
  const Outcome none = run("run " + in_quotes(model) + " hi --draft-model nosuch");
  EXPECT_NE(none.code, 0);
  EXPECT_NE(none.err.find("nosuch"), std::string::npos) << none.err;
  const std::string gemma = fs::path(model).parent_path().string() + "/gemma3-270m.gguf";
  if (!fs::exists(gemma)) return;
  const Outcome other = run("run " + in_quotes(model) + " hi --draft-model " + in_quotes(gemma));
  EXPECT_NE(other.code, 0);
  EXPECT_NE(other.err.find("the draft model cannot be used: its vocabulary"), std::string::npos)
      << other.err;
}

// A file without a store entry, the prompt through a pipe, and an interrupt: the answer may be
// long, since nothing limits it.
TEST_F(Program, AdaptersByFlag) {
  const std::string model = home_ + "/tiny.gguf", lora = home_ + "/lora.gguf",
                    other = home_ + "/other.gguf";
  testing::TinyModel tiny;
  tiny.script = {"The", " answer"}, tiny.endless = false;
  ASSERT_TRUE(testing::write_tiny_model(model, tiny));
  ASSERT_TRUE(testing::write_tiny_lora(lora, model, {.spread = 0.5f}));
  ASSERT_TRUE(testing::write_tiny_lora(other, model, {.arch = "gemma3"}));
  const auto logits = [&](const std::string& flags) {
    const Outcome r = run("logits " + flags + " --tokens 1,2,3 -o " + in_quotes(home_ + "/l") +
                          " " + in_quotes(model));
    EXPECT_EQ(r.code, 0) << r.err;
    std::ifstream in(home_ + "/l", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string plain = logits(""), adapted = logits("--lora " + in_quotes(lora));
  EXPECT_NE(adapted, plain);
  EXPECT_EQ(logits("--lora-scaled " + in_quotes(lora + ":0")), plain);
  EXPECT_EQ(logits("--lora-scaled " + in_quotes(lora + ":1")), adapted);
  EXPECT_NE(logits("--lora-scaled " + in_quotes(lora + ":1," + lora + ":0.5")), adapted);
  const Outcome faint =
      run("run " + in_quotes(model) + " hello --lora-scaled " + in_quotes(lora + ":1e-6"));
  EXPECT_EQ(faint.code, 0) << faint.err;
  EXPECT_NE(faint.out.find("The answer"), std::string::npos) << faint.out;
  EXPECT_NE(run("explain --lora " + in_quotes(lora) + " " + in_quotes(model)).out.find("lora_b"),
            std::string::npos);
  EXPECT_EQ(
      run("bench -p 4 -n 1 -r 1 --no-roofs --lora " + in_quotes(lora) + " " + in_quotes(model))
          .code,
      0);
  const std::pair<const char*, std::string> wrong[] = {
      {"model arch and LoRA arch mismatch", "--lora " + in_quotes(other)},
      {"does not exist; give the path of a GGUF file", "--lora " + in_quotes(home_ + "/none")},
      {"FILE:FACTOR is needed", "--lora-scaled " + in_quotes(lora)},
      {"FILE:FACTOR is needed", "--lora-scaled " + in_quotes(lora + ":much")},
      {"FILE:FACTOR is needed", "--lora-scaled " + in_quotes(lora + ":nan")}};
  for (const auto& [text, flags] : wrong)
    for (const std::string& verb :
         {"run " + in_quotes(model) + " hello", "explain " + in_quotes(model)}) {
      const Outcome r = run(verb + " " + flags);
      EXPECT_NE(r.code, 0);
      EXPECT_NE(r.err.find(text), std::string::npos) << verb << flags << r.err;
      EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
    }
  const Outcome alone = run("run " + in_quotes(lora) + " hello");
  EXPECT_NE(alone.code, 0);
  EXPECT_NE(alone.err.find("adapter"), std::string::npos) << alone.err;
}

TEST_F(Program, PathsPipesAndInterrupts) {
  NEED_MODEL();
  const Outcome r =
      run("run " + in_quotes(model), "Count from one to one thousand.", "timeout -s INT 3 ");
  EXPECT_TRUE(r.code == 0 || r.code == 124 || r.code == 130) << r.code << r.err;
  EXPECT_GT(r.out.size(), 5u);
  EXPECT_EQ(r.err, "");
  EXPECT_FALSE(fs::exists(home_ + "/.ollama/models/manifests"));
}

TEST_F(Program, TokensThereAndBack) {
  NEED_MODEL();
  const Outcome given = run("tokenize " + in_quotes(model) + " 'Hello <|im_start|>world\n'");
  const Outcome ids = run("tokenize " + in_quotes(model), "Hello <|im_start|>world\n");
  EXPECT_EQ(given.out, ids.out) << given.err;
  const Outcome mixed = run("tokenize -m " + in_quotes(model) + " Hello");
  EXPECT_EQ(mixed.code, 1);
  EXPECT_NE(mixed.err.find("unknown argument 'Hello': the text is -p TEXT\n"), std::string::npos)
      << mixed.err;
  ASSERT_EQ(ids.code, 0) << ids.err;
  EXPECT_EQ(ids.out.front(), '[');
  const Outcome text = run("detokenize " + in_quotes(model), ids.out);
  EXPECT_EQ(text.out, "Hello <|im_start|>world\n");
  const Outcome plain = run("tokenize --no-specials " + in_quotes(model), "<|im_start|>");
  EXPECT_GT(plain.out.size(), std::string("[1]\n").size());
}

TEST_F(Program, LogitsDoNotDependOnTheSplit) {
  NEED_MODEL();
  const std::string a = home_ + "/a", b = home_ + "/b";
  ASSERT_EQ(run("logits " + in_quotes(model) + " --tokens 1,2,3,4,5 -o " + in_quotes(a)).code, 0);
  ASSERT_EQ(
      run("logits " + in_quotes(model) + " --tokens 1,2,3,4,5 --chunk 2 -t 1 -o " + in_quotes(b))
          .code,
      0);
  EXPECT_EQ(fs::file_size(a), 5u * 49152 * 4);
  EXPECT_EQ(std::system(("cmp -s " + in_quotes(a) + " " + in_quotes(b)).c_str()), 0);
  const Outcome r = run("logits " + in_quotes(model) + " --tokens 1,999999 -o " + in_quotes(a));
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.err.find("token 999999 is outside the vocabulary of 49152"), std::string::npos)
      << r.err;
}

TEST_F(Program, PerplexityAgainstItself) {
  NEED_MODEL();
  std::string text;
  for (int i = 0; i < 60; ++i)
    text += "The quick brown fox number " + std::to_string(i) + " jumps over the lazy dog. ";
  const std::string base = home_ + "/base", arguments = "perplexity " + in_quotes(model) +
                                                        " -c 64 --chunks 3 --kl-divergence-base " +
                                                        in_quotes(base);
  const Outcome first = run(arguments, text);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.out.find("Final estimate: PPL = "), std::string::npos) << first.out;
  const Outcome second = run(arguments);
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_NE(second.out.find("Same top p                    : 100.000"), std::string::npos)
      << second.out;
}

}  // namespace
}  // namespace engine
