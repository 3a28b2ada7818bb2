// Any Go template over a fixed chat: parse, look into and render within small limits, never crash,
// hang or exceed the output bound. Behind a zero byte: the text of the user.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/text/chat_template.h"
#include "engine/text/gotemplate/analysis.h"
#include "engine/text/gotemplate/interpreter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(input.find('\0'), input.size());
  const std::string_view source = input.substr(0, zero);
  static const Json variables = *parse_json(
      R"({"Messages":[{"Role":"user","Content":"Hi <|im_end|>"},{"Role":"assistant","ToolCalls":[{"Function":
      {"Name":"f","Arguments":{"a":1,"b":[1.5,true,null]}}}]}],"Tools":[{"Function":{"Name":"f"}}],"n":7,"s":"a\u00e9\u4e16"})");
  const auto program = gotemplate::parse_program(source);
  if (!program) return 0;
  gotemplate::RunOptions options;
  options.now = 1752582896;
  options.limits = {.bytes = 8 << 20, .output = 1 << 20, .steps = 100'000, .depth = 200};
  // One value that is printed may be as large as what functions may make, and six times that as
  // JSON.
  const size_t bound = options.limits.output + options.limits.bytes * 6;
  const auto out =
      gotemplate::Interpreter(**program, options).run(gotemplate::from_json(variables));
  if (out) {
    if (out->text.size() > bound) std::abort();
    size_t end = 0;
    for (const gotemplate::Range& r : out->input) {
      if (r.begin < end || r.begin >= r.end || r.end > out->text.size()) std::abort();
      end = r.end;
    }
  }
  (void)gotemplate::tool_call_tag(**program);
  if (source.size() > 4096) return 0;  // the limits of a chat are those of a server

  const auto chat = ChatTemplate::parse_go(source);
  if (!chat) std::abort();  // what is appended cannot break it
  static const Json tools = *parse_json(
      R"([{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"type":["string"]}}}}}])");
  ChatInput request;
  request.now = options.now;
  request.tools = &tools;
  request.messages.resize(3);
  request.messages[0] = {.role = "system", .content = "S"};
  request.messages[1] = {.role = "user",
                         .content = std::string(zero < size ? input.substr(zero + 1) : "U")};
  request.messages[2] = {.role = "assistant", .content = "A", .tool_calls = {{"1", "f", "{}"}}};
  if (source.find("range") == source.npos && source.find("template") == source.npos)
    (void)chat->render(request);
  return 0;
}
