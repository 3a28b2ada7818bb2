// Renderings of Go templates whose expected texts were worked out by hand.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/text/chat_template.h"
#include "engine/text/gotemplate/interpreter.h"
#include "tests/support/data_dirs.h"

namespace engine {
namespace {

ChatInput input_of(const Json& inputs) {
  ChatInput input;
  input.suffix = inputs.value("suffix", "");
  if (inputs.contains("prompt")) {
    input.messages.emplace_back();
    input.messages.back().role = "user";
    input.messages.back().content = inputs["prompt"].get<std::string>();
  }
  if (inputs.contains("think")) input.think = inputs["think"].get<bool>();
  if (inputs.contains("tools")) input.tools = &inputs["tools"];
  if (!inputs.contains("messages")) return input;
  for (const Json& m : inputs["messages"]) {
    ChatMessage out;
    out.role = m["role"].get<std::string>();
    out.content = m.value("content", "");
    out.thinking = m.value("thinking", "");
    out.tool_name = m.value("tool_name", "");
    for (const Json& call : m.value("tool_calls", Json::array()))
      out.tool_calls.push_back({call.value("id", ""), call["function"]["name"].get<std::string>(),
                                dump_json(call["function"]["arguments"])});
    input.messages.push_back(std::move(out));
  }
  return input;
}

Result<std::string> render(const Json& c) {
  const auto source = c["template"].get<std::string>();
  if (c["kind"] == "chat") {
    ENGINE_TRY(t, ChatTemplate::parse_go(source));
    ENGINE_TRY(out, t.render(input_of(c["inputs"])));
    return std::move(out.text);
  }
  ENGINE_TRY(program, gotemplate::parse_program(source));
  ENGINE_TRY(out, gotemplate::Interpreter(*program, {}).run(gotemplate::from_json(c["data"])));
  return std::move(out.text);
}

TEST(GoTemplateGolden, EveryRecordedCase) {
  std::ifstream in(testing::shared_dir() + "/golden/chat/go-templates.json");
  if (!in) GTEST_SKIP() << "no golden/chat/go-templates.json under " << testing::shared_dir();
  std::stringstream text;
  text << in.rdbuf();
  const Result<Json> cases = parse_json(text.str());
  ASSERT_TRUE(cases);
  ASSERT_GE(cases->size(), 15u);
  for (const Json& c : *cases) {
    SCOPED_TRACE(c["name"].get<std::string>());
    const Result<std::string> out = render(c);
    EXPECT_TRUE(out) << out.error().message;
    if (out) {
      EXPECT_EQ(*out, c["expected"].get<std::string>());
    }
  }
}

}  // namespace
}  // namespace engine
