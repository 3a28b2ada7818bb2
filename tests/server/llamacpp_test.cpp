// What llama.cpp's server offers: health, tokens, templates, properties, slots, metrics.
// Numbers: checks of the list of conformance.
#include <algorithm>

#include "server/metrics.h"
#include "tests/server/fixture.h"

namespace engine {
namespace {

using testing::HttpReply;

class LlamaCppTest : public ServerTest {
 protected:
  std::string lerr(const std::string& path, const std::string& body, int status) {
    const Json j = post_json(path, body, status);
    if (!j.is_object() || !j.contains("error") || !j["error"].is_object()) return {};
    EXPECT_EQ(j["error"]["code"], status);
    EXPECT_EQ(j["error"]["type"], status == 404   ? "not_found_error"
                                  : status == 501 ? "not_supported_error"
                                                  : "invalid_request_error");
    return j["error"]["message"];
  }
  // The value of a line of /metrics; -1: there is none.
  double metric(const std::string& line_start) {
    const std::string text = get("/metrics").body;
    const size_t at = text.find("\n" + line_start + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + line_start.size() + 2));
  }
};

TEST_F(LlamaCppTest, Check260Health) {
  for (const char* path : {"/health", "/v1/health"}) {
    const HttpReply r = get(path);
    EXPECT_EQ(r.status, 200);
    EXPECT_EQ(r.body, R"({"status":"ok"})");
  }
}

TEST_F(LlamaCppTest, Check261Metrics) {
  const HttpReply r = get("/metrics");
  EXPECT_EQ(r.status, 200);
  EXPECT_TRUE(r.header("content-type").starts_with("text/plain; version=0.0.4"));
  EXPECT_EQ(metric("engine_models_loaded"), 0);
  const std::string ask =
      R"({"model":"M","prompt":"the sky","stream":false,"options":{"num_predict":5}})";
  for (int i = 1; i <= 2; ++i) {
    const Json j = post_json("/api/generate", ask);
    EXPECT_EQ(metric(R"(engine_tokens_predicted_total{model="M:latest"})"), 5 * i);
    EXPECT_GE(metric(R"(engine_prompt_tokens_total{model="M:latest"})"), 1);
    EXPECT_EQ(metric(R"(engine_n_tokens_max{model="M:latest"})"),
              j["prompt_eval_count"].get<int>() + 5);
  }
  EXPECT_EQ(metric("engine_models_loaded"), 1);
  EXPECT_GE(metric(R"(engine_n_decode_total{model="M:latest"})"), 10);
  EXPECT_EQ(metric(R"(engine_requests_processing{model="M:latest"})"), 0);
  EXPECT_GT(metric(R"(engine_memory_bytes{device="cpu",kind="weights",model="M:latest"})"), 0);
  EXPECT_EQ(metric(R"(engine_first_token_seconds_bucket{le="+Inf"})"), 2);
  EXPECT_EQ(metric("engine_first_token_seconds_count"), 2);
  EXPECT_GT(metric("engine_load_seconds_total"), 0);
  EXPECT_EQ(metric(R"(engine_requests_total{route="/api/generate",status="200"})"), 2);
  get("/nope");
  get("/v1/models/" + std::string(50, 'x'));
  EXPECT_EQ(metric(R"(engine_requests_total{route="other",status="404"})"), 1);
  EXPECT_EQ(metric(R"(engine_requests_total{route="/v1/models/*",status="404"})"), 1)
      << "names of clients do not become labels";
  EXPECT_EQ(get("/metrics").body.find("llamacpp:"), std::string::npos);
  start([](ServerOptions& o) { o.metrics_compat = true; });
  post_json("/api/generate", ask);
  EXPECT_EQ(metric(R"(llamacpp:tokens_predicted_total{model="M:latest"})"), 5);
}

TEST_F(LlamaCppTest, MetricsOfSpeculation) {
  start([](ServerOptions& o) { o.draft = root_ + "/M.gguf"; });
  EXPECT_EQ(metric(R"(engine_spec_decode_num_drafts_total{model="M:latest"})"), -1);
  const Json j = post_json("/api/generate",
                           R"({"model":"N","prompt":"the sky","stream":false,"raw":true,"options":)"
                           R"({"num_predict":60,"temperature":0}})");
  const double steps = metric(R"(engine_spec_decode_num_drafts_total{model="N:latest"})"),
               tokens = metric(R"(engine_spec_decode_num_draft_tokens_total{model="N:latest"})"),
               taken = metric(R"(engine_spec_decode_num_accepted_tokens_total{model="N:latest"})");
  EXPECT_EQ(tokens, j["draft_count"].get<int>());
  EXPECT_GE(steps, 1);
  EXPECT_LE(steps, tokens);
  double places = 0;
  for (int i = 0; i < 64; ++i)
    places += std::max(0.0, metric("engine_spec_decode_num_accepted_tokens_per_pos_total{model="
                                   "\"N:latest\",position=\"" +
                                   std::to_string(i) + "\"}"));
  EXPECT_EQ(places, taken);
}

TEST(Metrics, HistogramsAreCumulative) {
  Histogram h;
  for (const double s : {0.001, 0.005, 0.3, 100.0}) h.add(s);
  std::string out;
  h.append("x", out);
  EXPECT_NE(out.find("x_bucket{le=\"0.005\"} 2\n"), std::string::npos) << out;
  EXPECT_NE(out.find("x_bucket{le=\"0.25\"} 2\n"), std::string::npos) << out;
  EXPECT_NE(out.find("x_bucket{le=\"0.5\"} 3\n"), std::string::npos) << out;
  EXPECT_NE(out.find("x_bucket{le=\"+Inf\"} 4\n"), std::string::npos) << out;
  EXPECT_NE(out.find("x_count 4\n"), std::string::npos) << out;
}

TEST_F(LlamaCppTest, Check262Tokens) {
  const Json tokens = post_json("/tokenize", R"({"model":"M","content":"Hello"})")["tokens"];
  ASSERT_FALSE(tokens.empty());
  EXPECT_EQ(post_json("/detokenize", Json{{"model", "M"}, {"tokens", tokens}}.dump())["content"],
            "Hello");
  const Json pieces = post_json(
      "/tokenize", R"({"content":"the \u00e4","with_pieces":true})")["tokens"];  // the loaded model
  EXPECT_EQ(pieces[0]["piece"], "the");
  EXPECT_EQ(pieces.back()["piece"], Json::parse("[164]")) << "half of a character: bytes";
  const std::string special = R"({"model":"M","content":"<|im_end|>")";
  EXPECT_EQ(post_json("/tokenize", special + "}")["tokens"].size(), 1u);
  EXPECT_GT(post_json("/tokenize", special + R"(,"parse_special":false})")["tokens"].size(), 1u);
  EXPECT_EQ(post_json("/tokenize", R"({"model":"M"})")["tokens"], Json::array());
  EXPECT_EQ(post_json("/detokenize", R"({"model":"M","tokens":[]})")["content"], "");
  EXPECT_EQ(post_json("/detokenize", R"({"model":"M","tokens":[-5,99999999]})")["content"], "");
}

TEST_F(LlamaCppTest, TokenErrors) {
  EXPECT_EQ(lerr("/tokenize", R"({"content":"a"})", 400),
            "\"model\" is required: 0 models are loaded");
  EXPECT_EQ(lerr("/tokenize", "", 400), "missing request body");
  EXPECT_EQ(lerr("/tokenize", R"({"model":"X","content":"a"})", 404), "model 'X' not found");
  EXPECT_EQ(lerr("/tokenize", R"({"model":"M","content":5})", 400),
            "field \"content\": expected string");
  for (const char* bad : {"[1.5]", R"(["a"])", "[99999999999]", "5"})
    EXPECT_NE(lerr("/detokenize", R"({"model":"M","tokens":)" + std::string(bad) + "}", 400), "");
  post_json("/tokenize", R"({"model":"M","content":"a"})");
  post_json("/tokenize", R"({"model":"N","content":"a"})");
  EXPECT_EQ(lerr("/tokenize", R"({"content":"a"})", 400),
            "\"model\" is required: 2 models are loaded");
}

TEST_F(LlamaCppTest, Check263ApplyTemplate) {
  const std::string messages =
      R"("messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}])";
  const Json native =
      post_json("/api/chat", R"({"model":"M","_debug_render_only":true,)" + messages + "}");
  EXPECT_EQ(post_json("/apply-template", R"({"model":"M",)" + messages + "}"),
            (Json{{"prompt", native["_debug_info"]["rendered_template"]}}));
  EXPECT_EQ(post_json("/apply-template", "{" + messages + "}")["prompt"],
            native["_debug_info"]["rendered_template"]);
  EXPECT_NE(lerr("/apply-template", R"({"model":"M","messages":5})", 400), "");
}

TEST_F(LlamaCppTest, Props) {
  const Json server = parse(get("/props").body);
  EXPECT_EQ(server["total_slots"], 4);
  EXPECT_TRUE(server["build_info"].get<std::string>().starts_with("engine/"));
  const Json cold = parse(get("/props?model=M").body);
  EXPECT_EQ(cold["is_loaded"], false);
  EXPECT_NE(cold["chat_template"].get<std::string>().find("im_start"), std::string::npos);
  EXPECT_EQ(cold["default_generation_settings"]["params"]["num_predict"], 8);
  EXPECT_EQ(cold["modalities"]["vision"], false);
  post_json("/api/generate", R"({"model":"M"})");
  EXPECT_EQ(parse(get("/props?a=b&model=library%2FM").body)["default_generation_settings"]["n_ctx"],
            512);
  EXPECT_EQ(get("/props?model=X").status, 404);
}

TEST_F(LlamaCppTest, Slots) {
  EXPECT_EQ(parse(get("/slots").body), Json::array());
  EXPECT_EQ(get("/slots?fail_on_no_slot=1").status, 200);
  start([](ServerOptions& o) { o.load.n_sequences = 1; });
  post_json("/api/generate", R"({"model":"M"})");
  Json list = parse(get("/slots?model=m").body);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["id"], 0);
  EXPECT_EQ(list[0]["n_ctx"], 512);
  EXPECT_EQ(list[0]["is_processing"], false);
  EXPECT_FALSE(list[0].contains("params")) << "nothing runs there";
  EXPECT_EQ(parse(get("/slots?model=N").body), Json::array());
  testing::HttpClient c(port());
  c.send(testing::HttpClient::request(
      "POST", "/api/generate",
      R"({"model":"N","prompt":"a","keep_alive":"1m","options":{"num_predict":5000,"top_k":7,"seed":3,"stop":["~~~~"]}})"));
  ASSERT_TRUE(c.wait_for("\"done\":false"));
  list = parse(get("/slots?model=N").body);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["is_processing"], true);
  EXPECT_EQ(list[0]["params"]["top_k"], 7);
  EXPECT_EQ(list[0]["params"]["seed"], 3);
  EXPECT_EQ(list[0]["params"]["stop"], Json::array({"~~~~"}));
  EXPECT_EQ(list[0]["params"]["num_predict"], 5000);
  const Json next = list[0]["next_token"];
  EXPECT_EQ(next["has_next_token"], true);
  EXPECT_GE(next["n_decoded"].get<int>(), 1);
  EXPECT_EQ(next["n_remain"].get<int>() + next["n_decoded"].get<int>(), 5000);
  EXPECT_EQ(parse(get("/slots?model=N&fail_on_no_slot=1").body)["error"]["message"],
            "no slot available");
}

}  // namespace
}  // namespace engine
