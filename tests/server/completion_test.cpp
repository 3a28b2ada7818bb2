// POST /completion and /infill, as llama.cpp's server has them. Numbers: checks of the list of
// conformance.
#include "tests/server/events.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

class CompletionTest : public ServerTest {
 protected:
  static void SetUpTestSuite() {
    ServerTest::SetUpTestSuite();
    testing::TinyModel code;
    code.script = {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "fill", "ed"};
    code.endless = false;
    add("code", code, R"({"temperature":0})", "");
  }

  Json ask(const std::string& rest, const std::string& model = "M") {
    return post_json("/completion", R"({"model":")" + model + "\"," + rest + "}");
  }
  std::string lerr(const std::string& path, const std::string& body, int status) {
    const Json j = post_json(path, body, status);
    if (!j.is_object() || !j.contains("error") || !j["error"].is_object()) return {};
    EXPECT_EQ(j["error"]["code"], status);
    return j["error"]["message"];
  }
  std::string refused(const std::string& rest) {
    return lerr("/completion", R"({"model":"M",)" + rest + "}", 400);
  }
  std::vector<Json> stream(const std::string& body) {
    const HttpReply r = post("/completion", body);
    EXPECT_EQ(r.status, 200) << r.body;
    EXPECT_EQ(r.header("content-type"), "text/event-stream");
    std::vector<Json> out;
    for (const auto& e : testing::parse_events(r.body)) out.push_back(parse(e.data));
    return out;
  }
  Json tokens_of(const std::string& text, const std::string& model = "M") {
    return post_json("/tokenize", Json{{"model", model}, {"content", text}}.dump())["tokens"];
  }
};

TEST_F(CompletionTest, Single) {
  const HttpReply r = post("/completion", R"({"model":"M","prompt":"the sky","n_predict":5})");
  EXPECT_EQ(r.status, 200);
  EXPECT_EQ(r.header("content-type"), "application/json; charset=utf-8");
  const Json j = parse(r.body);
  EXPECT_EQ(j["model"], "M");
  EXPECT_EQ(j["stop"], true);
  EXPECT_EQ(j["stop_type"], "limit");
  EXPECT_EQ(j["stopping_word"], "");
  EXPECT_EQ(j["truncated"], false);
  EXPECT_EQ(j["tokens_predicted"], 5);
  EXPECT_EQ(j["tokens_evaluated"], tokens_of("the sky").size());
  EXPECT_EQ(j["tokens"], Json::array());
  EXPECT_FALSE(j.contains("completion_probabilities"));
  const Json native =
      post_json("/api/generate", R"({"model":"M","prompt":"the sky","raw":true,"stream":false,)"
                                 R"("options":{"num_predict":5}})");
  EXPECT_EQ(j["content"], native["response"]) << "the same as a raw native request";
  const Json& t = j["timings"];
  EXPECT_EQ(t["predicted_n"], 5);
  EXPECT_EQ(t["prompt_n"].get<int>() + t["cache_n"].get<int>(), j["tokens_evaluated"].get<int>());
  for (const char* key : {"prompt_ms", "prompt_per_token_ms", "prompt_per_second", "predicted_ms",
                          "predicted_per_token_ms", "predicted_per_second"})
    EXPECT_GE(t[key].get<double>(), 0) << key;
  EXPECT_EQ(post_json("/completions", R"({"prompt":"the sky","n_predict":5})")["content"],
            j["content"])
      << "the loaded model";
}

TEST_F(CompletionTest, Stream) {
  const Json whole = ask(R"("prompt":"the sky","n_predict":6,"return_tokens":true)");
  const std::vector<Json> events =
      stream(R"({"model":"M","prompt":"the sky","n_predict":6,"stream":true})");
  ASSERT_GE(events.size(), 2u);
  std::string text;
  Json tokens = Json::array();
  for (const Json& e : events) {
    text += e["content"].get<std::string>();
    EXPECT_EQ(e["stop"], &e == &events.back());
    EXPECT_EQ(e["index"], 0);
    for (const Json& t : e["tokens"]) tokens.push_back(t);
    EXPECT_EQ(e.contains("timings"), &e == &events.back());
  }
  EXPECT_EQ(text, whole["content"]);
  EXPECT_EQ(events.back()["content"], "");
  EXPECT_EQ(events.back()["tokens_predicted"], 6);
  EXPECT_EQ(events.back()["stop_type"], "limit");
  EXPECT_EQ(events.back()["timings"]["predicted_n"], 6);
  ASSERT_EQ(whole["tokens"].size(), 6u);
  for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i], whole["tokens"][i]) << i;
}

TEST_F(CompletionTest, Prompts) {
  const Json text = ask(R"("prompt":"the sky is","n_predict":4)");
  const Json tokens = tokens_of("the sky is");
  EXPECT_EQ(ask("\"n_predict\":4,\"prompt\":" + tokens.dump())["content"], text["content"]);
  Json mixed = tokens_of("the sky");
  mixed.push_back(" is");
  EXPECT_EQ(ask("\"n_predict\":4,\"prompt\":" + mixed.dump())["content"], text["content"]);
  EXPECT_EQ(ask(R"("n_predict":4,"prompt":["the sky is"])")["content"], text["content"]);
  EXPECT_EQ(ask(R"("prompt":"<|im_end|>","n_predict":1)")["tokens_evaluated"], 1)
      << "names of control tokens are tokens";
  EXPECT_EQ(lerr("/completion", R"({"model":"M"})", 400), "\"prompt\" is required");
  const std::string wrong = "field \"prompt\": expected text, or list of token ids and texts";
  for (const char* bad : {"5", "[1.5]", "[null]", "[[1]]", "[-1]", "[99999999999]", "true"})
    EXPECT_EQ(refused(std::string("\"prompt\":") + bad), wrong) << bad;
  EXPECT_EQ(refused(R"("prompt":["a","b"])"),
            "field \"prompt\": several prompts in one request are not supported: send one each");
  EXPECT_EQ(refused(R"("prompt":[1,5000])").substr(0, 27), "the model has no token 5000");
  EXPECT_EQ(refused(R"("prompt":"")"), "the prompt has no tokens");
  EXPECT_EQ(refused(R"("prompt":[])"), "the prompt has no tokens");
}

TEST_F(CompletionTest, EndsOfAnswers) {
  const Json free = ask(R"("prompt":"the sky","n_predict":8)");
  const std::string text = free["content"];
  ASSERT_GE(text.size(), 3u);
  const std::string stop = text.substr(text.size() / 2, 1);
  const Json j =
      ask("\"prompt\":\"the sky\",\"n_predict\":8,\"stop\":" + Json::array({stop}).dump());
  EXPECT_EQ(j["stop_type"], "word");
  EXPECT_EQ(j["stopping_word"], stop);
  EXPECT_EQ(j["content"], text.substr(0, text.find(stop)));
  const Json ended = ask(R"("prompt":"the sky\n")", "code");
  EXPECT_EQ(ended["stop_type"], "eos");
  EXPECT_EQ(ended["content"], "filled");
  const Json full = ask(R"("prompt":"the sky","n_predict":600,"seed":1,"temperature":1)");
  EXPECT_EQ(full["truncated"], true) << "the context of 512 was shifted";
  EXPECT_EQ(ask(R"("prompt":"the sky","n_predict":0)")["tokens_predicted"], 0);
}

TEST_F(CompletionTest, PromptsThatAreTooLong) {
  std::string text;
  for (int i = 0; i < 600; ++i) text += " sky";
  const Json e =
      post_json("/completion", R"({"model":"M","prompt":")" + text + "\"}", 400)["error"];
  EXPECT_EQ(e["type"], "exceed_context_size_error");
  EXPECT_EQ(e["n_prompt_tokens"], 600);
  EXPECT_EQ(e["n_ctx"], 512);
  EXPECT_EQ(e["message"],
            "request (600 tokens) exceeds the available context size (512 tokens), try increasing "
            "it");
}

TEST_F(CompletionTest, Sampling) {
  const std::string prompt = R"("prompt":"the sky","n_predict":6,)";
  const Json greedy = ask(prompt + R"("return_tokens":true)");
  const int first = greedy["tokens"][0];
  const std::string key = std::to_string(first);
  for (const std::string& bias :
       {"[[" + key + ",false]]", "{\"" + key + "\":false}", "[[" + key + ",-1000]]"}) {
    const Json other = ask(prompt + "\"return_tokens\":true,\"logit_bias\":" + bias);
    for (const Json& t : other["tokens"]) EXPECT_NE(t, first) << bias;
  }
  const Json forced = ask(prompt + R"("return_tokens":true,"logit_bias":[["sky",1000]])");
  EXPECT_EQ(forced["tokens"][0], tokens_of("sky")[0]);
  EXPECT_EQ(ask(prompt + R"("temperature":1,"seed":7)")["content"],
            ask(prompt + R"("temperature":1,"seed":7)")["content"]);
  EXPECT_EQ(ask(R"("prompt":"the sky\n","n_predict":20,"ignore_eos":true)", "code")["stop_type"],
            "limit");
  EXPECT_EQ(ask(R"("prompt":"the sky","max_tokens":3)")["tokens_predicted"], 3);
  EXPECT_EQ(ask(prompt + R"("grammar":"root ::= \"aba\"")")["content"], "aba");
  const Json schema = ask(R"("prompt":"x","n_predict":100,"json_schema":{"const":5})");
  EXPECT_EQ(schema["content"], "5");
  EXPECT_EQ(
      ask(prompt + R"("adaptive_target":0.5,"cache_prompt":true,"id_slot":-1,"zz":1)")["content"],
      greedy["content"])
      << "unknown fields are ignored";
  EXPECT_EQ(ask(prompt + R"("temperature":2,"seed":1,"top_n_sigma":0.0001)")["content"],
            greedy["content"]);
  EXPECT_EQ(refused(R"("prompt":"x","top_n_sigma":"2")"),
            "option \"top_n_sigma\" must be of type float32");
}

// Every name reaches the sampler: at a high temperature each of them brings back the greedy answer,
// or changes it.
TEST_F(CompletionTest, ExtraSamplers) {
  const std::string prompt = R"("prompt":"the sky","n_predict":12,"seed":1,)";
  const auto text = [&](const std::string& more) { return ask(prompt + more)["content"]; };
  const Json greedy = text(R"("temperature":0)"), hot = text(R"("temperature":3)");
  EXPECT_NE(hot, greedy);
  EXPECT_EQ(text(R"("temperature":3,"mirostat":2,"mirostat_tau":0,"mirostat_eta":0)"), greedy);
  EXPECT_NE(text(R"("temperature":3,"mirostat":1,"mirostat_tau":9)"), greedy);
  EXPECT_EQ(text(R"("temperature":0.01,"top_k":40)"), greedy);
  EXPECT_NE(text(R"("temperature":0.01,"dynatemp_range":5)"), greedy);
  EXPECT_NE(text(R"("temperature":0.01,"xtc_probability":1,"xtc_threshold":0)"), greedy);
  EXPECT_EQ(text(R"("temperature":0.01,"xtc_probability":1,"xtc_threshold":0.6)"), greedy);
  EXPECT_EQ(text(R"("temperature":3,"top_k":1,"min_keep":5)"), greedy) << "top_k is no floor";
  EXPECT_EQ(text(R"("temperature":3,"min_p":1)"), greedy);
  EXPECT_NE(text(R"("temperature":3,"min_p":1,"min_keep":20)"), greedy);
  EXPECT_EQ(refused(R"("prompt":"x","mirostat":"2")"),
            "option \"mirostat\" must be of type integer");
  EXPECT_EQ(refused(R"("prompt":"x","dry_penalty_last_n":-1)"),
            "option \"dry_penalty_last_n\" must be at least 0");
}

TEST_F(CompletionTest, SamplersActInTheOrderOfTheRequest) {
  const std::string prompt = R"("prompt":"the sky","n_predict":12,"seed":1,)";
  const auto text = [&](const std::string& more) { return ask(prompt + more)["content"]; };
  const std::string hot = R"("temperature":3,"top_p":0.2,)";
  const Json greedy = text(R"("temperature":0)"), usual = text(R"("temperature":3,"top_p":0.2)");
  EXPECT_EQ(text(hot + R"("samplers":["top_k","top_p","temperature"])"), usual);
  EXPECT_EQ(text(hot + R"("samplers":"kpt")"), usual);
  EXPECT_EQ(text(hot + R"("samplers":[])"), usual);
  EXPECT_NE(text(hot + R"("samplers":"tp")"), usual) << "top_p sees what temperature has flattened";
  EXPECT_EQ(text(hot + R"("top_k":1,"samplers":"tk")"), greedy);
  EXPECT_NE(text(hot + R"("top_k":1,"samplers":"tp")"), greedy) << "top_k is not in the list";
  EXPECT_EQ(text(hot + R"("top_k":1,"options":{"samplers":["temp","top_k"]})"), greedy);
  EXPECT_NE(text(R"("temperature":0,"samplers":["infill","adaptive_p"])"), greedy);
  EXPECT_TRUE(refused(R"("prompt":"x","samplers":["top_k","tail_free"])")
                  .starts_with("option \"samplers\": unknown sampler \"tail_free\"; there are "));
  EXPECT_NE(refused(R"("prompt":"x","samplers":"kq")"), "");
  EXPECT_EQ(refused(R"("prompt":"x","samplers":5)"), "option \"samplers\" must be of type array");
  const auto chat = [&](const std::string& more) {
    return post_json(
        "/v1/chat/completions",
        R"({"model":"M","messages":[{"role":"user","content":"a"}],"max_tokens":12,"seed":1,)"
        R"("temperature":3,"top_k":1)" +
            more + "}")["choices"][0]["message"];
  };
  EXPECT_NE(chat(R"(,"samplers":["temperature"])"), chat(""));
}

TEST_F(CompletionTest, Dry) {
  const std::string prompt = R"("prompt":"the sky","n_predict":12,"logit_bias":[["a",50]],)";
  const auto text = [&](const std::string& more) { return ask(prompt + more)["content"]; };
  EXPECT_EQ(text(R"("dry_multiplier":0)"), "aaaaaaaaaaaa");
  const std::string broken = text(R"("dry_multiplier":200,"dry_sequence_breakers":[])");
  EXPECT_EQ(broken.substr(0, 3), "aaa") << "a repetition of two begins here";
  EXPECT_NE(broken[3], 'a');
  EXPECT_EQ(text(R"("dry_multiplier":200,"dry_sequence_breakers":["a"])"), "aaaaaaaaaaaa");
  EXPECT_EQ(text(R"("dry_multiplier":200,"dry_sequence_breakers":[],"dry_allowed_length":50)"),
            "aaaaaaaaaaaa");
  EXPECT_EQ(text(R"("dry_multiplier":200,"dry_sequence_breakers":[],"dry_penalty_last_n":2)"),
            "aaaaaaaaaaaa");
  const std::string native =
      post_json("/api/generate", R"({"model":"M","prompt":"the sky","raw":true,"stream":false,)"
                                 R"("logit_bias":{")" +
                                     tokens_of("a")[0].dump() +
                                     R"(":50},"options":{"num_predict":12,"dry_multiplier":200,)"
                                     R"("dry_sequence_breakers":[]}})")["response"];
  EXPECT_EQ(native, broken) << "native options have the same names";
}

TEST_F(CompletionTest, Probabilities) {
  const Json j = ask(R"("prompt":"the sky","n_predict":4,"n_probs":3,"return_tokens":true)");
  const Json& list = j["completion_probabilities"];
  ASSERT_EQ(list.size(), 4u);
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(list[i]["id"], j["tokens"][i]);
    ASSERT_EQ(list[i]["top_logprobs"].size(), 3u);
    EXPECT_EQ(list[i]["top_logprobs"][0]["id"], j["tokens"][i]) << "greedy";
    EXPECT_LE(list[i]["logprob"].get<double>(), 0);
    EXPECT_TRUE(list[i]["bytes"].is_array());
  }
}

TEST_F(CompletionTest, ResponseFields) {
  EXPECT_EQ(
      ask(R"("prompt":"the sky","n_predict":2,"response_fields":["tokens_predicted","timings/predicted_n","nope/x"])"),
      Json::parse(R"({"tokens_predicted":2,"timings/predicted_n":2})"));
}

TEST_F(CompletionTest, Errors) {
  EXPECT_EQ(lerr("/completion", "", 400), "missing request body");
  EXPECT_EQ(lerr("/completion", R"({"prompt":"a"})", 400),
            "\"model\" is required: 0 models are loaded");
  EXPECT_EQ(lerr("/completion", R"({"model":"X","prompt":"a"})", 404), "model 'X' not found");
  EXPECT_EQ(lerr("/completion", R"({"model":"E","prompt":"a"})", 501),
            "this model does not support completions");
  EXPECT_EQ(refused(R"("prompt":"a","n_predict":-2)"),
            "Field 'n_predict': Value must be between -1 and 2147483647");
  EXPECT_EQ(refused(R"("prompt":"a","n_probs":101)"),
            "Field 'n_probs': Value must be between 0 and 100");
  EXPECT_EQ(refused(R"("prompt":"a","top_k":"x")"), "option \"top_k\" must be of type integer");
  EXPECT_EQ(refused(R"("prompt":"a","n_cmpl":2)"), "only n_cmpl = 1 is supported");
  for (const char* bias : {"5", "[5]", "[[1]]", "[[1,\"x\"]]", "[[1.5,1]]", "[[\"\",1]]",
                           "[[1,true]]", "{\"1\":\"x\"}", "[[99999,1]]"})
    EXPECT_NE(refused(std::string("\"prompt\":\"a\",\"logit_bias\":") + bias), "") << bias;
  EXPECT_NE(refused(R"("prompt":"a","grammar":"root ::=")"), "");
  EXPECT_NE(refused(R"("prompt":"a","grammar":"root ::= \"a\"","json_schema":{})"), "");
  EXPECT_EQ(ask(R"("prompt":"a","n_predict":1)")["tokens_predicted"], 1)
      << "errors give the model back";
}

TEST_F(CompletionTest, Check265Infill) {
  EXPECT_EQ(lerr("/infill", R"({"model":"M","input_suffix":"b"})", 400),
            "\"input_prefix\" is required");
  EXPECT_EQ(lerr("/infill", R"({"model":"M","input_prefix":"a"})", 400),
            "\"input_suffix\" is required");
  EXPECT_EQ(lerr("/infill", R"({"model":"M","input_prefix":"a","input_suffix":"b"})", 501),
            "infill is not supported by this model: tokens missing: prefix, suffix, middle");
  const std::string gap = R"({"model":"code","input_prefix":"the ","input_suffix":" sky")";
  const Json j = post_json("/infill", gap + "}");
  EXPECT_EQ(j["content"], "filled");
  const size_t pieces = tokens_of("the ", "code").size() + tokens_of(" sky", "code").size();
  EXPECT_EQ(j["tokens_evaluated"], pieces + 3) << "and the three marks";
  EXPECT_EQ(post_json("/infill", gap + R"(,"prompt":"is"})")["tokens_evaluated"],
            pieces + 3 + tokens_of("is", "code").size());
  EXPECT_EQ(
      post_json("/infill",
                gap + R"(,"input_extra":[{"filename":"a","text":"is"}]})")["tokens_evaluated"],
      pieces + 3 + tokens_of("a\nis\n", "code").size());
  const Json spelled =
      post_json("/infill", R"({"model":"code","input_prefix":"<|fim_suffix|>","input_suffix":""})");
  EXPECT_GT(spelled["tokens_evaluated"], 4) << "files do not hold control tokens";
  for (const char* extra : {"5", "[5]", R"([{"filename":"a"}])", R"([{"text":5}])"})
    EXPECT_NE(lerr("/infill", gap + ",\"input_extra\":" + extra + "}", 400), "") << extra;
}

}  // namespace
}  // namespace engine
