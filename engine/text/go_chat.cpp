// Field names and JSON names of the values are part of the contract with templates.
#include "engine/text/go_chat.h"

#include <algorithm>
#include <climits>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/text/gotemplate/analysis.h"
#include "engine/text/gotemplate/interpreter.h"

namespace engine {
namespace {

using namespace gotemplate;
using Entries = std::vector<std::pair<std::string, Value>>;

constexpr int kMaxSchemaDepth = 30;

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto it = json.find(key);
  return it == json.end() || it->is_null() ? nullptr : &*it;
}
Value any(const Json& json, const char* key) {
  const Json* found = member(json, key);
  return found != nullptr ? from_json(*found) : Value();
}
Value text(const Json& json, const char* key) {
  const Json* found = member(json, key);
  return Value::input(found != nullptr && found->is_string() ? found->get<std::string>() : "");
}
Value list(const Json& json, const char* key) {
  const Json* found = member(json, key);
  return found != nullptr && found->is_array() ? from_json(*found) : make_list({});
}

// "string" or ["string", "null"].
Value types(const Json& json) {
  List out;
  out.type_names = true;
  if (const Json* type = member(json, "type")) {
    if (type->is_string()) out.items.push_back(from_json(*type));
    if (type->is_array())
      for (const Json& t : *type) out.items.push_back(from_json(t));
  }
  return Value(std::make_shared<const List>(std::move(out)));
}

Value property(const Json& json, int depth);

// sorted: in JSON too; else there in the order of arrival.
Value properties(const Json& json, bool sorted, int depth) {
  Map out;
  out.form = Form::json;
  const Json* found = member(json, "properties");
  if (found != nullptr && found->is_object() && depth < kMaxSchemaDepth) {
    std::vector<std::pair<std::string, size_t>> keys;
    for (auto it = found->begin(); it != found->end(); ++it)
      keys.emplace_back(it.key(), keys.size());
    std::sort(keys.begin(), keys.end());
    if (!sorted) out.json_order.resize(keys.size());
    for (const auto& [key, arrival] : keys) {
      if (!sorted) out.json_order[arrival] = out.entries.size();
      out.entries.emplace_back(key, property((*found)[key], depth + 1));
    }
  }
  return Value(std::make_shared<const Map>(std::move(out)));
}

Value property(const Json& json, int depth) {
  std::vector<Value> any_of;
  if (const Json* found = member(json, "anyOf");
      found && found->is_array() && depth < kMaxSchemaDepth)
    for (const Json& one : *found) any_of.push_back(property(one, depth + 1));
  return make_object("api.ToolProperty",
                     {{"AnyOf", "anyOf", make_list(std::move(any_of)), true},
                      {"Type", "type", types(json), true},
                      {"Items", "items", any(json, "items"), true},
                      {"Description", "description", text(json, "description"), true},
                      {"Enum", "enum", list(json, "enum"), true},
                      {"Properties", "properties", properties(json, false, depth), true},
                      {"Required", "required", list(json, "required"), true}},
                     Form::json);
}

Value parameters(const Json& json) {
  return make_object("api.ToolFunctionParameters",
                     {{"Type", "type", text(json, "type")},
                      {"Defs", "$defs", any(json, "$defs"), true},
                      {"Items", "items", any(json, "items"), true},
                      {"Required", "required", list(json, "required"), true},
                      {"Properties", "properties", properties(json, true, 0)}},
                     Form::json);
}

// The wrapper prints as JSON too: what the models were trained with.
Value tool(const Json& json) {
  static const Json kNone = Json::object();
  const Json* found = member(json, "function");
  const Json& function = found != nullptr ? *found : kNone;
  const Json* schema = member(function, "parameters");
  return make_object(
      "api.Tool",
      {{"Type", "type", text(json, "type")},
       {"Items", "items", any(json, "items"), true},
       {"Function", "function",
        make_object("api.ToolFunction",
                    {{"Name", "name", text(function, "name")},
                     {"Description", "description", text(function, "description")},
                     {"Parameters", "parameters", parameters(schema != nullptr ? *schema : kNone)}},
                    Form::json)}},
      Form::json);
}

Value tools(const Json* given) {
  std::vector<Value> out;
  if (given != nullptr && given->is_array())
    for (const Json& one : *given) out.push_back(tool(one));
  return make_list(std::move(out), Form::json);
}

Value arguments(const std::string& json) {
  Entries entries;
  if (const Result<Json> parsed = parse_json(json.empty() ? "{}" : json);
      parsed && parsed->is_object())
    for (const auto& [key, value] : parsed->items()) entries.emplace_back(key, from_json(value));
  return make_map(std::move(entries), Form::json);
}

Value tool_calls(const std::vector<ChatToolCall>& calls) {
  std::vector<Value> out;
  for (size_t i = 0; i < calls.size(); ++i)
    out.push_back(
        make_object("api.ToolCall",
                    {{"ID", "id", Value::input(calls[i].id), true},
                     {"Function", "function",
                      make_object("api.ToolCallFunction",
                                  {{"Index", "index", Value(static_cast<int64_t>(i))},
                                   {"Name", "name", Value::input(calls[i].name)},
                                   {"Arguments", "arguments", arguments(calls[i].arguments)}})}}));
  return make_list(std::move(out));
}

Value message(const ChatMessage& m) {
  std::vector<Value> images;
  for (const ChatPart& part : m.parts)
    if (part.kind == ChatPart::Kind::image) images.push_back(Value::text(""));
  return make_object("api.Message",
                     {{"Role", "role", Value::input(m.role)},
                      {"Content", "content", Value::input(content_text(m))},
                      {"Thinking", "thinking", Value::input(m.thinking), true},
                      {"Images", "images", make_list(std::move(images)), true},
                      {"ToolCalls", "tool_calls", tool_calls(m.tool_calls), true},
                      {"ToolName", "tool_name", Value::input(m.tool_name), true},
                      {"ToolCallID", "tool_call_id", Value::input(m.tool_call_id), true}});
}

// Neighbours of one role become one message; the results of tools stay apart.
std::vector<ChatMessage> collate(const std::vector<ChatMessage>& messages) {
  std::vector<ChatMessage> out;
  for (const ChatMessage& m : messages) {
    if (out.empty() || out.back().role != m.role || m.role == "tool") {
      out.push_back(m);
      continue;
    }
    ChatMessage& last = out.back();
    last.content = content_text(last) + "\n\n" + content_text(m);
    std::erase_if(last.parts, [](const ChatPart& p) { return p.kind == ChatPart::Kind::text; });
    last.tool_calls.insert(last.tool_calls.end(), m.tool_calls.begin(), m.tool_calls.end());
  }
  return out;
}

class GoChat {
 public:
  GoChat(const Program& program, const ChatInput& input) : program_(program), input_(input) {
    options_.now = input.now != 0 ? input.now : std::time(nullptr);
  }

  Result<RenderedChat> suffix() {
    Entries root = common();
    add(root, "Prompt", content_text(input_.messages.back()));
    add(root, "Suffix", input_.suffix);
    add(root, "Response", "");
    ENGINE_TRY_STATUS(append(std::move(root), INT_MAX));
    return std::move(out_);
  }

  Result<RenderedChat> messages() {
    const std::vector<ChatMessage> list = collate(input_.messages);
    std::string system;
    std::vector<Value> values;
    for (const ChatMessage& m : list) {
      if (m.role == "system") (system += system.empty() ? "" : "\n\n") += content_text(m);
      values.push_back(message(m));
    }
    Entries root = common();
    add(root, "System", system);
    root.emplace_back("Messages", make_list(std::move(values)));
    root.emplace_back("Tools", tools(input_.tools));
    add(root, "Response", "");
    ENGINE_TRY_STATUS(append(std::move(root), INT_MAX));
    return std::move(out_);
  }

  // The whole template for every turn; for the last one it ends where the answer goes on.
  Result<RenderedChat> legacy() {
    for (const ChatMessage& m : collate(input_.messages)) {
      const std::string text = content_text(m);
      if (m.role == "system") {
        if (!prompt_.empty() || !response_.empty()) ENGINE_TRY_STATUS(turn(INT_MAX));
        system_ = text;
      } else if (m.role == "user") {
        if (!response_.empty()) ENGINE_TRY_STATUS(turn(INT_MAX));
        prompt_ = text;
      } else if (m.role == "assistant") {
        response_ = text;
      }
    }
    ENGINE_TRY_STATUS(turn(response_order(program_)));
    return std::move(out_);
  }

 private:
  static void add(Entries& root, const char* name, const std::string& s) {
    root.emplace_back(name, Value::input(s));
  }

  Entries common() const {
    const bool think = input_.think.value_or(false);
    std::string level = input_.effort;
    if (level.empty() && think) level = "medium";
    Entries root;
    root.emplace_back("Think", Value(think));
    root.emplace_back("ThinkLevel", Value::text(level));
    root.emplace_back("IsThinkSet", Value(input_.think.has_value()));
    return root;
  }

  Status turn(int last_order) {
    Entries root = common();
    add(root, "System", system_);
    add(root, "Prompt", prompt_);
    add(root, "Response", response_);
    system_.clear(), prompt_.clear(), response_.clear();
    return append(std::move(root), last_order);
  }

  Status append(Entries root, int last_order) {
    options_.last_order = last_order;
    ENGINE_TRY(one, Interpreter(program_, options_).run(make_map(std::move(root))));
    const size_t base = out_.text.size();
    if (one.text.size() > options_.limits.output - base)
      return Error{Errc::invalid_argument, "template: the prompt is too long"};
    out_.text += one.text;
    for (const Range& r : one.input) {
      if (!out_.input.empty() && out_.input.back().end == base + r.begin)
        out_.input.back().end = base + r.end;
      else
        out_.input.push_back({base + r.begin, base + r.end});
    }
    return ok;
  }

  const Program& program_;
  const ChatInput& input_;
  RunOptions options_;
  RenderedChat out_;
  std::string system_, prompt_, response_;
};

}  // namespace

Result<std::shared_ptr<const gotemplate::Program>> parse_go_chat(std::string_view source) {
  ENGINE_TRY(program, parse_program(source));
  if (!mentions(*program, "messages") && !mentions(*program, "response"))
    append_field(*program, "Response");
  return std::shared_ptr<const Program>(std::move(program));
}

Result<RenderedChat> render_go_chat(const gotemplate::Program& program, const ChatInput& input) {
  GoChat chat(program, input);
  const bool has_prompt = !input.messages.empty() && !content_text(input.messages.back()).empty();
  if (!input.suffix.empty() && has_prompt) return chat.suffix();
  return mentions(program, "messages") ? chat.messages() : chat.legacy();
}

}  // namespace engine
