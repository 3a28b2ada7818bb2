// Models with a Go template in the store, and the template and suffix of a request.
#include <algorithm>

#include "tests/server/fixture.h"

namespace engine {
namespace {

const char* const kMessages =
    "{{ range $i, $m := .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}"
    "{{ range .ToolCalls }}<call>{{ .Function.Name }}{{ .Function.Arguments }}{{ end }}"
    "<|im_end|>\n{{ end }}{{ if .Tools }}{{ .Tools }}{{ end }}<|im_start|>assistant\n";
const char* const kInsert =
    "{{ if .Suffix }}<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>{{ else }}{{ .Prompt }}{{ end }}";
const char* const kThinks =
    "{{ range .Messages }}{{ if .Thinking }}<reason>{{ .Thinking }}</reason>{{ end }}"
    "{{ .Content }}\n{{ end }}{{ if .Think }}<reason>{{ end }}";

class GoTemplateTest : public ServerTest {
 protected:
  static void SetUpTestSuite() {
    ServerTest::SetUpTestSuite();
    testing::TinyModel tiny;
    add("both", tiny, "", "", "legacy {{ .Prompt }}");
    tiny.chat_template = "";
    add("G", tiny, "", "", kMessages);
    add("L", tiny, "", "You are a pirate.",
        "{{ if .System }}<<{{ .System }}>>{{ end }}[U]{{ .Prompt }}[/U]{{ .Response }}!\n");
    add("I", tiny, "", "", kInsert);
    add("R", tiny, "", "", kThinks);
    add("bad", tiny, "", "", "{{ if");
    add("raises", tiny, "", "", "{{ range .Messages }}{{ .Nosuch }}{{ end }}");
  }

  static std::string body(const std::string& model, const std::string& rest) {
    return R"({"model":")" + model + R"(","stream":false,"options":{"num_predict":4},)" + rest +
           "}";
  }
  std::string rendered(const std::string& path, const std::string& model, const std::string& rest) {
    const Json j = post_json(path, body(model, R"("_debug_render_only":true,)" + rest));
    return j.contains("_debug_info") ? j["_debug_info"]["rendered_template"].get<std::string>()
                                     : j.dump();
  }
  std::string chat(const std::string& model, const std::string& messages) {
    return rendered("/api/chat", model, R"("messages":)" + messages);
  }
  std::string generate(const std::string& model, const std::string& rest) {
    return rendered("/api/generate", model, rest);
  }
  std::vector<std::string> capabilities(const std::string& model) {
    return post_json("/api/show", R"({"model":")" + model + "\"}")["capabilities"];
  }
};

TEST_F(GoTemplateTest, RendersChats) {
  EXPECT_EQ(chat("G", R"([{"role":"system","content":"S"},{"role":"user","content":"hi"}])"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n"
            "<|im_start|>assistant\n");
  EXPECT_EQ(
      chat(
          "G",
          R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"b":1,"a":"<"}}}]}])"),
      "<|im_start|>assistant\n<call>f{\"a\":\"\\u003c\",\"b\":1}<|im_end|>\n"
      "<|im_start|>assistant\n");
  EXPECT_EQ(chat("L", R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"},
                          {"role":"user","content":"c"}])"),
            "<<You are a pirate.>>[U]a[/U]b!\n[U]c[/U]");
  EXPECT_EQ(generate("L", R"("prompt":"a","system":"s")"), "<<s>>[U]a[/U]");
  EXPECT_EQ(generate("L", R"("prompt":"a","raw":true)"), "a");
  const Json answer =
      post_json("/api/chat", body("G", R"("messages":[{"role":"user","content":"hi"}])"));
  EXPECT_EQ(answer["done"], true);
  EXPECT_GT(answer["prompt_eval_count"].get<int>(), 0);
  EXPECT_NE(
      rendered(
          "/api/chat", "G",
          R"("messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"weather"}}])")
          .find("[{\"type\":\"function\",\"function\":{\"name\":\"weather\""),
      std::string::npos);
}

TEST_F(GoTemplateTest, MessagesCannotSpellControlTokens) {
  const auto count = [&](const std::string& content) {
    return post_json("/api/chat", body("G", R"("messages":[{"role":"user","content":)" +
                                                Json(content).dump() + "}]"))["prompt_eval_count"]
        .get<int>();
  };
  EXPECT_GT(count("x<|im_end|>x"), count("xx") + 4);
}

TEST_F(GoTemplateTest, IsShown) {
  EXPECT_EQ(post_json("/api/show", R"({"model":"I"})")["template"], kInsert);
  EXPECT_EQ(capabilities("G"), (std::vector<std::string>{"tools", "completion"}));
  EXPECT_EQ(capabilities("L"), (std::vector<std::string>{"completion"}));
  EXPECT_EQ(capabilities("I"), (std::vector<std::string>{"insert", "completion"}));
  EXPECT_EQ(capabilities("R"), (std::vector<std::string>{"thinking", "completion"}));
}

TEST_F(GoTemplateTest, TheOneThatCanDoMoreRenders) {
  // That of the file shows tools.
  EXPECT_EQ(generate("both", R"("prompt":"a")").find("legacy"), std::string::npos);
  ::setenv("OLLAMA_GO_TEMPLATE", "1", 1);
  start({});
  EXPECT_EQ(generate("both", R"("prompt":"a")"), "legacy a");
  ::setenv("OLLAMA_GO_TEMPLATE", "0", 1);
  start({});
  EXPECT_EQ(generate("L", R"("prompt":"a")").find("[U]"), std::string::npos);
  ::unsetenv("OLLAMA_GO_TEMPLATE");
}

TEST_F(GoTemplateTest, TemplateOfTheRequest) {
  EXPECT_EQ(generate("M", R"("prompt":"the sky","template":"{{ .Prompt }}")"), "the sky");
  EXPECT_EQ(generate("N", R"("prompt":"a","template":"{{ .System }}|{{ .Prompt }}|")"),
            "You are a pirate.|a|");
  EXPECT_EQ(generate("L", R"("prompt":"a","template":"<{{ .Prompt }}>")"), "<a>");
  EXPECT_EQ(error_of("/api/generate", body("M", R"("prompt":"a","template":"{{ .Prompt")"), 400),
            "template: :1: unclosed action");
  EXPECT_EQ(
      error_of("/api/generate", body("M", R"("prompt":"a","template":"{{ .Prompt.x }}")"), 400),
      "template: :1:3: executing \"\" at <.Prompt.x>: can't evaluate field x in type string");
  EXPECT_EQ(post_json("/api/generate", body("M", R"("template":"{{ if")"))["done_reason"], "load")
      << "loading needs no template";
}

TEST_F(GoTemplateTest, Suffix) {
  EXPECT_EQ(generate("I", R"("prompt":"def f(","suffix":"return 1")"),
            "<PRE>def f(<SUF>return 1<MID>");
  EXPECT_EQ(generate("I", R"("prompt":"a")"), "a");
  EXPECT_EQ(post("/api/generate", body("I", R"("prompt":"a","suffix":"b")")).status, 200);
  for (const char* model : {"M", "G"})
    EXPECT_TRUE(error_of("/api/generate", body(model, R"("prompt":"a","suffix":"b")"), 400)
                    .ends_with("does not support insert"));
}

TEST_F(GoTemplateTest, ItsTagsMarkTheThinking) {
  const std::string messages = R"("messages":[{"role":"user","content":"hi"}])";
  const Json on = post_json("/api/chat", body("R", messages));
  EXPECT_EQ(on["message"]["content"], "") << "the prompt opens the block, nothing closes it";
  EXPECT_NE(on["message"]["thinking"], "");
  const Json off = post_json("/api/chat", body("R", R"("think":false,)" + messages));
  EXPECT_FALSE(off["message"].contains("thinking"));
}

TEST_F(GoTemplateTest, BrokenTemplates) {
  EXPECT_EQ(generate("bad", R"("prompt":"a")").find("<|im_start|>user"), 0u) << "ChatML";
  EXPECT_NE(
      error_of("/api/chat", body("raises", R"("messages":[{"role":"user","content":"a"}])"), 400)
          .find("can't evaluate field Nosuch"),
      std::string::npos);
}

}  // namespace
}  // namespace engine
