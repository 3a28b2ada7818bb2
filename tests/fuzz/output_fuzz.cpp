// The first byte chooses a format, the second what is looked for and how the text is cut; the rest is
// an answer. However it is cut, the parts are the same, and calls are well formed.
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/text/output/answer_parser.h"

namespace {

using namespace engine;

struct Outcome {
  std::string content, thinking, calls;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(const AnswerRules& rules, std::string_view text, size_t step) {
  AnswerParser parser(rules);
  Outcome out;
  const auto add = [&](const AnswerPart& part) {
    out.content += part.content;
    out.thinking += part.thinking;
    for (const ChatToolCall& call : part.calls) {
      const auto arguments = parse_json(call.arguments);
      if (call.name.empty() || !arguments || !arguments->is_object()) std::abort();
      out.calls += call.name + call.arguments + ";";
    }
  };
  for (size_t at = 0; at < text.size(); at += step) add(parser.push(text.substr(at, step)));
  add(parser.finish());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto tools = std::make_shared<const Json>(*parse_json(
      R"([{"type":"function","function":{"name":"f","parameters":{"properties":{"k":{"type":"string"},"n":{"type":"integer"},
      "o":{"type":["object","array"]}}}}},{"type":"function","function":{"name":"get_weather"}}])"));
  if (size < 2) return 0;
  AnswerRules rules;
  rules.format = &answer_formats()[data[0] % answer_formats().size()];
  if ((data[1] & 1) != 0) rules.tools = tools;
  rules.thinking = (data[1] & 2) != 0;
  rules.starts_thinking = (data[1] & 4) != 0;
  if ((data[1] & 8) != 0) {
    rules.format = &answer_formats().back();
    rules.call_tag = (data[1] & 16) != 0 ? "<call>" : "{";
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome whole = parse(rules, text, std::max<size_t>(text.size(), 1));
  if (!(parse(rules, text, 1) == whole)) std::abort();
  if (!(parse(rules, text, 2 + data[1] / 32) == whole)) std::abort();
  return 0;
}
