// The command lines of llama.cpp: how their arguments are read, and what they come to.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "server/cli/llama/chat.h"
#include "server/cli/llama/chat_input.h"
#include "server/cli/llama/flag_table.h"
#include "server/cli/llama/perf_text.h"
#include "server/cli/llama/settings.h"

namespace engine {
namespace {

using namespace cli;

Result<Args> parse(std::vector<const char*> words, const char* verb = "cli") {
  return parse_flags(*find_verb(verb), words);
}

std::string error_of(std::vector<const char*> words, const char* verb = "cli") {
  const auto args = parse(std::move(words), verb);
  return args ? "" : args.error().message;
}

struct Variable {  // of the environment, for one test
  const char* name;
  Variable(const char* n, const char* value) : name(n) { ::setenv(n, value, 1); }
  ~Variable() { ::unsetenv(name); }
};

TEST(LlamaFlags, TheTableIsSound) {
  for (const char tool : {'c', 'm', 's', 'p', 't', 'i'}) {
    std::set<std::string> names;
    for (const LlamaFlag& flag : kLlamaFlags) {
      if (flag.tools.find(tool) == std::string_view::npos) continue;
      for (std::string list : {std::string(flag.names), std::string(flag.off)}) {
        while (!list.empty()) {
          const std::string name = list.substr(0, list.find(','));
          list.erase(0, std::min(list.size(), name.size() + 1));
          EXPECT_TRUE(names.insert(name).second) << tool << " " << name;
          EXPECT_TRUE(name.starts_with("-")) << name;
        }
      }
      // what has an effect, or is refused, says so
      EXPECT_TRUE(flag.mark == LlamaMark::i || !std::string(flag.help).empty()) << flag.names;
      EXPECT_TRUE(!flag.environment.starts_with('L') || flag.environment.starts_with("LLAMA_"))
          << flag.names;
    }
  }
}

TEST(LlamaFlags, Forms) {
  const auto args = parse({"-m", "a.gguf", "-ngl", "99", "--n_predict", "-5", "-no-cnv", "--temp",
                           "0", "-e", "--no-escape", "-r", "A", "-r", "B"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->text("--model"), "a.gguf");
  EXPECT_EQ(args->text("--n-predict"), "-5");
  EXPECT_FALSE(llama_switch(*args, "--conversation", true));
  EXPECT_FALSE(llama_switch(*args, "--escape", true));
  EXPECT_TRUE(llama_switch(*args, "--show-timings", true));
  EXPECT_EQ(args->all("--reverse-prompt"), (std::vector<std::string>{"A", "B"}));
}

TEST(LlamaFlags, Errors) {
  EXPECT_EQ(error_of({"--frob"}), "invalid argument: --frob");
  EXPECT_EQ(error_of({"--temp=1"}), "invalid argument: --temp=1");
  EXPECT_EQ(error_of({"word"}), "invalid argument: word");
  EXPECT_EQ(error_of({"-m"}), "expected value for argument: -m");
  EXPECT_EQ(error_of({"--port", "1"}), "invalid argument: --port");
  EXPECT_EQ(error_of({"--port", "1"}, "server"), "");
  EXPECT_EQ(error_of({"--mmproj", "f"}), "--mmproj: models read text only here: leave it out");
  EXPECT_EQ(error_of({"--control-vector-layer-range", "1"}),
            "expected value for argument: --control-vector-layer-range");
  EXPECT_EQ(error_of({"--frob", "-h"}), "invalid argument: --frob");
  EXPECT_EQ(error_of({"-h"}), "");
}

TEST(LlamaFlags, TheEnvironmentComesFirst) {
  const Variable model("LLAMA_ARG_MODEL", "env.gguf"), mmap("LLAMA_ARG_MMAP", "off"),
      n("LLAMA_ARG_N_PREDICT", "7");
  ::testing::internal::CaptureStderr();
  const auto args = parse({"-n", "8"});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "warn: LLAMA_ARG_N_PREDICT environment variable is set, but will be overwritten by "
            "command line argument -n\n");
  ASSERT_TRUE(args);
  EXPECT_EQ(args->text("--model"), "env.gguf");
  EXPECT_EQ(args->text("--n-predict"), "8");
  EXPECT_FALSE(llama_load_choice(*args)->map);
  const Variable bad("LLAMA_ARG_MLOCK", "maybe");
  EXPECT_EQ(error_of({}), "LLAMA_ARG_MLOCK maybe: on or off is needed");
}

TEST(LlamaFlags, NotesAndWarnings) {
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(parse({"--numa", "isolate", "--top-k", "1", "--top-k", "2"}));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "note: --numa has no effect here\nwarn: --top-k is given more than once; the last one "
            "is used\n");
}

TEST(LlamaFlags, ListsAndPairsOfWords) {
  ::testing::internal::CaptureStderr();
  const auto args = parse({"--control-vector-layer-range", "1", "9", "--override-kv", "a=int:1",
                           "--override-kv", "b=int:2,c=int:3", "--top-k", "1"});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "note: --control-vector-layer-range has no effect here\n");
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->all("--override-kv").size(), 2u);
  EXPECT_EQ(args->text("--top-k"), "1");
}

Result<LlamaSettings> settings(std::vector<const char*> words) {
  auto args = parse(std::move(words));
  if (!args) return args.error();
  return llama_settings(*args);
}

TEST(LlamaSettingsTest, DefaultsOfThosePrograms) {
  const auto s = settings({});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->ask.options["top_p"], 0.95);
  EXPECT_EQ(s->ask.options["min_p"], 0.05);
  EXPECT_EQ(s->ask.options["temperature"], 0.8);
  EXPECT_EQ(s->ask.options["num_predict"], -1);
  EXPECT_EQ(s->ask.options["repeat_penalty"], 1);
  EXPECT_FALSE(s->ask.options.contains("stop"));
  EXPECT_EQ(s->ask.shift, false);
  EXPECT_TRUE(s->ask.think.is_null());
}

TEST(LlamaSettingsTest, OrderOfSamplers) {
  EXPECT_FALSE(settings({})->ask.options.contains("samplers"));
  const auto names = settings({"--samplers", "top_k;top_p;temperature"});
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_EQ(names->ask.options["samplers"], (Json{"top_k", "top_p", "temperature"}));
  const auto letters = settings({"--sampling-seq", "kpt"});
  ASSERT_TRUE(letters) << letters.error().message;
  EXPECT_EQ(letters->ask.options["samplers"], Json::array({"kpt"}));
  EXPECT_FALSE(settings({"--samplers", "top_k;best"}));
}

TEST(LlamaSettingsTest, Values) {
  const auto s = settings({"-p",   "a\\nb",  "-sys", "short",  "--temp",
                           "0",    "-s",     "5",    "-l",     "12-1.5",
                           "-l",   "13-inf", "-r",   "END\\n", "--dry-sequence-breaker",
                           "none", "-rea",   "off",  "-j",     "{\"type\":\"object\"}",
                           "-c",   "100",    "-ctk", "q8_0",   "-lm",
                           "none"});
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->prompt, "a\nb");
  EXPECT_EQ(s->ask.system, "short");
  EXPECT_EQ(s->ask.options["temperature"], 0);
  EXPECT_EQ(s->ask.options["seed"], 5);
  EXPECT_EQ(s->ask.options["stop"], Json::array({"END\n"}));
  EXPECT_EQ(s->ask.options["dry_sequence_breakers"], Json::array());
  EXPECT_EQ(s->ask.logit_bias, (Json{{"12", -1.5}, {"13", -100.0}}));
  EXPECT_EQ(s->ask.think, false);
  EXPECT_EQ(s->ask.format["type"], "object");
  EXPECT_EQ(s->load.n_ctx, 100);
  EXPECT_EQ(s->load.kv_type, DType::q8_0);
  EXPECT_FALSE(s->load.map);
}

TEST(LlamaSettingsTest, Refusals) {
  struct Case {
    std::vector<const char*> words;
    const char* message;
  };
  for (const Case& c :
       {Case{{"--temp", "hot"}, "--temperature hot: a number is needed"},
        Case{{"--top-k", "1.5"}, "--top-k 1.5: a whole number is needed"},
        Case{{"--repeat-penalty", "0"}, "option \"repeat_penalty\" must be"},
        Case{{"-l", "x+1"}, "--logit-bias x+1: ID+VALUE or ID-VALUE is needed"},
        Case{{"-fa", "off"}, "-fa off is not available"},
        Case{{"-ctk", "q8_0", "-ctv", "f16"}, "keys and values of the cache have one type"},
        Case{{"-c", "many"}, "invalid argument \"many\" for \"--ctx-size\""},
        Case{{"-f", "/none/there"}, "/none/there"},
        Case{{"-j", "[1]"}, "--json-schema: an object is needed"},
        Case{{"-j", "{}", "--grammar", "root ::= \"a\""}, "cannot be used together"},
        Case{{"--override-kv", "a=b"}, "malformed override 'a=b'"},
        Case{{"--rope-scaling", "ntk"}, "--rope-scaling ntk: none, linear or yarn is needed"},
        Case{{"--rope-scale", "big"}, "--rope-scale big: a number is needed"},
        Case{{"--yarn-orig-ctx", "1.5"}, "--yarn-orig-ctx 1.5: out of range"},
        Case{{"--chat-template-kwargs", "[1]"}, "--chat-template-kwargs: a JSON object is needed"},
        Case{{"--chat-template-file", "/none/there"}, "/none/there"},
        Case{{"-rea", "maybe"}, "--reasoning maybe: on or off is needed"}}) {
    const auto s = settings(c.words);
    ASSERT_FALSE(s) << c.message;
    EXPECT_NE(s.error().message.find(c.message), std::string::npos) << s.error().message;
  }
}

TEST(LlamaSettingsTest, MetadataOfTheUser) {
  using gguf::Override;
  const auto s =
      settings({"--override-kv", "a=int:1,b=str:x\\,y", "--override-kv", "c=bool:true",
                "--rope-freq-base", "5e5", "--rope-freq-scale", "0.25", "--rope-scaling", "yarn",
                "--yarn-orig-ctx", "4096", "--yarn-beta-fast", "16", "--yarn-ext-factor", "-1"});
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->load.choice.overrides,
            (std::vector<Override>{{"{arch}.rope.scaling.type", std::string("yarn")},
                                   {"{arch}.rope.scaling.factor", 4.0},
                                   {"{arch}.rope.freq_base", 5e5},
                                   {"{arch}.rope.scaling.original_context_length", int64_t{4096}},
                                   {"user.yarn_beta_fast", 16.0},
                                   {"a", int64_t{1}},
                                   {"b", std::string("x,y")},
                                   {"c", true}}));
}

TEST(LlamaSettingsTest, ChatTemplates) {
  const auto render = [](std::vector<const char*> words) -> std::string {
    const auto s = settings(std::move(words));
    if (!s) return s.error().message;
    ChatMessage system, user, assistant;
    system.role = "system", system.content = "S";
    user.role = "user", user.content = "U";
    assistant.role = "assistant", assistant.content = "A";
    engine::ChatInput input;
    input.messages = {system, user, assistant, user};
    input.bos = "<s>", input.eos = "</s>";
    const auto text = s->load.choice.chat->render(input);
    return text ? text->text : text.error().message;
  };
  EXPECT_EQ(render({"--chat-template", "{{ messages[-1].content }}!"}), "U!");
  EXPECT_EQ(render({"--chat-template", "chatml"}),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
            "<|im_start|>assistant\nA<|im_end|>\n<|im_start|>user\nU<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(render({"--chat-template", "gemma"}),
            "<start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\nA<end_of_turn>\n"
            "<start_of_turn>user\nU<end_of_turn>\n<start_of_turn>model\n");
  EXPECT_EQ(render({"--chat-template", "llama2"}),
            "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nU [/INST] A</s><s>[INST] U [/INST]");
  EXPECT_EQ(render({"--chat-template", "llama3"}),
            "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(render({"--chat-template", "mistral-v3"}), "[INST] S\n\nU[/INST] A</s>[INST] U[/INST]");
  EXPECT_EQ(render({"--chat-template", "openchat"}),
            "S<|end_of_turn|>GPT4 Correct User: U<|end_of_turn|>GPT4 Correct Assistant: "
            "A<|end_of_turn|>GPT4 Correct User: U<|end_of_turn|>GPT4 Correct Assistant:");
  EXPECT_EQ(
      render({"--chat-template", "phi3"}),
      "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\nA<|end|>\n<|user|>\nU<|end|>\n"
      "<|assistant|>\n");
  EXPECT_EQ(render({"--chat-template", "vicuna"}),
            "S\n\nUSER: U\nASSISTANT: A</s>\nUSER: U\nASSISTANT:");
  EXPECT_EQ(render({"--chat-template", "zephyr"}),
            "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\nA</s>\n<|user|>\nU</s>\n"
            "<|assistant|>\n");
  EXPECT_EQ(render({"--chat-template", "command-r"}),
            "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>");
  EXPECT_EQ(
      render({"--chat-template", "llama9"})
          .find("--chat-template llama9: neither a template nor a known name (chatml, command-r,"),
      0u);
  EXPECT_EQ(render({"--chat-template", "{% if %}"}).find("the chat template cannot be used: "), 0u);
}

TEST(LlamaSettingsTest, VariablesOfTheTemplate) {
  const auto s = settings({"--chat-template-kwargs", "{\"enable_thinking\":false,\"a\":1}"});
  ASSERT_TRUE(s);
  EXPECT_EQ(parse_json(s->load.choice.variables)->at("a"), 1);
  EXPECT_EQ(s->ask.think, false);
  EXPECT_TRUE(s->think_given);
  const auto both =
      settings({"--chat-template-kwargs", "{\"enable_thinking\":false}", "-rea", "on"});
  EXPECT_EQ(both->ask.think, true) << "the flag of its own wins";
}

TEST(LlamaSettingsTest, TheModelByItsFlags) {
  const auto model = [](std::vector<const char*> words) {
    const auto args = parse(std::move(words));
    const auto name = llama_model(*args);
    return name ? *name : name.error().message;
  };
  EXPECT_EQ(model({"-m", "x.gguf"}), "x.gguf");
  EXPECT_EQ(model({"-hf", "user/repo:Q4_0"}), "hf.co/user/repo:Q4_0");
  EXPECT_EQ(model({"-hf", "user/repo", "-hff", "m-Q4_0.gguf"}), "hf.co/user/repo:m-Q4_0.gguf");
  EXPECT_EQ(model({"-hf", "user/repo:Q8_0", "-hff", "m.gguf"}), "hf.co/user/repo:m.gguf");
  EXPECT_TRUE(model({}).starts_with("no model specified"));
}

TEST(LlamaTexts, Escapes) {
  EXPECT_EQ(unescape_text(R"(a\n\t\r\\\"\'\x41\q\)"), "a\n\t\r\\\"'A\\q\\");
  EXPECT_EQ(unescape_text(R"(\x4)"), R"(\x4)");
}

TEST(LlamaTexts, Messages) {
  EXPECT_TRUE(chat_message_complete("one", false));
  EXPECT_FALSE(chat_message_complete("one\\", false));
  EXPECT_EQ(chat_message("one\\\ntwo", false), "one\ntwo");
  EXPECT_FALSE(chat_message_complete("one", true));
  EXPECT_TRUE(chat_message_complete("one\ntwo\\", true));
  EXPECT_EQ(chat_message("one\ntwo\\", true), "one\ntwo");
}

TEST(LlamaTexts, TimesAndRates) {
  const Json last = {{"load_duration", 12'345'678},         {"prompt_eval_count", 100},
                     {"prompt_eval_duration", 500'000'000}, {"eval_count", 50},
                     {"eval_duration", 2'000'000'000},      {"total_duration", 2'600'000'000}};
  EXPECT_EQ(rates_text(last), "[ Prompt: 200.0 t/s | Generation: 25.0 t/s ]");
  EXPECT_EQ(rates_text(Json::object()), "[ Prompt: 0.0 t/s | Generation: 0.0 t/s ]");
  const std::string text = llama_perf_text(last);
  EXPECT_EQ(text,
            "perf:             load time =      12.35 ms\n"
            "perf:      prompt eval time =     500.00 ms /   100 tokens (    5.00 ms per token,   "
            "200.00 tokens per second)\n"
            "perf:             eval time =    2000.00 ms /    50 runs   (   40.00 ms per token,    "
            "25.00 tokens per second)\n"
            "perf:            total time =    2600.00 ms /   150 tokens\n");
}

}  // namespace
}  // namespace engine
