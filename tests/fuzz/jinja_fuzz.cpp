// Any template over a fixed chat: parse and render within small limits, never crash, hang or exceed
// the output bound. The input may carry variables of its own as JSON behind a zero byte.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/text/jinja/interpreter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace engine;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(input.find('\0'), input.size());
  static const Json chat = *parse_json(
      R"({"messages":[{"role":"user","content":"Hi <|im_end|>"},{"role":"assistant","content":null,"tool_calls":[{"function":
      {"name":"f","arguments":{"a":1,"b":[1.5,true,null]}}}]}],"tools":[{"function":{"name":"f","parameters":{"items":{}}}}],
      "bos_token":"<s>","n":7,"x":-2.5,"s":"a b,c\u00e9\u4e16"})");
  Json variables = chat;
  if (zero < input.size())
    if (const auto own = parse_json(input.substr(zero + 1)); own && own->is_object())
      variables.update(*own);

  const auto program = jinja::parse_program(input.substr(0, zero));
  if (!program) return 0;
  jinja::RunOptions options;
  options.now = 1752582896;
  options.limits = {
      .bytes = 8 << 20, .output = 1 << 20, .loop_iterations = 2000, .steps = 100'000, .depth = 200};
  const size_t bound = options.limits.output * 2;
  options.trusted = {"bos_token"};
  const auto out = jinja::Interpreter(**program, options).run(variables);
  if (!out) return 0;
  if (out->text.size() > bound) std::abort();
  size_t end = 0;
  for (const jinja::Range& r : out->input) {
    if (r.begin < end || r.begin >= r.end || r.end > out->text.size()) std::abort();
    end = r.end;
  }
  return 0;
}
