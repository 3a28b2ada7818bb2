#include "engine/text/chat_names.h"

namespace engine {
namespace {

struct NamedTemplate {
  std::string_view name, text;
};
constexpr NamedTemplate kNamedTemplates[] = {
#define CHAT_TEMPLATE(name, text) {name, text},
#include "engine/text/chat_templates.inc"
};

}  // namespace

std::string_view named_chat_template(std::string_view name) {
  for (const NamedTemplate& t : kNamedTemplates)
    if (t.name == name) return t.text;
  return {};
}

std::string chat_template_names() {
  std::string out;
  for (const NamedTemplate& t : kNamedTemplates)
    out += (out.empty() ? "" : ", ") + std::string(t.name);
  return out;
}

}  // namespace engine
