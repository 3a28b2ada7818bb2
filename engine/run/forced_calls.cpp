// The layout of the format, with the tokens of the model for its tags.
#include "engine/run/forced_calls.h"

#include <fmt/format.h>

#include "engine/run/format_cache.h"
#include "engine/text/output/harmony_names.h"
#include "engine/text/tokenizer.h"

namespace engine {
namespace {

grammar::ParameterText values_of(const AnswerFormat& format) {
  switch (format.body) {
    case CallBody::tagged:
    case CallBody::pairs:
    case CallBody::nested:
      return grammar::ParameterText::plain;
    case CallBody::framed:
      return format.values == ValueText::json ? grammar::ParameterText::json
                                              : grammar::ParameterText::plain;
    case CallBody::bare:
      return grammar::ParameterText::marked;
    default:
      return grammar::ParameterText::json;
  }
}

// The tags of the format that are tokens without a meaning as text.
std::vector<grammar::Tag> tags_of(const Tokenizer& tokenizer, std::vector<std::string> texts) {
  std::vector<grammar::Tag> out;
  for (std::string& text : texts) {
    const Token id = text.empty() ? kNoToken : tokenizer.find(text);
    if (id != kNoToken && tokenizer.vocabulary().has(id, attr_control | attr_user_defined))
      out.emplace_back(std::move(text), id, tokenizer.is_eog(id));
  }
  return out;
}

}  // namespace

grammar::CallShape call_shape(const AnswerFormat& format) {
  grammar::CallShape shape;
  shape.layout = format.layout;
  shape.values = values_of(format);
  shape.mark = format.mark;
  shape.kinds_told = format.layout.parameter.find("$kind") != std::string_view::npos;
  return shape;
}

namespace {

Result<OutputFormat> made_calls(const Model& model, const AnswerFormat& format,
                                std::string_view call_tag, const Json& tools,
                                const ToolChoice& choice) {
  grammar::CallShape shape = call_shape(format);
  std::string begin;
  if (!call_tag.empty()) {
    // The readers of Go templates take an object, or a list of them, behind the tag.
    const bool brackets = call_tag == "{" || call_tag == "[";
    begin = brackets ? std::string() : std::string(call_tag) + "$gap";
    shape.layout.begin = begin;
    shape.layout.list = call_tag != "{";
    shape.layout.single = call_tag == "{";
    shape.layout.between = ", ";
  }
  if (shape.layout.call.empty())
    return Error{
        Errc::invalid_argument,
        fmt::format("tool_choice: calls in the format of this model ({}) cannot be forced; "
                    "use \"auto\"",
                    format.name)};
  if (const Tokenizer* tokenizer = model.tokenizer()) {
    std::vector<std::string> texts = control_texts(format, true);
    if (!call_tag.empty()) texts.emplace_back(call_tag);
    shape.tags = tags_of(*tokenizer, std::move(texts));
  }
  std::shared_ptr<const Json> renamed;
  std::string name = choice.name;
  if (format.body == CallBody::harmony) {
    const HarmonyNames names(&tools);
    renamed = names.renamed(tools);
    if (!name.empty()) name = names.written(name);
  }
  ENGINE_TRY(made, grammar::call_grammar(shape, renamed ? *renamed : tools, name, choice.parallel));
  OutputFormat out;
  out.grammar = std::make_shared<const grammar::Grammar>(std::move(made));
  return out;
}

}  // namespace

Result<OutputFormat> forced_calls(const Model& model, const AnswerFormat& format,
                                  std::string_view call_tag, const Json& tools,
                                  const ToolChoice& choice) {
  // Lengths tell texts of any content apart; a format has its name for itself.
  const std::string key = fmt::format("calls {} {} {} {} {} {} {} {}", format.name.size(),
                                      call_tag.size(), choice.name.size(), choice.parallel,
                                      format.name, call_tag, choice.name, dump_json(tools));
  return model.formats().get(key, [&]() -> Result<OutputFormat> {
    ENGINE_TRY(made, made_calls(model, format, call_tag, tools, choice));
    made.key = key;
    return std::move(made);
  });
}

}  // namespace engine
