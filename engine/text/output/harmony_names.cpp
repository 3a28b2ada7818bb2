#include "engine/text/output/harmony_names.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

// What the model was trained with under names that are no identifiers.
constexpr std::string_view kBuiltIn[] = {"browser.open", "browser.search", "browser.find",
                                         "python"};

std::string identifier(const std::string& name) {
  if (std::find(std::begin(kBuiltIn), std::end(kBuiltIn), name) != std::end(kBuiltIn)) return name;
  std::string out;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
    if (digit && out.empty()) out += '_';
    if (c == ' ' || c == '-' || c == '.')
      out += '_';
    else if (digit || letter)
      out += c;
  }
  return out.empty() ? "unnamed" : out;
}

const Json* name_of(const Json& tool) {
  if (!tool.is_object() || !tool.contains("function") || !tool["function"].is_object())
    return nullptr;
  const auto it = tool["function"].find("name");
  return it != tool["function"].end() && it->is_string() ? &*it : nullptr;
}

}  // namespace

HarmonyNames::HarmonyNames(const Json* tools) {
  if (!tools || !tools->is_array()) return;
  for (const Json& tool : *tools) {
    const Json* name = name_of(tool);
    if (!name || written_.contains(name->get_ref<const std::string&>())) continue;
    const std::string first = identifier(name->get<std::string>());
    std::string next = first;
    for (int n = 2; original_.contains(next); ++n) next = first + "_" + std::to_string(n);
    written_[name->get<std::string>()] = next;
    original_[next] = name->get<std::string>();
  }
}

std::string HarmonyNames::written(const std::string& name) const {
  const auto it = written_.find(name);
  return it != written_.end() ? it->second : identifier(name);
}

std::string HarmonyNames::original(std::string_view written) const {
  const auto it = original_.find(written);
  return it != original_.end() ? it->second : std::string(written);
}

std::shared_ptr<const Json> HarmonyNames::renamed(const Json& tools) const {
  Json out = tools;
  if (out.is_array())
    for (Json& tool : out)
      if (const Json* name = name_of(tool))
        tool["function"]["name"] = written(name->get<std::string>());
  return std::make_shared<const Json>(std::move(out));
}

HarmonyInput harmony_input(const ChatInput& input) {
  HarmonyInput out{input, nullptr};
  const HarmonyNames names(input.tools);
  if (input.tools) {
    out.tools = names.renamed(*input.tools);
    out.input.tools = out.tools.get();
  }
  for (ChatMessage& message : out.input.messages) {
    if (!message.tool_name.empty()) message.tool_name = names.written(message.tool_name);
    for (ChatToolCall& call : message.tool_calls) call.name = names.written(call.name);
  }
  return out;
}

}  // namespace engine
