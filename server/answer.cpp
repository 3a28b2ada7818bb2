// Keys come in the order clients have always seen; those that are 0 or empty are left out.
#include "server/answer.h"

#include <nlohmann/json.hpp>

#include "engine/run/prompt.h"
#include "server/answer_formatter.h"
#include "server/timestamp.h"

namespace engine {
namespace {

const char* reason_text(DoneReason reason) {
  return reason == DoneReason::length ? "length" : "stop";
}

class NativeFormatter : public AnswerFormatter {
 public:
  using AnswerFormatter::AnswerFormatter;

  std::string_view content_type() const override {
    return info_.stream ? "application/x-ndjson" : "application/json; charset=utf-8";
  }

  void failed(const Error& error, std::string& out) override {
    line(Json{{"error", error.message}}, out);
  }

 protected:
  void piece(PieceKind kind, const std::string& text, std::string& out) override {
    const bool thinking = kind == PieceKind::thinking;
    Json object = answer_object(info_, thinking ? "" : text, thinking ? text : "");
    object["done"] = false;
    add_logprobs(take_logprobs(), object);
    line(object, out);
  }

  void call(const ChatToolCall& call, size_t index, std::string& out) override {
    Json object = answer_object(info_, {}, {});
    object["message"]["tool_calls"] = Json::array({call_json(call, index)});
    object["done"] = false;
    add_logprobs(take_logprobs(), object);
    line(object, out);
  }

  void end(const AnswerText& all, const GenerateStats& stats, std::string& out) override {
    const AnswerText text = info_.stream ? AnswerText{} : all;
    Json object = answer_object(info_, text.content, text.thinking);
    Json calls = Json::array();
    for (const ChatToolCall& call : text.calls) calls.push_back(call_json(call, calls.size()));
    if (!calls.empty()) object["message"]["tool_calls"] = std::move(calls);
    object["done"] = true;
    object["done_reason"] = reason_text(stats.reason);
    const Json logprobs = take_logprobs();
    if (info_.chat) add_logprobs(logprobs, object);
    const size_t before = out.size();
    if (info_.with_context) {
      Json with = object;
      with["context"] = stats.context;
      add_metrics(stats, with);
      if (!info_.chat) add_logprobs(logprobs, with);
      line(with, out);
    }
    if (out.size() == before || out.size() - before > kMaxLineBytes) {
      out.resize(before);
      add_metrics(stats, object);
      if (!info_.chat) add_logprobs(logprobs, object);
      line(object, out);
    }
  }

 private:
  static Json call_json(const ChatToolCall& call, size_t index) {
    Result<Json> arguments = parse_json(call.arguments);
    return {{"id", call.id},
            {"function",
             {{"index", index},
              {"name", call.name},
              {"arguments", arguments ? std::move(*arguments) : Json::object()}}}};
  }

  static void add_logprobs(Json logprobs, Json& object) {
    if (!logprobs.empty()) object["logprobs"] = std::move(logprobs);
  }

  void line(const Json& object, std::string& out) const {
    out += dump_json(object);
    if (info_.stream) out += '\n';
  }

  void add_metrics(const GenerateStats& stats, Json& object) const {
    const auto add = [&](const char* key, int64_t value) {
      if (value > 0) object[key] = value;
    };
    const auto total = std::chrono::steady_clock::now() - info_.arrival;
    add("total_duration", std::chrono::duration_cast<std::chrono::nanoseconds>(total).count());
    add("load_duration", info_.load.count());
    add("prompt_eval_count", stats.prompt_tokens);
    add("prompt_eval_duration", stats.prompt_ns);
    add("eval_count", stats.output_tokens);
    add("eval_duration", stats.output_ns);
    add("draft_count", stats.proposed_tokens);
    add("draft_accepted_count", stats.accepted_tokens);
  }
};

}  // namespace

std::unique_ptr<Formatter> make_native_formatter(AnswerInfo info) {
  return std::make_unique<NativeFormatter>(std::move(info));
}

std::unique_ptr<AnswerParser> make_answer_parser(const AnswerInfo& info) {
  const bool tools = info.format && info.tools && !info.tools->empty();
  // gpt-oss writes its channels whether reasoning is wanted or not.
  const bool channels = info.format && info.format->body == CallBody::harmony;
  // In Functionary's answers all text has a name in front.
  const bool addressed = info.format && !info.format->content_name.empty();
  if (!tools && !channels && !addressed && !info.split_thinking) return nullptr;
  AnswerRules rules;
  if (info.format) rules.format = info.format.get();
  rules.call_tag = info.call_tag;
  rules.tools = info.tools;
  rules.thinking = info.split_thinking;
  rules.starts_thinking = info.starts_thinking;
  rules.think = info.think_open;
  rules.think_end = info.think_close;
  return std::make_unique<AnswerParser>(rules);
}

Json answer_object(const AnswerInfo& info, const std::string& content,
                   const std::string& thinking) {
  Json object;
  object["model"] = info.model;
  object["created_at"] = utc_now();
  if (info.chat) {
    Json message{{"role", "assistant"}, {"content", content}};
    if (!thinking.empty()) message["thinking"] = thinking;
    object["message"] = std::move(message);
  } else {
    object["response"] = content;
    if (!thinking.empty()) object["thinking"] = thinking;
  }
  return object;
}

Json load_reply(const AnswerInfo& info, const char* reason) {
  Json object = answer_object(info, {}, {});
  object["done"] = true;
  object["done_reason"] = reason;
  return object;
}

Json debug_reply(const AnswerInfo& info, const Prompt& prompt) {
  Json object = answer_object(info, {}, {});
  if (info.chat) object["message"]["role"] = "";
  object["done"] = false;
  object["_debug_info"] = Json{{"rendered_template", prompt.text}};
  return object;
}

AnswerForm native_form() {
  return {make_native_formatter, load_reply, debug_reply};
}

}  // namespace engine
