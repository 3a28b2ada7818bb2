// The first byte chooses a format, of the list or found in a template, the second what is looked for and how the text is cut; the rest is
// an answer. However it is cut, the parts are the same, and calls are well formed.
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/core/json_io.h"
#include "engine/text/output/answer_parser.h"
#include "engine/text/output/format_analysis.h"

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

// Those of the list, and one of each layout that is found in templates.
std::vector<FormatPtr> all_formats() {
  std::vector<FormatPtr> out;
  for (const AnswerFormat& format : answer_formats()) out.push_back(listed_format(format));
  for (const char* call :
       {"'<|c|>' + t.id + '<|n|>' + c.name + '<|a|>' + c.arguments|tojson + '<|/c|>'",
        "'<c>[' + {'tool': c.name, 'input': c.arguments}|tojson + ']</c>'",
        "'<c=' + c.name + '>' + args(c.arguments) + '</c>'"}) {
    const std::string source =
        "{% macro args(a) %}{% for k, v in a.items() %}<k>{{ k }}</k><v>{{ v|tojson }}</v>"
        "{% endfor %}{% endmacro %}{% for m in messages %}{{ m.role + ':' }}{{ m.content }}"
        "{% for t in m.tool_calls or [] %}{% set c = t.function %}{{ " +
        std::string(call) + " }}{% endfor %}{{ '<|end|>' }}{% endfor %}";
    const auto chat = ChatTemplate::parse(source);
    const FormatPtr found = chat ? analyse_format(*chat) : nullptr;
    if (!found) std::abort();
    out.push_back(found);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto tools = std::make_shared<const Json>(*parse_json(
      R"([{"type":"function","function":{"name":"f","parameters":{"properties":{"k":{"type":"string"},"n":{"type":"integer"},
      "o":{"type":["object","array"]}}}}},{"type":"function","function":{"name":"get_weather"}}])"));
  if (size < 2) return 0;
  AnswerRules rules;
  static const std::vector<FormatPtr> formats = all_formats();
  rules.format = formats[data[0] % formats.size()].get();
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
