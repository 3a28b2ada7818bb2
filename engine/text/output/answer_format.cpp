// The list of formats, and how one is chosen.
#include "engine/text/output/answer_format.h"

#include <algorithm>

namespace engine {
namespace {

std::vector<std::string_view> split(std::string_view list, std::string_view separator) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const size_t at = std::min(list.find(separator), list.size());
    if (at > 0) out.push_back(list.substr(0, at));
    list.remove_prefix(std::min(at + separator.size(), list.size()));
  }
  return out;
}

bool contains_all(std::string_view text, std::string_view parts) {
  const std::vector<std::string_view> list = split_tags(parts);
  return std::all_of(list.begin(), list.end(),
                     [&](std::string_view p) { return text.find(p) != text.npos; });
}

// Of a tag with more around it, the tokens are its parts.
void add_parts(std::string_view tag, std::vector<std::string>& out) {
  const size_t end = tag.find_first_of(">]");
  if (end != tag.npos && end + 1 < tag.size()) out.emplace_back(tag.substr(0, end + 1));
  for (size_t at = 0; (at = tag.find('<', at)) != tag.npos; ++at) {
    const size_t close = tag.find('>', at);
    if (close == tag.npos || (at == 0 && close + 1 == tag.size())) return;
    if (at > 0) out.emplace_back(tag.substr(at, close + 1 - at));
  }
}

}  // namespace

std::vector<std::string_view> split_tags(std::string_view list) {
  return split(list, " & ");
}

const std::vector<AnswerFormat>& answer_formats() {
  constexpr std::string_view kNamedArguments = "{\"name\": \"$name\", \"arguments\": $arguments}";
  static const std::vector<AnswerFormat> formats = {
#define FORMAT(id, ...) AnswerFormat{.name = #id, __VA_ARGS__},
#include "engine/text/output/tool_formats.inc"
#undef FORMAT
  };
  return formats;
}

const AnswerFormat* find_answer_format(std::string_view parser) {
  if (parser.empty()) return nullptr;
  for (const AnswerFormat& format : answer_formats())
    for (const std::string_view name : split(format.parsers, " "))
      if (name == parser) return &format;
  return nullptr;
}

const AnswerFormat& detect_answer_format(std::string_view jinja) {
  for (const AnswerFormat& format : answer_formats()) {
    if (!format.without.empty() && jinja.find(format.without) != jinja.npos) continue;
    for (const std::string_view parts : split(format.templates, " || "))
      if (contains_all(jinja, parts)) return format;
  }
  return answer_formats().back();
}

std::vector<std::string> control_texts(const AnswerFormat& f, bool calls) {
  std::vector<std::string> out;
  if (f.body == CallBody::harmony)
    return {"<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|call|>"};
  std::vector<std::string_view> lists = {f.think, f.think_end};
  if (calls)
    for (const std::string_view list :
         {f.section, f.section_end, f.open, f.close, f.separator, f.name_tag, f.function,
          f.parameter, f.parameter_end, f.value, f.value_end, f.name_end, f.key_end, f.call_end,
          f.mark, f.prefix, f.dropped})
      lists.push_back(list);
  for (const std::string_view list : lists)
    for (const std::string_view tag : split_tags(list)) {
      out.emplace_back(tag);
      add_parts(tag, out);
    }
  if (calls && f.body == CallBody::name_json) out.emplace_back("[CALL_ID]");
  return out;
}

}  // namespace engine
