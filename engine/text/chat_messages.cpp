// Messages into template variables, shaped to what the template can show (chat templates differ in
// the roles, contents and argument forms that they accept).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/text/chat_template.h"

namespace engine {

std::string content_text(const ChatMessage& m) {
  if (m.parts.empty()) return m.content;
  std::string out;
  const ChatPart* previous = nullptr;
  for (const ChatPart& part : m.parts) {
    const bool is_text = part.kind == ChatPart::Kind::text;
    if (previous && is_text && previous->kind == ChatPart::Kind::text) out += '\n';
    out += part.text;  // of media: the marker that stands for it
    previous = &part;
  }
  return out;
}

namespace {

Json parts_of(const ChatMessage& m) {
  Json out = Json::array();
  if (m.parts.empty()) {
    out.push_back({{"type", "text"}, {"text", m.content}});
    return out;
  }
  for (const ChatPart& part : m.parts) {
    switch (part.kind) {
      case ChatPart::Kind::text:
        out.push_back({{"type", "text"}, {"text", part.text}});
        break;
      case ChatPart::Kind::image:
        out.push_back({{"type", "image"}});
        break;
      case ChatPart::Kind::audio:
        out.push_back({{"type", "audio"}});
        break;
    }
  }
  return out;
}

Json arguments_of(const ChatToolCall& call, bool as_object) {
  if (!as_object) return call.arguments.empty() ? "{}" : call.arguments;
  if (call.arguments.empty()) return Json::object();
  Result<Json> parsed = parse_json(call.arguments);
  return parsed ? std::move(*parsed) : Json(call.arguments);
}

// The text of system messages goes in front of the first user message.
std::vector<ChatMessage> without_system(const std::vector<ChatMessage>& messages) {
  std::vector<ChatMessage> out;
  std::string system;
  for (const ChatMessage& m : messages) {
    if (m.role == "system") {
      system += (system.empty() ? "" : "\n") + content_text(m);
      continue;
    }
    out.push_back(m);
    if (m.role != "user" || system.empty()) continue;
    if (out.back().parts.empty()) {
      out.back().content = system + "\n" + m.content;
    } else {
      out.back().parts.insert(out.back().parts.begin(), ChatPart{ChatPart::Kind::text, system});
    }
    system.clear();
  }
  if (!system.empty()) {
    ChatMessage m;
    m.role = "user";
    m.content = system;
    out.push_back(m);
  }
  return out;
}

std::string date(const char* format, std::time_t now) {
  std::tm local{};
  localtime_r(&now, &local);
  char buf[64];
  return {buf, std::strftime(buf, sizeof buf, format, &local)};
}

}  // namespace

Json ChatTemplate::messages(const std::vector<ChatMessage>& given) const {
  const ChatCapabilities& c = capabilities_;
  std::vector<ChatMessage> list = given;
  if (source_->find("<|channel|>") == source_->npos)
    for (ChatMessage& m : list)
      if (m.role == "developer") m.role = "system";
  if (!c.system_role) list = without_system(list);

  Json out = Json::array();
  for (const ChatMessage& m : list) {
    Json j = {{"role", m.role}};
    const bool has_media = std::any_of(m.parts.begin(), m.parts.end(), [](const ChatPart& p) {
      return p.kind != ChatPart::Kind::text;
    });
    const bool typed = c.typed_content && (!c.string_content || has_media);
    const std::string text = content_text(m);
    if (text.empty() && !m.tool_calls.empty() && c.null_content) {
      j["content"] = nullptr;
    } else if (typed && !(text.empty() && m.parts.empty() && !m.tool_calls.empty())) {
      j["content"] = parts_of(m);
    } else {
      j["content"] = text;
    }
    if (!m.thinking.empty()) j["reasoning_content"] = j["thinking"] = m.thinking;
    if (!m.tool_name.empty()) j["name"] = m.tool_name;
    if (!m.tool_call_id.empty()) j["tool_call_id"] = m.tool_call_id;
    for (const ChatToolCall& call : m.tool_calls) {
      Json one = {{"type", "function"},
                  {"function",
                   {{"name", call.name}, {"arguments", arguments_of(call, c.object_arguments)}}}};
      if (!call.id.empty()) one["id"] = call.id;
      j["tool_calls"].push_back(std::move(one));
    }
    out.push_back(std::move(j));
  }
  return out;
}

Json ChatTemplate::variables(const ChatInput& input) const {
  const std::time_t now = input.now != 0 ? input.now : std::time(nullptr);
  Json v = {{"messages", messages(input.messages)},
            {"add_generation_prompt", input.add_generation_prompt},
            {"bos_token", input.bos},
            {"eos_token", input.eos},
            {"datetime", date("%b %d %Y", now)},
            {"date_string", date("%d %b %Y", now)}};
  if (input.tools && !input.tools->empty()) v["tools"] = *input.tools;
  if (input.think) v["enable_thinking"] = v["thinking"] = *input.think;
  if (!input.effort.empty()) v["reasoning_effort"] = v["reasoning_strength"] = input.effort;
  if (input.kwargs && input.kwargs->is_object())
    for (const auto& [key, value] : input.kwargs->items()) v[key] = value;
  return v;
}

}  // namespace engine
