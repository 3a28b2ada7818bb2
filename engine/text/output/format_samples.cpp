// Conversations of one question and one answer. The text of a call is what follows the content of
// the answer, or the header of an answer without content, up to what ends every answer.
#include "engine/text/output/format_samples.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "engine/text/output/blanks.h"
#include "engine/text/output/format_texts.h"

namespace engine {
namespace {

constexpr std::string_view kQuestion = "QUESTIONTEXT", kContent = "CONTENTTEXT",
                           kReasoning = "REASONINGTEXT";
constexpr std::chrono::milliseconds kMostTime{250};  // of all renderings but the last
constexpr size_t kMostText = 1 << 18;
constexpr std::time_t kSomeTime = 1750000000;

Json sample_tool(std::string_view name, const std::vector<std::string_view>& keys) {
  Json properties = Json::object();
  for (const std::string_view key : keys)
    properties[std::string(key)] = {{"type", key == kSecondKey ? "integer" : "string"},
                                    {"description", "sample"}};
  return {{"type", "function"},
          {"function",
           {{"name", std::string(name)},
            {"description", "sample"},
            {"parameters",
             {{"type", "object"}, {"properties", properties}, {"required", Json::array()}}}}}};
}

class Sampler {
 public:
  explicit Sampler(const ChatTemplate& chat) : chat_(chat), tools_(sample_tools()) {}

  // The conversation with this answer; without one: up to where the answer begins. "": it fails.
  std::string show(const ChatMessage* answer) {
    if (std::chrono::steady_clock::now() - begun_ > kMostTime) return {};
    ChatInput input;
    input.messages.push_back({"user", std::string(kQuestion), {}, {}, {}, {}, {}});
    if (answer != nullptr) input.messages.push_back(*answer);
    input.tools = tools_.get();
    input.add_generation_prompt = answer == nullptr;
    input.now = kSomeTime;
    Result<RenderedChat> out = chat_.render(input);
    return out && out->text.size() <= kMostText ? std::move(out->text) : std::string();
  }
  std::string answer(std::string_view content, size_t calls, std::string_view reasoning = {}) {
    ChatMessage m;
    m.role = "assistant";
    m.content = content;
    m.thinking = reasoning;
    m.tool_calls = sample_calls(calls);
    return show(&m);
  }

 private:
  const ChatTemplate& chat_;
  const std::shared_ptr<const Json> tools_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

// From `at` to what ends every answer; "": there is no call behind `at`.
std::string calls_from(std::string_view text, size_t at, std::string_view tail,
                       std::string_view name) {
  if (at >= text.size()) return {};
  text.remove_prefix(at);
  const size_t named = text.find(name);
  if (named == text.npos) return {};
  // Reasoning that was not given, as an empty block.
  if (const size_t thought = text.substr(0, named).rfind("</think>"); thought != text.npos)
    text.remove_prefix(thought + 8);
  return std::string(text.substr(0, text.size() - common_end(text, tail)));
}

std::string behind_content(std::string_view text, std::string_view tail, std::string_view name) {
  const size_t at = text.rfind(kContent);
  return at == text.npos ? std::string() : calls_from(text, at + kContent.size(), tail, name);
}

// The tags around the reasoning in `text`; header: of an answer.
void find_reasoning(std::string_view text, std::string_view header, FormatSamples& out) {
  const size_t reason = text.rfind(kReasoning), content = text.rfind(kContent);
  if (reason == text.npos || content == text.npos || content < reason) return;
  const size_t at = common_start(header, text);
  if (at > reason) return;
  std::string_view open = trimmed(text.substr(at, reason - at));
  std::string_view close = text.substr(reason + kReasoning.size());
  close = trimmed(close.substr(0, content - reason - kReasoning.size()));
  if (open.empty()) open = last_tag(header.substr(0, at));
  if (!out.lead.empty() && close.ends_with(out.lead)) {
    close.remove_suffix(out.lead.size());
    close = trimmed(close);
  }
  const auto is_tag = [](std::string_view s) { return s.find_first_of("<[") != s.npos; };
  if (!is_tag(open) || !is_tag(close)) return;
  out.think = open;
  out.think_end = close;
}

}  // namespace

std::shared_ptr<const Json> sample_tools() {
  static const auto tools = std::make_shared<const Json>(Json::array(
      {sample_tool(kFirstName, {kFirstKey, kSecondKey}), sample_tool(kOtherName, {kOtherKey})}));
  return tools;
}

ToolCalls sample_calls(size_t n) {
  Json first = {{std::string(kFirstKey), std::string(kFirstValue)}};
  first[std::string(kSecondKey)] = 41795;
  const Json other = {{std::string(kOtherKey), std::string(kOtherValue)}};
  ToolCalls out;
  if (n > 0) out.push_back({std::string(kSampleId), std::string(kFirstName), dump_json(first)});
  if (n > 1) out.push_back({std::string(kSampleId), std::string(kOtherName), dump_json(other)});
  return out;
}

std::optional<FormatSamples> format_samples(const ChatTemplate& chat) {
  Sampler sampler(chat);
  const std::string header = sampler.show(nullptr);
  if (header.empty()) return std::nullopt;
  const std::string plain = sampler.answer(kContent, 0);
  const size_t content = plain.rfind(kContent);
  std::string_view tail;
  FormatSamples out;
  if (content != plain.npos) {
    tail = std::string_view(plain).substr(content + kContent.size());
    const size_t at = common_start(header, plain);
    if (at < content) out.lead = trimmed(std::string_view(plain).substr(at, content - at));
    if (out.lead.find("think>") != out.lead.npos) out.lead.clear();
  }
  const std::string bare = sampler.answer("", 1);
  out.alone = calls_from(bare, common_start(header, bare), tail, kFirstName);
  out.one = behind_content(sampler.answer(kContent, 1), tail, kFirstName);
  if (out.one.empty()) {
    out.one = out.alone;
    const std::string two = sampler.answer("", 2);
    out.two = calls_from(two, common_start(header, two), tail, kOtherName);
  } else {
    out.two = behind_content(sampler.answer(kContent, 2), tail, kOtherName);
  }
  if (out.two.find(kFirstName) == out.two.npos) out.two.clear();
  find_reasoning(sampler.answer(kContent, 0, kReasoning), header, out);
  if (out.one.empty() && out.think.empty()) return std::nullopt;
  return out;
}

}  // namespace engine
