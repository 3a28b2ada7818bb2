// The program under the names of llama.cpp's: what it prints, and how it ends.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "engine/core/json_io.h"
#include "tests/cli/program.h"
#include "tests/cli/pseudo_terminal.h"
#include "tests/support/tiny_lora.h"

namespace engine {
namespace {

class LlamaPrograms : public Program {
 protected:
  // The program by another name.
  std::string link(const std::string& name) {
    const std::string path = home_ + "/" + name;
    if (!fs::exists(path)) fs::create_symlink(ENGINE_PROGRAM, path);
    return path;
  }
  Outcome call(const std::string& name, const std::string& arguments,
               const std::string& input = "") {
    return run(arguments, input, "", link(name));
  }
};

TEST_F(LlamaPrograms, ByTheirNames) {
  EXPECT_EQ(call("llama-cli", "").err,
            "error: no model specified: give a GGUF file with -m FILE, or -hf USER/REPO\n");
  EXPECT_EQ(call("llama-cli", "--frob").err, "error: invalid argument: --frob\n");
  EXPECT_EQ(call("llama-cli", "-m").err, "error: expected value for argument: -m\n");
  EXPECT_EQ(call("llama-server", "--ssl-key-file x").err,
            "error: --ssl-key-file: put a proxy with TLS in front\n");
  EXPECT_NE(call("llama-server", "-h").out.find("--port N"), std::string::npos);
  EXPECT_EQ(call("llama-completion", "--frob").code, 1);
  const Outcome version = call("llama-perplexity", "--version");
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.err.starts_with("version: ")) << version.err;
  EXPECT_NE(version.err.find("\nbuilt with "), std::string::npos) << version.err;
  EXPECT_NE(call("llama-cli", "--list-devices").out.find("CPU: "), std::string::npos);
  EXPECT_EQ(call("llama-cli", "-m ./none.gguf -p hi").code, 1);
}

TEST_F(LlamaPrograms, ChatOfOneTurn) {
  NEED_MODEL();
  const Outcome r =
      call("llama-cli", "-m " + in_quotes(model) + " -p 'Say hello.' -st -n 8 --temp 0 -c 512");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(r.out.starts_with("\n> Say hello.\n\n")) << r.out;
  EXPECT_NE(r.out.find("\n\n[ Prompt: "), std::string::npos) << r.out;
  EXPECT_NE(r.out.find(" t/s | Generation: "), std::string::npos) << r.out;
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(r.out.find('\x1b'), std::string::npos);
}

TEST_F(LlamaPrograms, ChatThroughAPipe) {
  NEED_MODEL();
  const std::string transcript = home_ + "/transcript";
  std::ofstream(home_ + "/notes.txt") << "The word is banana.";
  const Outcome r = call(
      "llama-cli", "-m " + in_quotes(model) + " -n 4 --temp 0 -c 512 -o " + in_quotes(transcript),
      "one \\\ntwo\n/regen\n/read " + home_ +
          "/notes.txt\nwhich word?\n/clear\n/frob\n"
          "/read /none\n/exit\n");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("Loaded text from '"), std::string::npos) << r.out;
  EXPECT_NE(r.out.find("Chat history cleared."), std::string::npos);
  EXPECT_NE(r.out.find("Unknown command: /frob"), std::string::npos);
  EXPECT_NE(r.out.find("Cannot read '/none'"), std::string::npos);
  EXPECT_TRUE(r.out.ends_with("\nExiting...\n"));
  std::ifstream file(transcript);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_TRUE(text.starts_with("User:\none \ntwo\n\nAssistant:\n")) << text;
  EXPECT_NE(text.find("The word is banana.\nwhich word?\n"), std::string::npos) << text;
}

TEST_F(LlamaPrograms, ChatInATerminal) {
  NEED_MODEL();
  PseudoTerminal::Options options;
  options.program = "llama-cli";
  options.rows = 50;
  options.environment = {{"HOME", home_}, {"OLLAMA_HOST", "127.0.0.1:1"}};
  PseudoTerminal t(ENGINE_PROGRAM, {"-m", model, "-c", "512", "--temp", "0", "--ignore-eos"},
                   options);
  ASSERT_TRUE(t.wait_for("\n>\n")) << t.screen();
  EXPECT_EQ(t.count("model      : smollm2-135m.gguf\nftype      : Q4_1"), 1) << t.screen();
  EXPECT_EQ(t.count("/exit or Ctrl+C"), 1);
  t.settle();
  t.send("Count to one thousand.\r");
  EXPECT_TRUE(t.wait_until([&] { return t.echoes(); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  t.send("\x03");
  EXPECT_TRUE(t.wait_until([&] { return !t.echoes(); })) << t.screen();
  t.settle();
  t.send("\x03");
  EXPECT_EQ(t.wait_for_end(), 130);
  EXPECT_EQ(t.count("Exiting..."), 1) << t.screen();
}

TEST_F(LlamaPrograms, CompletionOfAText) {
  NEED_MODEL();
  const Outcome r = call("llama-completion", "-m " + in_quotes(model) +
                                                 " -no-cnv -n 6 --temp 0 -c 256 -p 'The capital of "
                                                 "France is'");
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_TRUE(r.out.starts_with("The capital of France is Paris")) << r.out;
  EXPECT_NE(r.err.find(" tokens per second)\n"), std::string::npos) << r.err;
  const Outcome bare = call("llama-completion", "-m " + in_quotes(model) +
                                                    " -no-cnv -n 6 --temp 0 -c 256 "
                                                    "--no-display-prompt --grammar 'root ::= \" "
                                                    "Rome\"' -p 'The capital of France is'");
  EXPECT_EQ(bare.out, " Rome\n") << bare.err;
  EXPECT_EQ(call("llama-completion", "-m " + in_quotes(model) + " -no-cnv").err,
            "error: no prompt given: -p TEXT or -f FILE\n");
}

TEST_F(LlamaPrograms, LogInAFile) {
  NEED_MODEL();
  const std::string log = home_ + "/log";
  const Outcome r =
      call("llama-completion",
           "-m " + in_quotes(model) + " -no-cnv -n 1 -c 64 -p a -lv 3 --log-file " + log);
  EXPECT_EQ(r.code, 0) << r.err;
  std::ifstream file(log);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_NE(text.find("level=info loaded "), std::string::npos) << text;
  EXPECT_NE(r.err.find("level=info loaded "), std::string::npos) << "there too";
  const std::string below = log + "/there";  // the log is no folder
  EXPECT_NE(
      call("llama-tokenize", "-m x -p a --log-file " + below).err.find("cannot write " + below),
      std::string::npos);
}

TEST_F(LlamaPrograms, CompletionInTurns) {
  NEED_MODEL();
  const std::string flags =
      "-m " + in_quotes(model) + " -no-cnv -n 3 --temp 0 -c 256 -p 'One, two,' ";
  const Outcome alone = call("llama-completion", flags);
  const std::string first = alone.out.substr(0, alone.out.size() - 1);
  const Outcome turns =
      call("llama-completion", flags + R"(-i --in-prefix '\nQ:' --in-suffix ' A:')",
           "what?\nand then?\n");
  EXPECT_EQ(turns.code, 0) << turns.err;
  EXPECT_TRUE(turns.out.starts_with(first + "\nQ: A:")) << turns.out;
  EXPECT_EQ(std::count(turns.out.begin(), turns.out.end(), 'Q'), 3) << turns.out;
  EXPECT_TRUE(turns.out.ends_with("\nQ:\n")) << turns.out;
  EXPECT_NE(turns.err.find(" /     9 runs "), std::string::npos) << "all answers: " << turns.err;
  const Outcome user = call("llama-completion", flags + "-if", "");
  EXPECT_EQ(user.code, 0);
  EXPECT_EQ(user.out, "One, two,");
}

TEST_F(LlamaPrograms, CompletionTellsTheTimes) {
  NEED_MODEL();
  const Outcome r = call("llama-completion",
                         "-m " + in_quotes(model) + " -n 2 --temp 0 -c 256 -st -p 'Say hello.'");
  EXPECT_EQ(r.code, 0);
  EXPECT_EQ(r.out.find("t/s"), std::string::npos) << r.out;
  EXPECT_NE(r.err.find("     2 runs "), std::string::npos) << r.err;
  EXPECT_EQ(r.err.find("load time =       0.0"), std::string::npos) << r.err;
}

// What the flags make of a model: template, metadata, adapters.
TEST_F(LlamaPrograms, AnotherTemplateAndOtherMetadata) {
  NEED_MODEL();
  const std::string flags = "-m " + in_quotes(model) + " -n 8 --temp 0 -c 256 -st -p 'Say hello.' ";
  const Outcome plain = call("llama-cli", flags);
  EXPECT_EQ(plain.code, 0) << plain.err;
  const Outcome refused =
      call("llama-cli", flags +
                            "--chat-template '{{ raise_exception(\"seen: \" ~ word) }}' "
                            "--chat-template-kwargs '{\"word\":\"here\"}'");
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("seen: here"), std::string::npos) << refused.err;
  const auto text = [](const Outcome& r) { return r.out.substr(0, r.out.find("[ Prompt")); };
  EXPECT_NE(text(call("llama-cli", flags + "--chat-template vicuna")), text(plain));
  EXPECT_NE(text(call("llama-cli", flags + "--rope-freq-base 100")), text(plain));
  EXPECT_NE(text(call("llama-cli", flags + "--override-kv llama.rope.freq_base=float:100")),
            text(plain));
  const Outcome wrong = call("llama-cli", flags + "--override-kv llama.block_count=str:many");
  EXPECT_EQ(wrong.code, 1);
  EXPECT_NE(wrong.err.find("llama.block_count"), std::string::npos) << wrong.err;
}

TEST_F(LlamaPrograms, Adapters) {
  NEED_MODEL();
  const std::string lora = home_ + "/lora.gguf";
  ASSERT_TRUE(testing::write_tiny_lora(lora, model, {.spread = 0.5f}));
  const std::string flags =
      "-m " + in_quotes(model) + " -no-cnv -n 8 --temp 0 -c 256 -p 'One, two,' ";
  const std::string plain = call("llama-completion", flags).out;
  EXPECT_NE(call("llama-completion", flags + "--lora " + in_quotes(lora)).out, plain);
  EXPECT_EQ(call("llama-completion", flags + "--lora-scaled " + in_quotes(lora + ":0")).out, plain);
}

TEST_F(LlamaPrograms, ImatrixWithTheFlagsOfAll) {
  NEED_MODEL();
  std::ofstream(home_ + "/text") << std::string(2000, 'a') << " the end";
  const std::string out = home_ + "/out.gguf";
  const Outcome r = call(
      "llama-imatrix", "-m " + in_quotes(model) + " -f " + in_quotes(home_ + "/text") +
                           " -ngl 99 -fa on -c 64 -b 64 --chunks 2 -ofreq 1 -o " + in_quotes(out));
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_EQ(r.err, "note: -ngl has no effect here\n");
  EXPECT_NE(r.out.find(out + ": "), std::string::npos) << r.out;
  EXPECT_EQ(call("llama-imatrix", "--frob").err, "error: invalid argument: --frob\n");
  for (const char* program : {"llama-imatrix", "llama-bench", "llama-quantize", "llama-gguf-split"})
    EXPECT_TRUE(call(program, "--version").err.starts_with("version: ")) << program;
}

TEST_F(LlamaPrograms, Tokenize) {
  NEED_MODEL();
  const std::string m = "-m " + in_quotes(model);
  const Outcome pieces = call("llama-tokenize", m + " -p 'Hello world' --show-count");
  EXPECT_EQ(pieces.code, 0) << pieces.err;
  EXPECT_NE(pieces.out.find(" -> ' world'\nTotal number of tokens: 2\n"), std::string::npos)
      << pieces.out;
  const Outcome ids = call("llama-tokenize", m + " --stdin --ids", "Hello world");
  EXPECT_EQ(ids.out.find(", "), ids.out.rfind(", "));
  EXPECT_EQ(call("llama-tokenize", m).err,
            "error: must specify one of: --stdin, --file or --prompt\n");
}

// Five formats, read by the programs that people read them with.
TEST_F(LlamaPrograms, BenchFormats) {
  const std::string arguments = "--synth smollm2-135m:Q4_0 -p 8 -n 2,3 -r 2 -o ";
  for (const char* format : {"csv", "json", "jsonl", "sql", "md"}) {
    const Outcome r = call("llama-bench", arguments + format);
    ASSERT_EQ(r.code, 0) << r.err;
    EXPECT_EQ(r.err, "");
    std::ofstream(home_ + "/out." + format) << r.out;
    if (std::string(format) == "md") {
      EXPECT_TRUE(r.out.starts_with(
          "| model                          |       size |     params | backend    | threads |     "
          "       test |                  t/s |\n| ------------------------------ | ---------: | "
          "---------: | ---------- | ------: | --------------: | -------------------: |\n"))
          << r.out;
      EXPECT_NE(r.out.find("\n\nbuild: "), std::string::npos);
    }
  }
  std::ofstream(home_ + "/check.py") << R"(
import csv, json, sqlite3, sys
names = ('build_commit build_number cpu_info gpu_info backends model_filename model_type model_size model_n_params n_batch n_ubatch '
  'n_threads cpu_mask cpu_strict poll type_k type_v n_gpu_layers n_cpu_moe split_mode main_gpu no_kv_offload flash_attn devices '
  'tensor_split tensor_buft_overrides load_mode lazy_mode embeddings no_op_offload no_host repack fit_target fit_min_ctx n_prompt '
  'n_gen n_depth test_time avg_ns stddev_ns avg_ts stddev_ts').split()
keys = ('model_type', 'n_prompt', 'n_gen', 'n_depth', 'n_threads')
folder = sys.argv[1]
rows = list(csv.DictReader(open(folder + '/out.csv')))
assert list(rows[0]) == names, list(rows[0])
expected = [tuple(str(r[k]) for k in keys) for r in rows]
assert [e[1:3] for e in expected] == [('8', '0'), ('0', '2'), ('0', '3')], expected
objects = json.load(open(folder + '/out.json'))
lines = [json.loads(l) for l in open(folder + '/out.jsonl')]
for o in objects + lines:
    assert list(o)[:len(names) + 2] == names + ['samples_ns', 'samples_ts'], list(o)
    assert o['cpu_strict'] is False and len(o['samples_ns']) == 2
for form in (objects, lines):
    assert [tuple(str(o[k]) for k in keys) for o in form] == expected
db = sqlite3.connect(':memory:')
db.executescript(open(folder + '/out.sql').read())
assert [c[1] for c in db.execute('pragma table_info(llama_bench)')] == names
assert [tuple(map(str, r)) for r in db.execute('select %s from llama_bench' % ', '.join(keys))] == expected
assert all(t == 'real' for t, in db.execute('select typeof(avg_ts) from llama_bench'))
)";
  const std::string check = "python3 " + in_quotes(home_ + "/check.py") + " " + in_quotes(home_);
  EXPECT_EQ(std::system(check.c_str()), 0);
}

TEST_F(LlamaPrograms, BenchArguments) {
  EXPECT_EQ(call("llama-bench", "--frob").code, 1);
  EXPECT_NE(call("llama-bench", "--synth smollm2-135m:Q4_0 -p x").err.find("not a list of numbers"),
            std::string::npos);
  const Outcome r = call("llama-bench",
                         "--synth smollm2-135m:Q4_0 -p 1-4*2 -n 0 -r 1 -o jsonl -ngl 99 "
                         "--progress -fa 1 -mmp 1");
  EXPECT_EQ(r.code, 1);  // -mmp is no flag any more
  const Outcome ok = call("llama-bench",
                          "--synth smollm2-135m:Q4_0 -p 1-4*2 -n 0 -r 1 -o jsonl -ngl 99 "
                          "--progress -fa 1");
  EXPECT_EQ(std::count(ok.out.begin(), ok.out.end(), '\n'), 3) << ok.err;
  EXPECT_NE(ok.err.find("llama-bench: benchmark 1/3: starting\n"), std::string::npos) << ok.err;
  EXPECT_NE(ok.out.find("\"flash_attn\": 1"), std::string::npos);
}

TEST_F(LlamaPrograms, ShellCompletion) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome r = run(std::string("completion ") + shell);
    EXPECT_EQ(r.code, 0);
    for (const char* word : {"tokenize", "keepalive", "ctx-size", "engine list -q"})
      EXPECT_NE(r.out.find(word), std::string::npos) << shell << " " << word;
  }
  std::ofstream(home_ + "/script") << run("completion bash").out;
  const std::string test = "bash -c 'source " + home_ +
                           "/script; COMP_WORDS=(engine to); COMP_CWORD=1; _engine; "
                           "test \"${COMPREPLY[*]}\" = tokenize && COMP_WORDS=(engine run --keep); "
                           "COMP_CWORD=2; _engine; test \"${COMPREPLY[*]}\" = --keepalive'";
  EXPECT_EQ(std::system(test.c_str()), 0);
  EXPECT_EQ(run("completion tcsh").code, 1);
}

// A server on a free port, stopped by the signal that a service manager sends.
TEST_F(LlamaPrograms, ServerWithOneModel) {
  NEED_MODEL();
  PseudoTerminal::Options options;
  options.columns = 200;
  options.environment = {{"HOME", home_}};
  PseudoTerminal t(ENGINE_PROGRAM,
                   {"server", "-m", model, "-a", "mine", "--port", "0", "-c", "256"}, options);
  ASSERT_TRUE(t.wait_for("mine:latest is loaded")) << t.screen();
  const std::string all = t.terminal().all();
  const size_t at = all.find("listens on ") + 11;
  const std::string address = all.substr(at, all.find(' ', at) - at);
  const Outcome ps = run("ps", "", "OLLAMA_HOST=" + address + " ");
  EXPECT_NE(ps.out.find("mine"), std::string::npos) << ps.out << ps.err;
  EXPECT_NE(ps.out.find("Forever"), std::string::npos) << ps.out;
  ::kill(t.pid(), SIGTERM);
  EXPECT_EQ(t.wait_for_end(), 0);
}

// A folder of files; the flags are what requests leave open.
TEST_F(LlamaPrograms, ServerOfAFolder) {
  NEED_MODEL();
  fs::create_directory(home_ + "/models");
  fs::create_symlink(model, home_ + "/models/one.gguf");
  std::ofstream(home_ + "/models/mmproj-one.gguf") << "no model";
  std::ofstream(home_ + "/models/two-00002-of-00002.gguf") << "no model";
  PseudoTerminal::Options options;
  options.columns = 200;
  options.environment = {{"HOME", home_}};
  PseudoTerminal t(ENGINE_PROGRAM, {"server", "--models-dir", home_ + "/models", "--port", "0"},
                   options);
  ASSERT_TRUE(t.wait_for("listens on ")) << t.screen();
  const std::string all = t.terminal().all();
  const size_t at = all.find("listens on ") + 11;
  const std::string address = all.substr(at, all.find(' ', at) - at);
  const Outcome list = run("list", "", "OLLAMA_HOST=" + address + " ");
  EXPECT_NE(list.out.find("one:latest"), std::string::npos) << list.out << list.err;
  EXPECT_EQ(std::count(list.out.begin(), list.out.end(), '\n'), 2) << list.out;
  ::kill(t.pid(), SIGTERM);
  EXPECT_EQ(t.wait_for_end(), 0);
  EXPECT_NE(call("llama-server", "--models-dir /none/there").err.find("--models-dir /none/there"),
            std::string::npos);
}

}  // namespace
}  // namespace engine
