// ChatTemplate: parse, render, continue an answer, and the probe for what a template can do.
#include "engine/text/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/go_chat.h"
#include "engine/text/gotemplate/analysis.h"
#include "engine/text/gotemplate/interpreter.h"
#include "engine/text/jinja/interpreter.h"
#include "engine/text/output/format_analysis.h"

namespace engine {
namespace {

constexpr std::string_view kChatMl =
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + "
    "'<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

bool has(std::string_view text, std::string_view what) {
  return text.find(what) != text.npos;
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.empty() || source == "chatml") source = kChatMl;
  ENGINE_TRY(program, jinja::parse_program(source));
  ChatTemplate t;
  t.source_ = std::make_shared<const std::string>(source);
  t.program_ = std::move(program);
  t.probe();
  t.answer_format_ = answer_format_of(t);
  return t;
}

Result<ChatTemplate> ChatTemplate::parse_go(std::string_view source) {
  ENGINE_TRY(program, parse_go_chat(source));
  ChatTemplate t;
  t.source_ = std::make_shared<const std::string>(source);
  const gotemplate::ThinkingTags tags = gotemplate::thinking_tags(*program);
  t.thinking_tags_ = {tags.open, tags.close};
  t.call_tag_ = gotemplate::tool_call_tag(*program);
  const auto has = [&program](std::string_view what) { return mentions(*program, what); };
  ChatCapabilities& c = t.capabilities_;
  c.system_role = has("system") || has("messages");
  c.string_content = true;
  c.tools = has("tools");
  c.tool_calls = c.parallel_tool_calls = has("toolcalls");
  c.tool_round_trip = has_tool_round_trip(*program);
  c.preserve_reasoning = has("thinking");
  c.thinking_switch = has("think");
  c.reasoning_effort = has("thinklevel");
  c.insert = has("suffix");
  t.go_ = std::move(program);
  t.answer_format_ = answer_format_of(t);
  return t;
}

Result<RenderedChat> ChatTemplate::run(const Json& variables, std::time_t now,
                                       bool tolerant) const {
  jinja::RunOptions options;
  options.now = now != 0 ? now : std::time(nullptr);
  options.trusted = {"bos_token", "eos_token"};
  // Two checks that reject what clients really send: channel markup in the history of gpt-oss,
  // empty answers of Mistral.
  if (tolerant)
    options.tolerated = {"You have passed a message containing <|channel|>",
                         "Assistant message must have"};
  ENGINE_TRY(rendered, jinja::Interpreter(*program_, std::move(options)).run(variables));
  RenderedChat out;
  out.text = std::move(rendered.text);
  for (const jinja::Range& r : rendered.input) out.input.push_back({r.begin, r.end});
  return out;
}

Result<std::string> ChatTemplate::render(const Json& variables, std::time_t now) const {
  if (go_) {
    gotemplate::RunOptions options;
    options.now = now;
    ENGINE_TRY(go, gotemplate::Interpreter(*go_, options).run(gotemplate::from_json(variables)));
    return std::move(go.text);
  }
  ENGINE_TRY(out, run(variables, now, false));
  return std::move(out.text);
}
Result<std::string> ChatTemplate::render(const Json& variables) const {
  return render(variables, 0);
}

Result<RenderedChat> ChatTemplate::render(const ChatInput& input) const {
  if (go_) return render_go_chat(*go_, input);
  const bool continues = input.add_generation_prompt && !input.messages.empty() &&
                         input.messages.back().role == "assistant" &&
                         input.messages.back().tool_calls.empty();
  if (!continues) return run(variables(input), input.now, true);

  ChatInput before = input;
  const ChatMessage last = std::move(before.messages.back());
  before.messages.pop_back();
  ENGINE_TRY(out, run(variables(before), input.now, true));
  std::string answer = last.content;
  for (const ChatPart& part : last.parts) answer += part.text;
  const auto add_input = [&out = out](std::string_view s) {
    if (!s.empty()) out.input.push_back({out.text.size(), out.text.size() + s.size()});
    out.text += s;
  };
  const size_t end = out.text.find_last_not_of(" \n\t\r");
  const std::string_view trimmed =
      std::string_view(out.text).substr(0, end == out.text.npos ? 0 : end + 1);
  const bool inside = trimmed.ends_with("<think>");
  if (!last.thinking.empty() || (inside && !answer.empty())) {
    if (!inside && has(*source_, "<think>")) out.text += "<think>\n";
    if (inside || has(*source_, "<think>")) {
      add_input(last.thinking);
      if (!answer.empty()) out.text += "\n</think>\n\n";
    }
  }
  add_input(answer);
  return std::move(out);
}

Result<std::string> ChatTemplate::generation_prompt(ChatInput input) const {
  if (go_) return std::string();
  input.add_generation_prompt = true;
  if (input.now == 0) input.now = std::time(nullptr);
  ENGINE_TRY(with, run(variables(input), input.now, true));
  input.add_generation_prompt = false;
  ENGINE_TRY(without, run(variables(input), input.now, true));
  const auto [a, b] =
      std::mismatch(with.text.begin(), with.text.end(), without.text.begin(), without.text.end());
  return std::string(a, with.text.end());
}

// ---- the probe ----

namespace {

// Texts that no template contains.
constexpr std::string_view kSystem = "PROBE-SYSTEM", kUser = "PROBE-USER", kName = "probe_tool",
                           kOther = "other_tool", kKey = "probe_key", kReason = "PROBE-REASON";

Json message(std::string_view role, Json content) {
  return {{"role", std::string(role)}, {"content", std::move(content)}};
}

Json tool(std::string_view name) {
  return {{"type", "function"},
          {"function",
           {{"name", std::string(name)},
            {"description", "probe"},
            {"parameters",
             {{"type", "object"},
              {"properties", {{std::string(kKey), {{"type", "string"}, {"description", "probe"}}}}},
              {"required", Json::array({std::string(kKey)})}}}}}};
}

Json call(std::string_view name, std::string_view id, const Json& arguments) {
  return {{"id", std::string(id)},
          {"type", "function"},
          {"function", {{"name", std::string(name)}, {"arguments", arguments}}}};
}

// A user's question, a call of each name, the results.
Json conversation(const std::vector<std::string_view>& names, const Json& content,
                  const Json& arguments) {
  Json calls = Json::array(), messages = Json::array({message("user", std::string(kUser))});
  int n = 0;
  for (std::string_view name : names)
    calls.push_back(call(name, fmt::format("call0000{}", n++), arguments));
  Json assistant = message("assistant", content);
  assistant["tool_calls"] = calls;
  messages.push_back(assistant);
  n = 0;
  for (std::string_view name : names) {
    Json result = message("tool", "done");
    result["name"] = std::string(name);
    result["tool_call_id"] = fmt::format("call0000{}", n++);
    messages.push_back(result);
  }
  return messages;
}

}  // namespace

void ChatTemplate::probe() {
  const auto show = [&](Json messages, const Json& more = Json::object()) -> std::string {
    Json variables = {{"messages", std::move(messages)},
                      {"add_generation_prompt", true},
                      {"bos_token", ""},
                      {"eos_token", ""}};
    for (const auto& [key, value] : more.items()) variables[key] = value;
    const auto out = run(variables, 0, true);
    return out ? out->text : std::string();
  };
  ChatCapabilities& c = capabilities_;
  const Json user = message("user", std::string(kUser));
  c.string_content = has(show(Json::array({user})), kUser);

  const Json part = {{"type", "text"}, {"text", std::string(kUser)}};
  const std::string typed = show(Json::array({message("user", Json::array({part}))}));
  c.typed_content = has(typed, kUser) && !has(typed, "'text'") && !has(typed, "\"text\"");
  // nothing learnt: the plain form
  if (!c.string_content && !c.typed_content) c.string_content = true;
  const auto content = [&](std::string_view s) -> Json {
    if (c.string_content) return std::string(s);
    return Json::array({{{"type", "text"}, {"text", std::string(s)}}});
  };

  c.system_role =
      has(show(Json::array({message("system", content(kSystem)), message("user", content(kUser))})),
          kSystem);

  const Json tools = {{"tools", Json::array({tool(kName), tool(kOther)})}};
  c.tools = has(show(Json::array({message("user", content(kUser))}), tools), kName);

  const Json object = {{std::string(kKey), "v"}};
  for (const bool objects : {true, false}) {
    for (const bool null : {false, true}) {
      if (c.tool_calls) break;
      const Json arguments = objects ? object : Json(dump_json(object));
      const std::string text =
          show(conversation({kName}, null ? Json() : Json(""), arguments), Json::object());
      const bool legible =
          has(text, kKey) && !has(text, "'probe_key'") && !has(text, "\\\"probe_key");
      if (!has(text, kName) || !legible) continue;
      c.tool_calls = true;
      c.object_arguments = objects;
      c.null_content = null;
    }
  }
  if (c.tool_calls) {
    const Json arguments = c.object_arguments ? object : Json(dump_json(object));
    const Json empty = c.null_content ? Json() : Json("");
    const std::string text = show(conversation({kName, kOther}, empty, arguments));
    c.parallel_tool_calls = has(text, kName) && has(text, kOther);
  }

  Json answer = message("assistant", content("fine"));
  answer["reasoning_content"] = answer["thinking"] = std::string(kReason);
  c.preserve_reasoning =
      has(show(Json::array({user, answer, message("user", content("next"))})), kReason);
  const Json plain = Json::array({message("user", content(kUser))});
  const auto differs = [&](const Json& a, const Json& b) {
    return show(plain, a) != show(plain, b);
  };
  c.thinking_switch = differs({{"enable_thinking", true}, {"thinking", true}},
                              {{"enable_thinking", false}, {"thinking", false}});
  c.reasoning_effort = differs({{"reasoning_effort", "high"}}, {{"reasoning_effort", "low"}});
}

}  // namespace engine
